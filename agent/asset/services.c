#include "agent/asset/services.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { EPHEMERAL = 32768 /* where Linux begins to choose ports for clients */ };

/* Of IANA's registry of service names, those that a network is asked about. */
static const struct {
    uint16_t port;
    bool tcp, udp;
    const char *name;
} known[] = {
    {7, true, true, "echo"},
    {21, true, false, "ftp"},
    {22, true, false, "ssh"},
    {23, true, false, "telnet"},
    {25, true, false, "smtp"},
    {53, true, true, "dns"},
    {67, false, true, "dhcp"},
    {69, false, true, "tftp"},
    {80, true, false, "http"},
    {88, true, true, "kerberos"},
    {102, true, false, "s7comm"},
    {110, true, false, "pop3"},
    {111, true, true, "rpcbind"},
    {123, false, true, "ntp"},
    {135, true, false, "msrpc"},
    {137, false, true, "netbios-ns"},
    {139, true, false, "netbios-ssn"},
    {143, true, false, "imap"},
    {161, false, true, "snmp"},
    {179, true, false, "bgp"},
    {389, true, true, "ldap"},
    {443, true, false, "https"},
    {443, false, true, "quic"},
    {445, true, false, "smb"},
    {465, true, false, "smtps"},
    {500, false, true, "ike"},
    {502, true, false, "modbus"},
    {514, true, true, "syslog"},
    {515, true, false, "lpd"},
    {547, false, true, "dhcpv6"},
    {548, true, false, "afp"},
    {554, true, false, "rtsp"},
    {587, true, false, "submission"},
    {623, false, true, "ipmi"},
    {631, true, false, "ipp"},
    {636, true, false, "ldaps"},
    {853, true, true, "dns-tls"},
    {873, true, false, "rsync"},
    {989, true, false, "ftps-data"},
    {990, true, false, "ftps"},
    {993, true, false, "imaps"},
    {995, true, false, "pop3s"},
    {1194, true, true, "openvpn"},
    {1433, true, false, "mssql"},
    {1521, true, false, "oracle"},
    {1701, false, true, "l2tp"},
    {1723, true, false, "pptp"},
    {1812, false, true, "radius"},
    {1813, false, true, "radius-acct"},
    {1883, true, false, "mqtt"},
    {2049, true, true, "nfs"},
    {2404, true, false, "iec104"},
    {2601, true, false, "zebra"},
    {3128, true, false, "proxy"},
    {3260, true, false, "iscsi"},
    {3268, true, false, "ldap-gc"},
    {3306, true, false, "mysql"},
    {3389, true, true, "rdp"},
    {3478, true, true, "stun"},
    {4222, true, false, "nats"},
    {4500, false, true, "ipsec-nat"},
    {4786, true, false, "smart-install"},
    {5060, true, true, "sip"},
    {5061, true, false, "sips"},
    {5222, true, false, "xmpp"},
    {5432, true, false, "postgresql"},
    {5672, true, false, "amqp"},
    {5900, true, false, "vnc"},
    {5985, true, false, "winrm"},
    {5986, true, false, "winrm-tls"},
    {6379, true, false, "redis"},
    {6443, true, false, "kubernetes"},
    {8006, true, false, "proxmox"},
    {8080, true, false, "http-alt"},
    {8123, true, false, "http-alt"},
    {8443, true, false, "https-alt"},
    {8883, true, false, "mqtts"},
    {9100, true, false, "jetdirect"},
    {9200, true, false, "elasticsearch"},
    {11211, true, true, "memcached"},
    {20000, true, true, "dnp3"},
    {27017, true, false, "mongodb"},
    {44818, true, true, "ethernet-ip"},
    {47808, false, true, "bacnet"},
    {51820, false, true, "wireguard"},
};

const char *service_of_port(uint8_t transport, uint16_t port)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        bool fits = transport == IPPROTO_TCP ? known[i].tcp : known[i].udp;
        if (known[i].port == port && fits) {
            return known[i].name;
        }
    }
    return "";
}

bool service_is_shown(const struct flow_record *r)
{
    const struct flow_key *key = &r->key;
    if (r->bytes[DIR_S2C] == 0 || key->server_port == 0) {
        return false;
    }
    if (key->protocol == IPPROTO_TCP && r->handshake_server_us > 0) {
        return r->status != FLOW_REFUSED;
    }
    bool has_ports = key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP;
    bool answered = r->status == FLOW_ACTIVE || r->status == FLOW_CLOSED || r->status == FLOW_IDLE;
    return has_ports && answered && key->server_port < EPHEMERAL &&
           (key->server_port < key->client_port ||
            service_of_port(key->protocol, key->server_port)[0] != '\0');
}

/* Keeps what DPI once saw, as later flows may be too short for it. */
static void protocol_set(struct asset_service *s, const char *protocol)
{
    if (protocol[0] != '\0' && strcmp(protocol, "Unknown") != 0) {
        (void)snprintf(s->protocol, sizeof s->protocol, "%s", protocol); /* fits by its type */
    }
}

struct asset_service *services_note(struct asset_service *list, uint8_t *count,
                                    const struct asset_service *seen, bool *is_new)
{
    *is_new = false;
    for (uint8_t i = 0; i < *count; i++) {
        struct asset_service *s = &list[i];
        if (s->port == seen->port && s->transport == seen->transport) {
            s->last_ns = seen->last_ns > s->last_ns ? seen->last_ns : s->last_ns;
            protocol_set(s, seen->protocol);
            return s;
        }
    }
    if (*count == ASSET_SERVICES_MAX) {
        return NULL;
    }
    struct asset_service *s = &list[(*count)++];
    *s = (struct asset_service){.transport = seen->transport,
                                .port = seen->port,
                                .first_ns = seen->first_ns,
                                .last_ns = seen->last_ns};
    (void)snprintf(s->name, sizeof s->name, "%s", service_of_port(seen->transport, seen->port));
    protocol_set(s, seen->protocol);
    *is_new = true;
    return s;
}
