/*
 * What nDPI and the engine found risky about a flow, as one finding a risk: the number of a risk is
 * the number of its alert kind. The engine tells each new risk of a flow once, as soon as it is
 * known.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"

#include <stdio.h>
#include <string.h>

static void risk_put(const struct record *record, unsigned risk, const struct finding_sink *out)
{
    struct finding f = {
        .kind = (uint16_t)risk,
        .action = FINDING_EVENT,
        .entity = ENTITY_FLOW,
        .at_ns = record->at_ns,
        .flow = &record->flow,
    };
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%llu",
                   (unsigned long long)record->flow.flow_id);
    /* The host or the request is what a person asks for first; either may be "". */
    (void)snprintf(f.detail, sizeof f.detail, "%.250s%s%.250s", record->flow.host,
                   record->flow.host[0] != '\0' && record->flow.info[0] != '\0' ? ": " : "",
                   record->flow.info);
    finding_put(out, &f);
}

static void observe(void *state, const struct record *record, const struct finding_sink *out)
{
    (void)state; /* every record speaks for itself */
    if (record->kind != RECORD_RISK) {
        return;
    }
    for (unsigned risk = 1; risk < 64; risk++) {
        bool found = (record->new_risks >> risk & 1) != 0;
        if (found && alert_kind_find(risk) != NULL) {
            risk_put(record, risk, out);
        }
    }
}

/* Every risk of nDPI 4.2, then our own. */
static const uint16_t kinds[] = {
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
    35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 52, 53, 0,
};

const struct detector detector_flow_risk = {
    .name = "flow_risk",
    .kinds = kinds,
    .observe = observe,
};
