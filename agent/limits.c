#include "agent/limits.h"

#include "agent/asset/asset.h"
#include "agent/asset/host.h"
#include "agent/capture/source.h"
#include "agent/dpi/dpi.h"
#include "agent/engine_link.h"
#include "agent/flow/half_open.h"
#include "agent/flow/table.h"
#include "agent/print/print.h"

#include <inttypes.h>
#include <stdio.h>

#define MIB ((uint64_t)1024 * 1024)

/* What a process takes before its first packet, and buffers that do not depend on settings. */
#define WORKER_BYTES  (32 * MIB) /* nDPI's tables of names are most of it */
#define CONTROL_BYTES (48 * MIB) /* detectors' tables and the spool's buffers, all full */

enum { INDEX_BYTES = 24 }; /* of an entry in the index of a common/table.h */

static uint64_t engine_bytes(const struct settings *s)
{
    return flow_table_bytes((uint32_t)s->flow_max) + half_open_bytes((uint32_t)s->flow_half_open) +
           prints_bytes((uint32_t)s->flow_max) + (uint64_t)s->capture_fragments +
           (s->dpi_enabled ? dpi_bytes((uint32_t)s->dpi_max_states) : 0) + WORKER_BYTES;
}

static uint64_t control_bytes(const struct settings *s)
{
    return (uint64_t)s->hosts_max * (sizeof(struct host) + INDEX_BYTES) +
           (uint64_t)s->assets_max * (sizeof(struct asset) + INDEX_BYTES) + CONTROL_BYTES;
}

struct limits limits_of(const struct settings *s)
{
    struct limits l = {.workers = (unsigned)s->capture_workers, .control_bytes = control_bytes(s)};
    for (size_t i = 0; i < s->capture_sources.count; i++) {
        const char *word = s->capture_sources.items[i];
        l.rings += source_is_file(word) || source_is_collector(word) ? 0 : l.workers;
    }
    l.ring_bytes = l.rings * (uint64_t)s->capture_ring;
    l.engine_bytes = l.workers * engine_bytes(s);
    return l;
}

uint64_t limits_bytes(const struct limits *l)
{
    return l->engine_bytes + l->control_bytes;
}

char *limits_text(const struct settings *s, char *buf)
{
    const struct limits l = limits_of(s);
    /* Numbers of known size: it fits. */
    (void)snprintf(buf, LIMITS_TEXT_SIZE,
                   "at most %" PRIu64 " MiB: by worker (%u) %" PRId64 " flows, %" PRId64
                   " half-open connections, %" PRId64 " flows in inspection, %" PRIu64
                   " MiB of texts and qualities; %" PRId64 " hosts, %" PRId64
                   " assets; beside it capture rings of %" PRIu64 " MiB",
                   limits_bytes(&l) / MIB, l.workers, s->flow_max, s->flow_half_open,
                   s->dpi_enabled ? s->dpi_max_states : 0,
                   (uint64_t)flow_table_parts_bytes((uint32_t)s->flow_max) / MIB, s->hosts_max,
                   s->assets_max, l.ring_bytes / MIB);
    return buf;
}
