#include "agent/alert/rules.h"

#include "common/alert_kinds.h"

#include <stddef.h>

/* Polls and probes: longer than their longest interval with what silence adds to it. */
enum { POLLED_S = 2 * 3600 };
/* A flow is judged with each of its records, every minute; after that its call is over. */
enum { MEDIA_S = 150 };

/*
 * Scans and addresses in dispute tell only that they go on, so silence ends them; a missing device
 * is judged every five minutes. The others are judged every ten seconds,
 * and silence means that nobody looks any more (a source taken out of the settings). Drops and the
 * full table are already judged over time, so they need no second look before they engage.
 */
static const struct alert_rule rules[] = {
    {ALERT_PORT_SCAN_TRW, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = 60},
    {ALERT_PORT_SCAN_VERTICAL, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = 60},
    {ALERT_PORT_SWEEP_HORIZONTAL, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = 60},
    {ALERT_RTP_MOS_LOW, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = MEDIA_S},
    {ALERT_RTP_MOS_BAD, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = MEDIA_S},
    {ALERT_RTP_JITTER_HIGH, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = MEDIA_S},
    {ALERT_RTP_LOSS_HIGH, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = MEDIA_S},
    {ALERT_RTP_ONE_WAY_AUDIO, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = MEDIA_S},
    {ALERT_RTP_STREAM_GAP, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = MEDIA_S},
    {ALERT_IP_MAC_FLAP, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = 600},
    {ALERT_DEVICE_OFFLINE, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = 900},
    {ALERT_INTERFACE_PACKET_DROPS, .bad_of = 1, .last = 1, .hold_s = 30, .quiet_s = 600},
    {ALERT_INTERFACE_NO_TRAFFIC, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = 600},
    {ALERT_FLOW_TABLE_FULL, .bad_of = 1, .last = 1, .hold_s = 30, .quiet_s = 600},
    {ALERT_AGENT_SPOOL_GROWING, .bad_of = 2, .last = 3, .hold_s = 30, .quiet_s = 600},
    {ALERT_AGENT_ALERT_DROPS, .bad_of = 1, .last = 1, .hold_s = 60, .quiet_s = 600},
    {ALERT_SNMP_DEVICE_UNREACHABLE, .bad_of = 3, .last = 3, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_AUTH_FAILURE, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_IF_OPER_CHANGE, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_IF_ERRORS, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_IF_DISCARDS, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_IF_USAGE_HIGH, .bad_of = 3, .last = 3, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_IF_USAGE_CRITICAL, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_CPU_HIGH, .bad_of = 3, .last = 3, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_SNMP_MEMORY_HIGH, .bad_of = 3, .last = 3, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_ICMP_LOSS, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_ICMP_UNREACHABLE, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_RTT_THRESHOLD, .bad_of = 3, .last = 3, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_HTTP_DOWN, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_HTTP_STATUS, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_HTTP_CONTENT, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_HTTP_SLOW, .bad_of = 3, .last = 3, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_CERT_EXPIRY, .bad_of = 1, .last = 1, .hold_s = 0, .quiet_s = POLLED_S},
    {ALERT_AM_TCP_PORT_DOWN, .bad_of = 2, .last = 2, .hold_s = 0, .quiet_s = POLLED_S},
};

static const struct alert_rule usual = {.bad_of = 1, .last = 1, .hold_s = 30, .quiet_s = 600};

const struct alert_rule *alert_rule_of(uint16_t kind)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].kind == kind) {
            return &rules[i];
        }
    }
    return &usual;
}
