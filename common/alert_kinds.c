/* The rows of alert_kinds.def as a table, searched by id and by name. */
#include "common/alert_kinds.h"

#include <string.h>

static const struct alert_kind_info kinds[] = {
#define ALERT_KIND(id_, NAME_, name_, title_, family_, severity_, score_, technique_, tactic_,     \
                   meaning_, remedy_)                                                              \
    {.id = (id_),                                                                                  \
     .name = (name_),                                                                              \
     .title = (title_),                                                                            \
     .family = (family_),                                                                          \
     .severity = ALERT_SEVERITY_##severity_,                                                       \
     .score = (score_),                                                                            \
     .technique = (technique_),                                                                    \
     .tactic = (tactic_),                                                                          \
     .meaning = (meaning_),                                                                        \
     .remedy = (remedy_)},
#include "common/alert_kinds.def"
#undef ALERT_KIND
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const struct alert_kind_info *alert_kind_find(unsigned id)
{
    size_t low = 0;
    size_t high = KINDS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (kinds[middle].id == id) {
            return &kinds[middle];
        }
        if (kinds[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct alert_kind_info *alert_kind_by_name(const char *name)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

size_t alert_kind_count(void)
{
    return KINDS;
}

const struct alert_kind_info *alert_kind_at(size_t place)
{
    return place < KINDS ? &kinds[place] : NULL;
}

const char *alert_severity_name(enum alert_severity severity)
{
    switch (severity) {
    case ALERT_SEVERITY_INFO: return "info";
    case ALERT_SEVERITY_NOTICE: return "notice";
    case ALERT_SEVERITY_WARNING: return "warning";
    case ALERT_SEVERITY_ERROR: return "error";
    case ALERT_SEVERITY_CRITICAL: return "critical";
    case ALERT_SEVERITY_EMERGENCY: return "emergency";
    }
    return "unknown";
}
