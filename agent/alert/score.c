#include "agent/alert/score.h"

#include "common/alert_kinds.h"

uint16_t alert_score(uint16_t kind)
{
    const struct alert_kind_info *info = alert_kind_find(kind);
    if (info == NULL) {
        return 0;
    }
    return info->score > SCORE_MAX ? SCORE_MAX : (uint16_t)info->score;
}
