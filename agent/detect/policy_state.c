#include "agent/detect/policy_state.h"

#include <stdlib.h>

struct policy_state {
    const struct detect_settings *settings;
};

void *policy_state_open(const struct detect_settings *settings, struct err *e)
{
    struct policy_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "policy state");
        return NULL;
    }
    s->settings = settings;
    return s;
}

struct policies *policy_state_rules(void *state, const struct record *record)
{
    const struct policy_state *s = state;
    return record->kind == RECORD_KNOWN ? s->settings->policies : NULL;
}
