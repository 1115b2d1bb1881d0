"""One of everything that a person makes at a centre, so that each page has something to show."""


def furnish(api, snmpd, instance, door):
    """The port `door` of this machine answers; what is named Broken does not."""
    scope = f"instance:{instance}"

    def item(section, name, body, where=scope):
        api.post(f"/config/{section}", {"scope": where, "name": name, "body": body})

    item("snmp", "Edge router", snmpd.v2c())
    item("snmp", "Core switch", snmpd.v3())
    item("snmp", "Broken switch", snmpd.v3(auth_key="not the right key"))
    item("probe", "Console", {"kind": "tcp", "host": "127.0.0.1", "port": door, "interval_s": 10},
         "fleet")
    item("probe", "Broken door", {"kind": "tcp", "host": "127.0.0.1", "port": 9, "interval_s": 10})
    item("acl", "No telnet", {"action": "deny", "transport": "tcp", "server_ports": ["23"]}, "fleet")
    item("acl", "Mail only from the relay", {"action": "deny", "transport": "tcp",
                                             "server_ports": ["25"]})
    item("netconf", "Resolvers", {"role": "dns", "servers": ["10.0.0.53"]}, "fleet")
    item("policy", "Cameras", {"class": "restricted", "hosts": ["10.99.0.0/24"]}, "fleet")
    api.post("/report-schedules", {"name": "Every morning", "scope": "fleet", "rhythm": "daily",
                                   "hour": 6, "time_zone": "Europe/Rome", "keep": 3})
    api.post("/reports", {"scope": "fleet", "period": "hour", "time_zone": "UTC"})
    # Nothing listens there: what is sent stays in the delivery log as failed.
    hook = api.post("/recipients", {"name": "Night shift", "type": "webhook", "enabled": False,
                                    "address": "http://127.0.0.1:9/hook",
                                    "min_severity": "emergency"})
    api.post(f"/recipients/{hook['id']}/test", {})
    api.post("/users", {"user": "night-shift", "password": "only for this test", "role": "viewer"})
