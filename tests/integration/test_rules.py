"""Rules of the centre at work: judged at the agents, told by name, kept without the centre."""

import time

import pytest

from client import Live
from lab import wait_for
from packets import tcp_conversation, udp, write_pcap

LOCAL = "[networks]\nlocal = 10.0.0.0/8\n"
HTTP = (b"GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok")


def dns(name, answer):
    """A question for an A record and its answer."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    question = labels + b"\0\1\0\1"
    return (b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question,
            b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" + question
            + b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4" + bytes(int(n) for n in answer.split(".")))


def exchange(client, sport, server, dport, request, answer, start):
    return [(start, udp(client, sport, server, dport, request)),
            (start + 0.01, udp(server, dport, client, sport, answer))]


def write_site(path, seconds=600):
    """A site in which, every second, somebody browses, asks a foreign resolver and telnets."""
    frames = []
    ask = dns("example.org", "192.0.2.80")
    for second in range(seconds):
        port = 20000 + second
        frames += tcp_conversation("10.0.0.5", port, "192.0.2.80", 80, *HTTP, second + 0.1)
        frames += tcp_conversation("10.0.0.6", port, "10.0.0.9", 23, b"root\r\n", b"login: ",
                                   second + 0.2)
        frames += exchange("10.0.0.5", port, "10.0.0.53", 53, *ask, second + 0.3)
        frames += exchange("10.0.0.7", port, "198.51.100.53", 53, *ask, second + 0.4)
    write_pcap(path, frames)


def start(lab, name="pisa-1"):
    api = lab.start_centre()
    capture = lab.dir / "site.pcap"
    write_site(capture)
    lab.agent(name, f"file:{capture}?loop&pace=1", site="pisa", extra=LOCAL)
    wait_for(lambda: (api.instance(name) or {}).get("state") == "up", 30, f"{name} is up")
    return api


def of_kind(kind, text=""):
    """A filter for the live channel: an alert of that kind whose detail holds the text."""
    def accept(message):
        rows = (message.get("data") or {}).get("alerts") or []
        return any(row["name"] == kind and text in row["detail"] for row in rows)
    return accept


def alert_of(message, kind):
    return next(row for row in message["data"]["alerts"] if row["name"] == kind)


def raised(api, kind):
    """The newest alert of the kind, which must come within ten seconds."""
    return wait_for(lambda: api.get(f"/alerts?kind={kind}&limit=1")["items"], 10, kind)[0]


def alerts_accepted(lab):
    """How many alerts the agent has taken into its spool."""
    return lab.ledgers["pisa-1"].read_text().count("alert ")


@pytest.mark.alone
def test_a_rule_made_at_the_centre_raises_a_violation_that_names_it_within_five_seconds(lab):
    api = start(lab)
    live = Live(api, ["alerts"])
    made = time.monotonic()
    api.post("/config/acl", {"scope": "site:pisa", "name": "No telnet",
                             "body": {"action": "deny", "transport": "tcp",
                                      "server_ports": ["23"]}})
    alert = alert_of(live.wait(of_kind("acl_violation", "No telnet"), 5), "acl_violation")
    assert time.monotonic() - made <= 5
    assert (alert["client"].split(":")[0], alert["server"]) == ("10.0.0.6", "10.0.0.9:23")
    assert alert["detail"].startswith('Rule "No telnet" denies it: 10.0.0.6 to 10.0.0.9, TCP port 23')
    wait_for(lambda: api.get("/config/acl")["items"][0]["hits"] > 0, 15, "the hits are told")


def test_an_agent_without_the_centre_goes_on_judging_after_a_restart(lab):
    api = start(lab)
    api.post("/config/acl", {"scope": "fleet", "name": "Nobody browses",
                             "body": {"action": "deny", "apps": ["HTTP"], "direction": "outbound"}})
    wait_for(lambda: api.instance("pisa-1")["config"]["state"] == "in_force", 5, "it is in force")
    lab.nats.stop()
    agent = lab.agents["pisa-1"]
    agent.stop()
    before = alerts_accepted(lab)
    agent.start()
    wait_for(lambda: "from disk" in agent.text(), 20, "the rules are loaded")
    wait_for(lambda: alerts_accepted(lab) > before + 1, 20,
             "alerts are raised without the centre")
    restarted = time.time()
    lab.nats.start()
    wait_for(lambda: lab.sql("SELECT 1 FROM alert_event WHERE kind = 113 AND detail LIKE"
                             " '%%Nobody browses%%' AND at > to_timestamp(%s)", restarted - 10),
             60, "they come to the centre later")


def test_a_foreign_resolver_and_a_restricted_host_show_up_and_the_proper_ones_do_not(lab):
    api = start(lab)
    api.post("/config/netconf", {"scope": "fleet", "name": "Resolvers",
                                 "body": {"role": "dns", "servers": ["10.0.0.53"]}})
    api.post("/config/policy", {"scope": "fleet", "name": "Cameras",
                                "body": {"class": "restricted", "hosts": ["10.0.0.5"]}})
    alert = raised(api, "unexpected_dns_server")
    assert alert["entity_id"] == "198.51.100.53" and alert["state"] == "engaged"
    assert alert["detail"] == ('10.0.0.7 uses 198.51.100.53 as its DNS server, but "Resolvers" does'
                               " not list it")
    alert = raised(api, "policy_restricted_to_internet")
    assert '"Cameras"' in alert["detail"]
    assert alert["client"].split(":")[0] == "10.0.0.5" and alert["server"] == "192.0.2.80:80"
    hosts = lab.sql("SELECT DISTINCT entity_id FROM alert WHERE kind = 123")
    assert hosts == [("198.51.100.53",)]
