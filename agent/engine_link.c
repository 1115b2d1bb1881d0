#include "agent/engine_link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum { LINK_ALIGN = 64, QUESTION_SLOTS = 4 };

/* Takes size bytes from the mapping; with a NULL base it only counts. */
static void *carve(uint8_t *base, size_t *used, size_t size)
{
    void *here = base == NULL ? NULL : base + *used;
    *used += (size + LINK_ALIGN - 1) / LINK_ALIGN * LINK_ALIGN;
    return here;
}

static struct ring *carve_ring(uint8_t *base, size_t *used, uint32_t slot, uint32_t slots)
{
    void *here = carve(base, used, ring_size(slot, slots));
    return here == NULL ? NULL : ring_new(here, slot, slots);
}

/* Lays everything out, or with a NULL base tells how much it takes. */
static size_t lay_out(struct engine_link *link, uint8_t *base)
{
    size_t used = 0;
    link->health = carve(base, &used, sizeof *link->health);
    for (unsigned i = 0; i < link->workers; i++) {
        struct engine_lane *lane = &link->lanes[i];
        lane->stats = carve(base, &used, sizeof *lane->stats);
        lane->snapshot = carve(base, &used, sizeof *lane->snapshot);
        lane->flows = carve_ring(base, &used, sizeof(struct record), ENGINE_FLOW_SLOTS);
        lane->accounts = carve_ring(base, &used, sizeof(struct account), ENGINE_ACCOUNT_SLOTS);
        lane->sightings = carve_ring(base, &used, sizeof(struct sighting), ENGINE_SIGHTING_SLOTS);
        lane->exporters =
            carve_ring(base, &used, sizeof(struct exporter_view), ENGINE_EXPORTER_SLOTS);
        lane->questions = carve_ring(base, &used, sizeof(struct engine_question), QUESTION_SLOTS);
    }
    return used;
}

int engine_link_open(struct engine_link *link, unsigned workers, struct err *e)
{
    *link = (struct engine_link){.workers = workers, .to_control = -1};
    for (unsigned i = 0; i < ENGINE_MAX_WORKERS; i++) {
        link->to_worker[i] = -1;
    }
    if (workers < 1 || workers > ENGINE_MAX_WORKERS) {
        return err_set(e, ERR_ARG, "%u workers: 1 to %d are possible", workers, ENGINE_MAX_WORKERS);
    }
    if (getrandom(&link->share_key, sizeof link->share_key, 0) != (ssize_t)sizeof link->share_key) {
        return err_set_errno(e, "no random key to share flows by");
    }
    link->size = lay_out(link, NULL);
    void *memory =
        mmap(NULL, link->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return err_set_errno(e, "cannot map %zu bytes between engine and control", link->size);
    }
    link->memory = memory;
    (void)lay_out(link, memory);
    link->to_control = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bool opened = link->to_control >= 0;
    for (unsigned i = 0; i < workers; i++) {
        const struct engine_lane *lane = &link->lanes[i];
        opened = opened && lane->flows != NULL && lane->accounts != NULL &&
                 lane->questions != NULL && lane->sightings != NULL && lane->exporters != NULL;
        link->to_worker[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        opened = opened && link->to_worker[i] >= 0;
    }
    if (!opened) {
        (void)err_set_errno(e, "cannot make the rings between engine and control");
        engine_link_close(link);
        return -1;
    }
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd); /* an eventfd has nothing to lose */
        *fd = -1;
    }
}

void engine_link_close(struct engine_link *link)
{
    if (link->memory != NULL) {
        (void)munmap(link->memory, link->size); /* fails only for a wrong address */
        link->memory = NULL;
    }
    close_fd(&link->to_control);
    for (unsigned i = 0; i < ENGINE_MAX_WORKERS; i++) {
        ring_free(link->lanes[i].flows);
        ring_free(link->lanes[i].accounts);
        ring_free(link->lanes[i].sightings);
        ring_free(link->lanes[i].exporters);
        ring_free(link->lanes[i].questions);
        link->lanes[i] = (struct engine_lane){0};
        close_fd(&link->to_worker[i]);
    }
}

/*
 * Records that the dead engine committed stay for control: a ring moves its head only over whole
 * slots. Questions that it left are dropped; control's deadline sees to them.
 */
void engine_link_reset(struct engine_link *link)
{
    for (unsigned i = 0; i < link->workers; i++) {
        struct engine_lane *lane = &link->lanes[i];
        memset(lane->stats, 0, sizeof *lane->stats);
        while (ring_peek(lane->questions) != NULL) {
            ring_release(lane->questions);
        }
    }
}
