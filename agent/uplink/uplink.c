/*
 * Joins the parts: identity, spool and publishing, and the conversation of talk.c. Whatever is
 * opened here closes by itself as the loop turns.
 */
#define LOG_MODULE "uplink"
#include "agent/uplink/uplink_inner.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/wire/subjects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 250, SAVE_MS = 5000 /* what was acknowledged goes to disk so often */ };

/* For publish.c, which puts its subjects together itself. */
static int send_batch(const char *subject, const void *bytes, size_t len, void *arg, struct err *e)
{
    struct uplink *u = arg;
    return u->bus == NULL ? err_set(e, ERR_CLOSED, "no connection")
                          : bus_publish(u->bus, subject, bytes, len, e);
}

static void on_tick(uv_timer_t *timer)
{
    struct uplink *u = timer->data;
    uint64_t now = uv_now(u->loop);
    talk_tick(u);
    publish_tick(u->publish);
    if (now >= u->save_ms) {
        u->save_ms = now + SAVE_MS;
        spool_save(u->spool);
    }
}

/* ---- life ---- */

static void uplink_free(struct uplink *u)
{
    for (size_t i = 0; i < u->url_count; i++) {
        free(u->urls[i]);
    }
    free(u->urls);
    free(u->name);
    free(u->token_file);
    free(u->ca_file);
    remote_config_close(u->config);
    identity_done(&u->identity);
    free(u);
}

/* A setting that may be left out: then *copy stays NULL. */
static int copy_text(char **copy, const char *text, struct err *e)
{
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    *copy = strdup(text);
    return *copy != NULL ? 0 : err_set(e, ERR_NOMEM, "the uplink");
}

static int copy_options(struct uplink *u, const struct uplink_options *o, struct err *e)
{
    if (o->name == NULL || !name_is_valid(o->name)) {
        return err_set(e, ERR_CONFIG, "\"%s\" is no instance name", o->name != NULL ? o->name : "");
    }
    if (o->url_count == 0) {
        return err_set(e, ERR_CONFIG, "no address of NATS");
    }
    u->urls = calloc(o->url_count, sizeof *u->urls);
    if (u->urls == NULL) {
        return err_set(e, ERR_NOMEM, "the uplink");
    }
    for (; u->url_count < o->url_count; u->url_count++) {
        if (copy_text(&u->urls[u->url_count], o->urls[u->url_count], e) != 0) {
            return -1;
        }
    }
    if (copy_text(&u->name, o->name, e) != 0 || copy_text(&u->token_file, o->token_file, e) != 0 ||
        copy_text(&u->ca_file, o->ca_file, e) != 0) {
        return -1;
    }
    (void)snprintf(u->boot, sizeof u->boot, "%s", o->boot);
    (void)snprintf(u->run, sizeof u->run, "%08x%08x", arc4random(), arc4random()); /* fits */
    u->renew_share = (uint8_t)arc4random();
    u->loop = o->loop;
    u->start_mono_ns = o->start_mono_ns;
    u->restarted = o->restarted;
    u->on_question = o->on_question;
    u->on_watch = o->on_watch;
    u->arg = o->arg;
    return 0;
}

static int open_spool(struct uplink *u, const struct uplink_options *o, struct err *e)
{
    char dir[IDENTITY_PATH_SIZE];
    int len = snprintf(dir, sizeof dir, "%s/spool", o->state_dir);
    if (len < 0 || (size_t)len >= sizeof dir) {
        return err_set(e, ERR_ARG, "the path %s is too long", o->state_dir);
    }
    struct spool_options options = {.dir = dir,
                                    .cap_bytes = o->cap_bytes,
                                    .ledger_fd = o->ledger_fd,
                                    .now_s = clock_wall_ns() / NS_PER_S};
    u->spool = spool_open(&options, e);
    return u->spool != NULL ? 0 : -1;
}

static int open_config(struct uplink *u, const struct uplink_options *o, struct err *e)
{
    struct remote_config_options options = {.dir = o->state_dir,
                                            .name = u->name,
                                            .consumers = o->consumers,
                                            .consumer_count = o->consumer_count};
    u->config = remote_config_open(&options, u->identity.centre, e);
    return u->config != NULL ? 0 : -1;
}

static int open_parts(struct uplink *u, struct err *e)
{
    struct publish_options options = {
        .loop = u->loop, .spool = u->spool, .name = u->name, .send = send_batch, .arg = u};
    struct inbox_handlers handlers = {.event = talk_event, .message = talk_message, .arg = u};
    u->publish = publish_new(&options, e);
    if (u->publish == NULL) {
        return -1;
    }
    u->parts++;
    u->inbox = inbox_new(u->loop, &handlers, e);
    if (u->inbox == NULL) {
        return -1;
    }
    u->parts++;
    return 0;
}

static void on_part_closed(void *arg)
{
    struct uplink *u = arg;
    if (--u->parts == 0) {
        spool_close(u->spool);
        uplink_free(u);
    }
}

static void on_before_wait(uv_prepare_t *handle)
{
    struct uplink *u = handle->data;
    spool_flush(u->spool);
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

/* Whatever was opened closes by itself as the loop turns; the memory goes with the last part. */
static void close_parts(struct uplink *u)
{
    u->parts++; /* this function, so that nothing is freed under it */
    if (u->publish != NULL) {
        publish_close(u->publish, on_part_closed, u);
    }
    if (u->inbox != NULL) {
        inbox_close(u->inbox, on_part_closed, u);
    }
    if (u->tick.data != NULL) {
        uv_close((uv_handle_t *)&u->tick, on_handle_closed);
        uv_close((uv_handle_t *)&u->before_wait, on_handle_closed);
    }
    on_part_closed(u);
}

struct uplink *uplink_open(const struct uplink_options *options, struct err *e)
{
    struct uplink *u = calloc(1, sizeof *u);
    if (u == NULL) {
        (void)err_set(e, ERR_NOMEM, "the uplink");
        return NULL;
    }
    if (copy_options(u, options, e) != 0 ||
        identity_open(&u->identity, options->state_dir, u->name, e) != 0 ||
        open_config(u, options, e) != 0 || open_spool(u, options, e) != 0 ||
        open_parts(u, e) != 0) {
        close_parts(u);
        return NULL;
    }
    (void)uv_timer_init(u->loop, &u->tick); /* none of these fails with a loop and a call-back */
    (void)uv_prepare_init(u->loop, &u->before_wait);
    u->tick.data = u->before_wait.data = u;
    u->parts += 2;
    (void)uv_prepare_start(&u->before_wait, on_before_wait);
    uv_unref((uv_handle_t *)&u->before_wait);
    (void)uv_timer_start(&u->tick, on_tick, TICK_MS, TICK_MS);
    talk_begin(u);
    return u;
}

void uplink_close(struct uplink *u, bool bye)
{
    if (u == NULL) {
        return;
    }
    publish_flush(u->publish);
    talk_end(u, bye);
    close_parts(u);
}

/* ---- what control hands over ---- */

static int keep(struct uplink *u, enum wire_stream stream, const void *bytes, size_t len,
                struct err *e)
{
    if (len == 0) {
        return err_set(e, ERR_ARG, "a record of %s that does not fit its limit",
                       wire_stream_word(stream));
    }
    if (spool_append(u->spool, stream, bytes, len, NULL, e) != 0) {
        return -1;
    }
    publish_appended(u->publish, stream);
    return 0;
}

int uplink_alert(struct uplink *u, const struct wire_alert *alert, struct err *e)
{
    char buf[ALERT_PACKED_MAX];
    return keep(u, STREAM_ALERT, buf, wire_alert_pack(alert, buf, sizeof buf), e);
}

int uplink_asset(struct uplink *u, const struct wire_asset *asset, struct err *e)
{
    char buf[ASSET_PACKED_MAX];
    return keep(u, STREAM_ASSET, buf, wire_asset_pack(asset, buf, sizeof buf), e);
}

int uplink_counter(struct uplink *u, const struct counter_record *record, struct err *e)
{
    uint8_t buf[COUNTER_PACKED_MAX];
    return keep(u, STREAM_COUNTER, buf, counter_record_pack(record, buf, sizeof buf), e);
}

int uplink_flow(struct uplink *u, const struct flow_record *record, struct err *e)
{
    uint8_t buf[FLOW_PACKED_MAX];
    return keep(u, STREAM_FLOW, buf, flow_record_pack(record, buf, sizeof buf), e);
}

int uplink_device(struct uplink *u, const struct device_record *record, struct err *e)
{
    char buf[DEVICE_PACKED_MAX];
    return keep(u, STREAM_SNMP, buf, device_record_pack(record, buf, sizeof buf), e);
}

int uplink_probe(struct uplink *u, const struct probe_record *record, struct err *e)
{
    char buf[PROBE_PACKED_MAX];
    return keep(u, STREAM_PROBE, buf, probe_record_pack(record, buf, sizeof buf), e);
}

void uplink_heartbeat(struct uplink *u, const struct heartbeat *h)
{
    struct err e = {0};
    char buf[HEARTBEAT_MAX];
    enum heartbeat_form form = u->welcomed ? u->heartbeat : HEARTBEAT_JSON;
    if (talk_send(u, "hb", buf, heartbeat_pack(h, form, buf, sizeof buf), &e) != 0) {
        log_debug(&e, "a heartbeat is lost");
    }
}

bool uplink_hits(struct uplink *u, struct config_hits *hits)
{
    struct err e = {0};
    char buf[HELLO_MAX];
    memcpy(hits->run, u->run, sizeof hits->run);
    return u->welcomed &&
           talk_send(u, "hits", buf, config_hits_pack(hits, buf, sizeof buf), &e) == 0;
}

void uplink_live(struct uplink *u, const struct live_sample *s)
{
    struct err e = {0};
    char buf[HEARTBEAT_MAX];
    if (uplink_is_watched(u) &&
        talk_send(u, "live", buf, live_sample_pack(s, buf, sizeof buf), &e) != 0) {
        log_debug(&e, "a live sample is lost");
    }
}

bool uplink_is_watched(const struct uplink *u)
{
    return u->watch_until_ms != 0;
}

void uplink_answer(struct uplink *u, const struct query *question, const struct query_chunk *chunk)
{
    struct err e = {0};
    char subject[SUBJECT_SIZE];
    size_t len;
    char *text = query_chunk_pack(chunk, &len);
    int subject_len = snprintf(subject, sizeof subject, "pk.v1.rsp.%s.%s.%s.%u", u->name,
                               question->agg, question->req, chunk->n);
    if (text == NULL || subject_len < 0 || (size_t)subject_len >= sizeof subject) {
        log_error(NULL, "an answer cannot be put together");
    } else if (u->bus == NULL || bus_publish(u->bus, subject, text, len, &e) != 0) {
        log_info(&e, "an answer is lost");
    }
    free(text);
}

void uplink_stats(const struct uplink *u, struct uplink_stats *stats)
{
    struct spool_stats spool;
    spool_stats(u->spool, &spool);
    uint64_t wall_ns = clock_wall_ns();
    uint64_t oldest = spool.oldest_wall_ns;
    *stats = (struct uplink_stats){
        .connected = u->connected,
        .welcomed = u->welcomed,
        .enrolled = identity_is_enrolled(&u->identity),
        .spool_bytes = spool.bytes,
        .spool_cap_bytes = spool.cap_bytes,
        .spool_age_s = oldest != 0 && wall_ns > oldest ? (wall_ns - oldest) / NS_PER_S : 0,
        .spool_records = spool.records,
        .spool_dropped = spool.dropped,
        .spool_failed = spool.failed,
        .client_dropped = inbox_dropped(u->inbox) + (u->bus != NULL ? bus_dropped(u->bus) : 0),
        .denied = u->denied,
        .config_revision = remote_config_report(u->config)->revision,
        .config_refused = remote_config_refused(u->config),
    };
}
