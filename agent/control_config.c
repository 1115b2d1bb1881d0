#include "agent/control_config.h"

#include "agent/control_parts.h"

size_t control_consumers(struct control *c, struct config_consumer *list)
{
    (void)c;
    (void)list;
    return 0;
}
