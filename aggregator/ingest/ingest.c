/* Subjects are patterns of the core scope's rights; the sender's name is read from the subject. */
#include "aggregator/ingest/ingest.h"

#include "common/wire/envelope.h"
#include "common/wire/heartbeat.h"
#include "common/wire/query.h"
#include "common/wire/subjects.h"

#define LOG_MODULE "ingest"
#include "common/log.h"

#include <string.h>

enum { ENROL_MAX = 4096 /* bytes; the enrol scope's own limit */ };

/* Counts a message; false when it is empty or larger than its kind may be. */
static bool admit(struct ingest *in, size_t len, size_t max)
{
    metric_add(&in->metrics->messages_received, 1);
    if (len > 0 && len <= max) {
        return true;
    }
    metric_add(&in->metrics->messages_malformed, 1);
    return false;
}

static void on_batch(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct ingest *in = arg;
    struct subject_parts parts;
    if (!admit(in, len, WIRE_MAX)) {
        return;
    }
    if (!subject_parse_up(subject, &parts) || strncmp(parts.word, "b.", 2) != 0) {
        metric_add(&in->metrics->messages_malformed, 1);
        return;
    }
    enum wire_stream stream = wire_stream_by_word(parts.word + 2);
    if (stream == 0) {
        metric_add(&in->metrics->messages_malformed, 1);
        return;
    }
    if (!in->batch(in->arg, parts.name, stream, bytes, len)) {
        metric_add(&in->metrics->batches_held, 1);
    }
}

static void on_up(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct ingest *in = arg;
    struct subject_parts parts;
    if (!admit(in, len, HELLO_MAX)) {
        return;
    }
    if (!subject_parse_up(subject, &parts)) {
        metric_add(&in->metrics->messages_malformed, 1);
        return;
    }
    (void)fleet_deliver(in->fleet, FLEET_UP, parts.name, parts.word, bytes, len); /* counted */
}

static void on_answer(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct ingest *in = arg;
    struct subject_parts parts;
    if (!admit(in, len, QUERY_CHUNK_MAX)) {
        return;
    }
    if (!subject_parse_name(subject, "pk.v1.rsp.", &parts)) {
        metric_add(&in->metrics->messages_malformed, 1);
        return;
    }
    (void)fleet_deliver(in->fleet, FLEET_ANSWER, parts.name, parts.word, bytes, len); /* counted */
}

static void on_enrol(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct ingest *in = arg;
    struct subject_parts parts;
    if (!admit(in, len, ENROL_MAX)) {
        return;
    }
    if (!subject_parse_name(subject, "pk.v1.enrol.", &parts) || parts.word[0] != '\0') {
        metric_add(&in->metrics->messages_malformed, 1);
        return;
    }
    (void)fleet_deliver(in->fleet, FLEET_ENROL, parts.name, "enrol", bytes, len); /* counted */
}

int ingest_agents(struct ingest *in, struct bus *bus, struct err *e)
{
    static const struct {
        const char *subject;
        bus_message_fn fn;
    } subscriptions[] = {
        {"pk.v1.up.*.*.b.*", on_batch},
        {"pk.v1.up.*.*.*", on_up},
        {"pk.v1.rsp.>", on_answer},
        {"pk.v1.enrol.*", on_enrol},
    };
    for (size_t i = 0; i < sizeof subscriptions / sizeof subscriptions[0]; i++) {
        if (bus_subscribe(bus, subscriptions[i].subject, subscriptions[i].fn, in, e) != 0) {
            return err_wrap(e, "subscribing to %s", subscriptions[i].subject);
        }
    }
    return 0;
}
