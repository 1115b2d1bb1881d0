#include "aggregator/store/tell.h"

#include <stdlib.h>

static bool hand_over(struct tell *tell, struct web_event *event)
{
    if (tell->web(tell->arg, event)) {
        return true;
    }
    metric_add(&tell->metrics->web_events_held, 1);
    web_event_done(event);
    return false;
}

void tell_alert(struct tell *tell, const struct alert_view *view)
{
    struct alert_view *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        tell->missed = true;
        return;
    }
    *copy = *view;
    struct web_event event = {.kind = WEB_ALERT, .as.alert = copy};
    if (!hand_over(tell, &event)) {
        tell->missed = true;
    }
}

void tell_missed(struct tell *tell)
{
    struct web_event event = {.kind = WEB_ALERTS_MISSED};
    if (tell->missed && hand_over(tell, &event)) {
        tell->missed = false;
    }
}
