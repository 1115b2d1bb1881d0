/* When a condition becomes an alert, and when it stops being one: a row for each kind. */
#pragma once

#include <stdint.h>

struct alert_rule {
    uint16_t kind;
    unsigned bad_of;  /* k: engaged once so many … */
    unsigned last;    /* n: … of so many judgements in a row were bad; at most 32 */
    unsigned hold_s;  /* released when good, and not bad for so long */
    unsigned quiet_s; /* released when nobody judged it for so long */
};

/* The row of a kind; one of defaults when it has none. */
const struct alert_rule *alert_rule_of(uint16_t kind);
