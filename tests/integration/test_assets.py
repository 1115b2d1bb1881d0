"""Assets: from the packets of a site, and from a stand-in agent's records, to rows and the API."""

import csv
import io
import json
import time
import urllib.parse

import pytest

from client import Api, Refused
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
    agents["oslo-1"].send(record("10.0.0.1", vendor="Other Works", mac="00:1b:23:00:00:01"))
    agents["oslo-1"].send(record("10.0.0.1", vendor="Other Works", vlan=20,
                                 mac="00:1b:23:00:00:01"))
    assert row(lab, "10.0.0.1", "a.vendor") == ("Example Works",)
    assert lab.sql("SELECT count(*) FROM asset WHERE host(host) = '10.0.0.1'") == [(3,)]


def test_a_record_that_is_none_is_put_aside(lab, agents):
    agents["oslo-1"].send({"v": 1, "host": "nobody", "first_ns": 1, "last_ns": 2})
    reasons = lab.sql("SELECT reason FROM quarantine WHERE instance = 'oslo-1'")
    assert len(reasons) == 1 and "no address" in reasons[0][0]


# --- the API ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(lab, agents):
    """A third site of ten assets that differ in all that can be asked for."""
    agent = join(lab, "roma-1", "roma")
    agents["roma-1"] = agent
    for i in range(8):
        agent.send(record(f"172.16.0.{i + 1}", mac=f"00:1b:21:00:01:{i:02x}",
                          names=[name("dhcp", f"desk-{i}")] if i % 2 else [],
                          vendor="" if i == 7 else f"Maker {i}", online=i != 3,
                          last_ns=NOW - (i + 1) * 60 * S))
    agent.send(record("172.16.9.1", mac="00:1b:22:00:00:01", vlan=30, vendor='Says "Hi", Inc.',
                      names=[name("mdns", "=cmd|calc"), name("tls", "shop.example")],
                      services=[service(443, "https", "TLS"), service(8022, "", "SSH")],
                      first_ns=NOW - 86400 * S))
    agent.send(record("172.16.0.6", mac="00:1b:21:00:01:05", names=[name("dhcp", "desk-5")],
                      vendor="Maker 5", last_ns=NOW - 6 * 60 * S, os="linux", os_score=70,
                      device="computer", device_score=40, clues=[
                          {"kind": "tcp", "value": "TTL 64", "says": "Linux or Android",
                           "weight": 30, "last_ns": NOW - 60 * S},
                          {"kind": "dhcp_class", "value": "dhcpcd-9", "says": "Linux",
                           "weight": 40, "last_ns": NOW - 60 * S}]))
    agent.send(record("fe80::1", mac="00:1b:22:00:00:01", names=[name("mdns", "shop.local")]))
    wait_for(lambda: lab.api.instance("roma-1")["state"] == "up", 10, "roma-1 is up")
    return lab.api


def hosts(api, question):
    return [row["host"] for row in api.get(f"/assets?limit=500&site=roma&{question}")["items"]]


@pytest.mark.parametrize("question, expected", [
    ("q=DESK-3", ["172.16.0.4"]),
    ("q=shop.ex", ["172.16.9.1"]),
    ("q=00:1b:22", ["172.16.9.1", "fe80::1"]),
    ("network=172.16.9.0/24", ["172.16.9.1"]),
    ("network=fe80::/10", ["fe80::1"]),
    ("network=172.16.0.2", ["172.16.0.2"]),
    ("mac=00-1B-22", ["172.16.9.1", "fe80::1"]),
    ("vendor=maker%203", ["172.16.0.4"]),
    ("name=SHOP", ["172.16.9.1", "fe80::1"]),
    ("service=ssh", ["172.16.9.1"]),
    ("service=443", ["172.16.9.1"]),
    ("service=tcp/8022", ["172.16.9.1"]),
    ("service=udp/443", []),
    ("vlan=30", ["172.16.9.1"]),
    ("os=linux", ["172.16.0.6"]),
    ("os=windows", []),
    ("device=computer&os=linux", ["172.16.0.6"]),
    ("device=printer", []),
    ("state=offline", ["172.16.0.4"]),
    ("state=unknown", []),
    # With names: those of all processes that share the tests must be the same.
    pytest.param(f"first_to_ms={(NOW - 7200 * S) // 1_000_000}", ["172.16.9.1"], id="first_to_ms"),
    pytest.param(f"last_to_ms={(NOW - 400 * S) // 1_000_000}", ["172.16.0.7", "172.16.0.8"],
                 id="last_to_ms"),
    ("instance=pisa-1", []),
])
def test_a_filter_finds_what_it_names(site, question, expected):
    assert hosts(site, question + "&sort=host") == expected


@pytest.mark.parametrize("question, field", [
    ("network=172.16.9.1/24", "network"), ("network=office", "network"), ("mac=xyz", "mac"),
    ("service=99999", "service"), ("sort=colour", "sort"), ("state=asleep", "state"),
    ("vlan=5000", "vlan"), ("cursor=x", "cursor"), ("sort=host&cursor=1.nowhere", "cursor"),
    ("colour=red", "colour"), ("os=beos", "os"), ("device=toaster", "device"),
])
def test_a_question_that_is_none_is_refused_by_name(site, question, field):
    with pytest.raises(Refused) as refusal:
        site.get("/assets?" + question)
    assert refusal.value.status == 400 and refusal.value.body["error"]["field"] == field


def test_a_verdict_stands_with_what_tells_it(site):
    found = site.get("/assets?site=roma&os=linux")["items"][0]
    assert found["os"] == {"is": "linux", "score": 70}
    assert found["device"] == {"is": "computer", "score": 40}
    assert [(c["kind"], c["says"], c["weight"]) for c in found["clues"]] == [
        ("tcp", "Linux or Android", 30), ("dhcp_class", "Linux", 40)]
    other = site.get("/assets?site=roma&network=172.16.0.1")["items"][0]  # a record of schema 1
    assert (other["os"], other["device"], other["clues"]) == (None, None, [])


@pytest.mark.parametrize("sort", ["host", "name", "mac", "vendor", "os", "device", "site", "instance",
                                  "vlan", "first_ms", "last_ms"])
@pytest.mark.parametrize("desc", ["true", "false"])
def test_pages_of_any_order_hold_each_asset_once(site, sort, desc):
    whole = [row["id"] for row in site.get(f"/assets?sort={sort}&desc={desc}&limit=500")["items"]]
    pages, cursor = [], ""
    while cursor is not None:
        page = site.get(f"/assets?sort={sort}&desc={desc}&limit=3" + (
            f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
        pages += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert pages == whole and len(set(whole)) == len(whole) == page["total"]


def test_what_has_no_name_stands_last_in_either_order(site):
    for desc in ("true", "false"):
        names = [row["name"] for row in site.get(
            f"/assets?site=roma&sort=name&desc={desc}&limit=500")["items"]]
        assert names[-4:] == [None] * 4 and None not in names[:-4]


def test_the_states_are_counted_whatever_state_is_asked_for(site):
    page = site.get("/assets?site=roma&state=offline")
    assert page["counts"] == {"online": 9, "offline": 1, "unknown": 0} and page["total"] == 1


def test_an_instance_that_is_away_makes_its_assets_unknown(site, lab, agents):
    agents["oslo-1"].close()
    wait_for(lambda: site.instance("oslo-1")["state"] == "unreachable", 30, "oslo-1 is away")
    assert site.get("/assets?site=oslo")["counts"] == {"online": 0, "offline": 0, "unknown": 2}


def test_an_asset_is_shown_with_its_other_addresses(site):
    row = site.get("/assets?site=roma&vlan=30")["items"][0]
    detail = site.get(f"/assets/{row['id']}")
    assert [n["name"] for n in detail["names"]] == ["=cmd|calc", "shop.example"]
    assert [s["protocol"] for s in detail["asset"]["services"]] == ["TLS", "SSH"]
    assert [other["host"] for other in detail["others"]] == ["fe80::1"]
    assert detail["asset"]["mac_made_up"] is False


def test_the_table_is_read_back_as_it_was_and_holds_no_formula(site):
    status, headers, data = site.request("GET", "/api/v1/assets.csv?site=roma&sort=host")
    assert status == 200 and headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert len(rows) == 10 and rows[0]["address"] == "172.16.0.1"
    shop = next(row for row in rows if row["vlan"] == "30")
    assert shop["vendor"] == 'Says "Hi", Inc.' and shop["name"] == "'=cmd|calc"
    assert shop["services"] == "tcp/443:https tcp/8022"


def test_a_forgotten_asset_is_gone_and_a_viewer_may_not_forget(site, lab):
    site.post("/users", {"user": "viewer", "password": "correct horse battery", "role": "viewer"})
    viewer = Api(lab.url)
    viewer.login("viewer", "correct horse battery")
    row = site.get("/assets?q=172.16.0.8")["items"][0]
    assert viewer.request("DELETE", f"/api/v1/assets/{row['id']}")[0] == 403
    assert site.request("DELETE", f"/api/v1/assets/{row['id']}")[0] == 204
    assert site.request("GET", f"/api/v1/assets/{row['id']}")[0] == 404
    assert lab.sql("SELECT subject FROM audit WHERE action = 'asset.delete'") == [("172.16.0.8",)]
