#include "common/tunnel.h"

#include <string.h>

static const char *const names[TUNNEL_END] = {
    [TUNNEL_NONE] = "",         [TUNNEL_IPIP] = "ipip",     [TUNNEL_GRE] = "gre",
    [TUNNEL_ERSPAN] = "erspan", [TUNNEL_VXLAN] = "vxlan",   [TUNNEL_GENEVE] = "geneve",
    [TUNNEL_GTPU] = "gtpu",     [TUNNEL_CAPWAP] = "capwap", [TUNNEL_L2TP] = "l2tp",
    [TUNNEL_PPPOE] = "pppoe",
};

const char *tunnel_name(unsigned kind)
{
    return kind < TUNNEL_END ? names[kind] : "";
}

enum tunnel_kind tunnel_find(const char *name)
{
    for (unsigned kind = TUNNEL_NONE + 1; kind < TUNNEL_END; kind++) {
        if (strcmp(names[kind], name) == 0) {
            return (enum tunnel_kind)kind;
        }
    }
    return TUNNEL_NONE;
}
