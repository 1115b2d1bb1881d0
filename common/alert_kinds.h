/*
 * The catalogue of alert kinds, made from alert_kinds.def: what agent, centre and console know of
 * a kind besides its number. Fixed tables: any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Worst last. */
enum alert_severity {
    ALERT_SEVERITY_INFO,
    ALERT_SEVERITY_NOTICE,
    ALERT_SEVERITY_WARNING,
    ALERT_SEVERITY_ERROR,
    ALERT_SEVERITY_CRITICAL,
    ALERT_SEVERITY_EMERGENCY,
};

/* ALERT_PORT_SCAN_TRW and so on; the value is the permanent id. */
enum alert_kind {
#define ALERT_KIND(id, NAME, ...) ALERT_##NAME = (id),
#include "common/alert_kinds.def"
#undef ALERT_KIND
};

struct alert_kind_info {
    uint16_t id;
    const char *name;   /* lower_snake; permanent like the id */
    const char *title;  /* a few words for a person */
    const char *family; /* "tls", "scan", "fleet"… */
    enum alert_severity severity;
    uint16_t score;        /* 1-250 */
    const char *technique; /* MITRE ATT&CK, such as "T1046"; "" for none */
    const char *tactic;    /* such as "TA0007"; "" exactly when technique is */
    const char *meaning;   /* one sentence */
    const char *remedy;    /* what to do: one sentence */
};

/* NULL for an id or name that the catalogue does not hold. */
const struct alert_kind_info *alert_kind_find(unsigned id);
const struct alert_kind_info *alert_kind_by_name(const char *name);

/* For walking: all kinds in the order of their ids; alert_kind_at gives NULL from count on. */
size_t alert_kind_count(void);
const struct alert_kind_info *alert_kind_at(size_t place);

/* "info" to "emergency". */
const char *alert_severity_name(enum alert_severity severity);
