"""Assets: from the packets of a site, and from a stand-in agent's records, to rows and the API."""

import json
import time

import pytest

from lab import wait_for
from test_ingest import Sim, welcomed

S = 1_000_000_000
NOW = time.time_ns() // S * S


def record(host, **more):
    """An asset record as an agent sends it, seen for an hour."""
    return {"v": 1, "host": host, "vlan": 0, "mac": "00:1b:21:3c:9d:f8", "mac_shared": False,
            "online": True, "always_on": False, "missing": False, "vendor": "Example Works",
            "first_ns": NOW - 3600 * S, "last_ns": NOW - 10 * S, "since_ns": NOW - 3600 * S,
            "names": [], "services": [], "changes": [], **more}


def name(source, text, last=NOW - 10 * S):
    return {"source": source, "name": text, "first_ns": NOW - 3600 * S, "last_ns": last}


def service(port, word, protocol="", l4=6, last=NOW - 10 * S):
    return {"l4": l4, "port": port, "name": word, "protocol": protocol,
            "first_ns": NOW - 3600 * S, "last_ns": last}


def change(what, at, before="", after=""):
    return {"what": what, "at_ns": at, "before": before, "after": after}


class Agent(Sim):
    """A stand-in that counts its asset records."""

    sequence = 0

    def send(self, asset):
        self.sequence += 1
        answer = self.ask(f"asset 7 {self.sequence} {json.dumps(asset)}")
        assert answer["stream"] == "asset" and answer["upto"] == self.sequence
        return self


def join(lab, name, site):
    made = Agent(lab, name, lab.token(name, site))
    assert made.enrol()["ok"]
    wait_for(lambda: welcomed(made), 10, "a welcome")
    made.do("beat 0 1000")
    return made


@pytest.fixture(scope="module")
def lab(shared_lab):
    shared_lab.api = shared_lab.start_centre()
    return shared_lab


@pytest.fixture(scope="module")
def agents(lab):
    """Two sites that share an address."""
    made = {"pisa-1": join(lab, "pisa-1", "pisa"), "oslo-1": join(lab, "oslo-1", "oslo")}
    yield made
    for agent in made.values():
        agent.close()


def row(lab, host, columns, instance="pisa-1"):
    rows = lab.sql(f"SELECT {columns} FROM asset a JOIN instance i ON i.id = a.instance_id"
                   " WHERE i.name = %s AND host(a.host) = %s", instance, host)
    assert len(rows) == 1
    return rows[0]


# --- what the store makes of records ----------------------------------------------------------


def test_a_record_becomes_an_asset_with_its_names_services_and_changes(lab, agents):
    agents["pisa-1"].send(record(
        "10.1.0.7", names=[name("dhcp", "printer-2"), name("dns", "printer.pisa.example")],
        services=[service(631, "ipp", "IPP"), service(161, "snmp", "SNMP", 17)],
        changes=[change("new", NOW - 3600 * S)]))
    assert row(lab, "10.1.0.7", "a.name, a.vendor, a.online, text(a.mac)") == (
        "printer-2", "Example Works", True, "00:1b:21:3c:9d:f8")
    assert lab.sql("SELECT source, name FROM asset_name ORDER BY source") == [
        ("dhcp", "printer-2"), ("dns", "printer.pisa.example")]
    assert lab.sql("SELECT l4, port, protocol FROM asset_service ORDER BY port") == [
        (17, 161, "SNMP"), (6, 631, "IPP")]
    assert lab.sql("SELECT what FROM asset_change") == [("new",)]


def test_times_only_widen_and_what_is_no_longer_listed_stays(lab, agents):
    agents["pisa-1"].send(record("10.1.0.8", names=[name("mdns", "old.local")]))
    agents["pisa-1"].send(record("10.1.0.8", names=[name("mdns", "new.local", NOW)],
                                 first_ns=NOW - 60 * S, last_ns=NOW, online=False))
    first, online = row(lab, "10.1.0.8", "extract(epoch FROM a.first_at)::bigint, a.online")
    assert (first, online) == (NOW // S - 3600, False)
    assert [r[0] for r in lab.sql("SELECT n.name FROM asset_name n JOIN asset a ON a.id ="
                                  " n.asset_id WHERE host(a.host) = '10.1.0.8' ORDER BY n.name")
            ] == ["new.local", "old.local"]


def test_the_same_change_told_twice_is_one(lab, agents):
    told = [change("new", NOW - 3600 * S), change("mac", NOW - 60 * S, "a", "b")]
    agents["pisa-1"].send(record("10.1.0.9", changes=told))
    agents["pisa-1"].send(record("10.1.0.9", changes=told + [change("new", NOW)]))
    assert lab.sql("SELECT c.what FROM asset_change c JOIN asset a ON a.id = c.asset_id"
                   " WHERE host(a.host) = '10.1.0.9' ORDER BY c.at") == [("new",), ("mac",)]


def test_the_history_of_an_asset_is_bounded(lab, agents):
    for i in range(0, 240, 4):
        agents["pisa-1"].send(record("10.1.0.10", changes=[
            change("online", NOW + (i + j) * S) for j in range(4)]))
    assert lab.sql("SELECT count(*), extract(epoch FROM max(c.at))::bigint FROM asset_change c"
                   " JOIN asset a ON a.id = c.asset_id WHERE host(a.host) = '10.1.0.10'") == [
                       (200, NOW // S + 239)]


def test_one_address_at_two_sites_is_two_assets(lab, agents):
    agents["pisa-1"].send(record("10.0.0.1", vendor="Example Works"))
    agents["oslo-1"].send(record("10.0.0.1", vendor="Other Works", mac="00:1b:22:00:00:01"))
    agents["oslo-1"].send(record("10.0.0.1", vendor="Other Works", vlan=20,
                                 mac="00:1b:22:00:00:01"))
    assert row(lab, "10.0.0.1", "a.vendor") == ("Example Works",)
    assert lab.sql("SELECT count(*) FROM asset WHERE host(host) = '10.0.0.1'") == [(3,)]


def test_a_record_that_is_none_is_put_aside(lab, agents):
    agents["oslo-1"].send({"v": 1, "host": "nobody", "first_ns": 1, "last_ns": 2})
    reasons = lab.sql("SELECT reason FROM quarantine WHERE instance = 'oslo-1'")
    assert len(reasons) == 1 and "no address" in reasons[0][0]
