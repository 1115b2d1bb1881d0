/* For machines: alive, ready, and the counters of core and web in Prometheus' text form. */
#include "aggregator/api/endpoints.h"

#include "common/version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_response *well(void)
{
    return http_response_json(200,
                              json_pack("{s:s, s:s}", "status", "ok", "version", PICKET_VERSION));
}

void healthz_get(struct call *call)
{
    call_answer(call, well());
}

void readyz_get(struct call *call)
{
    static const struct http_fault no_bus = {503, "unavailable", "NATS cannot be reached.", NULL,
                                             NULL};
    static const struct http_fault no_database = {503, "unavailable",
                                                  "PostgreSQL cannot be reached.", NULL, NULL};
    const struct centre_view *centre = &call->web->mirror.centre;
    if (!centre->database_up) {
        call_refuse(call, &no_database);
    } else if (!centre->bus_up) {
        call_refuse(call, &no_bus);
    } else {
        call_answer(call, well());
    }
}

/* One metric, as https://prometheus.io/docs/instrumenting/exposition_formats wants it. */
struct sample {
    const char *prefix, *name, *type, *help;
    uint64_t value;
};

static void write_sample(FILE *out, const struct sample *s)
{
    const char *suffix = strcmp(s->type, "counter") == 0 ? "_total" : "";
    (void)fprintf(out, "# HELP %s%s%s %s\n# TYPE %s%s%s %s\n%s%s%s %" PRIu64 "\n", s->prefix,
                  s->name, suffix, s->help, s->prefix, s->name, suffix, s->type, s->prefix, s->name,
                  suffix, s->value); /* into memory: see metrics_get */
}

static void write_core(FILE *out, struct metrics *metrics)
{
    for (const struct metric_row *row = metrics_table(); row->name != NULL; row++) {
        _Atomic uint64_t *value = (_Atomic uint64_t *)(void *)((char *)metrics + row->offset);
        const struct sample sample = {"picket_", row->name, row->type, row->help,
                                      metric_get(value)};
        write_sample(out, &sample);
    }
}

static void write_web(FILE *out, struct web *web)
{
    struct http_stats *stats = http_server_stats(web->http);
    const struct sample samples[] = {
#define WEB_SAMPLE(name, type, help)                                                               \
    {"picket_http_", #name, #type, help, atomic_load(&stats->name)},
        HTTP_STATS(WEB_SAMPLE)
#undef WEB_SAMPLE
            {"picket_http_", "queries_waiting", "gauge", "Requests that wait for a query thread",
             pool_depth(web->pool)},
        {"picket_http_", "events_waiting", "gauge", "Events of the core that wait for the web",
         queue_depth(web->events)},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        write_sample(out, &samples[i]);
    }
}

void metrics_get(struct call *call)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        call_answer(call, NULL);
        return;
    }
    write_core(out, call->web->options.metrics);
    write_web(out, call->web);
    if (fclose(out) != 0) {
        free(text);
        call_answer(call, NULL);
        return;
    }
    struct http_response *response = http_response_new(200);
    http_response_header(response, "content-type:", "text/plain; version=0.0.4; charset=utf-8");
    http_response_header(response, "cache-control:", "no-store");
    http_response_own(response, text, len);
    call_answer(call, response);
}
