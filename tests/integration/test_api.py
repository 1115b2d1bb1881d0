"""The API against its contract, docs/openapi.yaml, on a real centre with a real agent."""

import contextlib
import gzip
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from client import Api, Live, Refused
from lab import TOP, wait_for
from schema import Contract

CAPTURE = TOP / "deploy/captures/branch-office.pcap"
CONTRACT = Contract()
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre with one agent that has stored flows and counters, and an admin's client."""
    api = shared_lab.start_centre()
    shared_lab.agent("pisa-1", f"file:{CAPTURE}?loop")
    wait_for(lambda: shared_lab.sql("SELECT count(*) FROM counter_total")[0][0] > 0, 40,
             "counters are stored")
    for user in ("viewer", "operator"):
        api.post("/users", {"user": user, "password": PASSWORD, "role": user})
    shared_lab.api = api
    return shared_lab


def signed_in(lab, user):
    api = Api(lab.url)
    api.login(user, PASSWORD)
    return api


SCHEDULE = {"name": "Daily", "scope": "fleet", "rhythm": "daily", "hour": 6, "time_zone": "UTC",
            "keep": 3}
RECIPIENT = {"name": "Night shift", "type": "webhook", "address": "http://127.0.0.1:9/hook",
             "min_severity": "emergency", "enabled": False}
# What is asked of each operation: (query, body, expected status).
CALLS = {
    ("POST", "/api/v1/session"): ("", {"user": "viewer", "password": PASSWORD}, 200),
    ("GET", "/api/v1/session"): ("", None, 200),
    ("DELETE", "/api/v1/session"): ("", None, 204),
    ("GET", "/api/v1/fleet"): ("", None, 200),
    ("POST", "/api/v1/instances"): ("", {"name": "new-1", "site": "roma", "title": "Röma"}, 201),
    ("GET", "/api/v1/instances/{name}"): ("", None, 200),
    ("DELETE", "/api/v1/instances/{name}"): ("", None, 204),
    ("GET", "/api/v1/instances/{name}/states"): ("?limit=5", None, 200),
    ("GET", "/api/v1/instances/{name}/counters"): ("?step_s=10", None, 200),
    ("GET", "/api/v1/instances/{name}/top"): ("?kind=hosts", None, 200),
    ("GET", "/api/v1/instances/{name}/quality"): ("", None, 200),
    ("GET", "/api/v1/instances/{name}/gaps"): ("", None, 200),
    ("GET", "/api/v1/instances/{name}/flows/{flow_id}/history"): ("", None, 200),
    ("GET", "/api/v1/instances/{name}/query"): ("?op=flows&limit=5", None, 200),
    ("GET", "/api/v1/alerts"): ("?limit=5", None, 200),
    ("GET", "/api/v1/alerts/{id}"): ("", None, 200),
    ("GET", "/api/v1/alert-kinds"): ("", None, 200),
    ("GET", "/api/v1/assets"): ("?limit=5", None, 200),
    ("GET", "/api/v1/assets/{id}"): ("", None, 200),
    ("DELETE", "/api/v1/assets/{id}"): ("", None, 204),
    ("GET", "/api/v1/config/{section}"): ("", None, 200),
    ("POST", "/api/v1/config/{section}"): (
        "", {"scope": "fleet", "name": "No telnet",
             "body": {"action": "deny", "server_ports": ["23"]}}, 201),
    ("PUT", "/api/v1/config/{section}/{id}"): (
        "", {"scope": "site:pisa", "name": "No telnet", "version": 1, "enabled": False,
             "body": {"action": "deny", "server_ports": ["23"]}}, 200),
    ("GET", "/api/v1/config/{section}/{id}/history"): ("", None, 200),
    ("DELETE", "/api/v1/config/{section}/{id}"): ("", None, 204),
    ("GET", "/api/v1/snmp/devices"): ("", None, 200),
    ("GET", "/api/v1/snmp/devices/{name}/{device}"): ("", None, 404),
    ("GET", "/api/v1/snmp/devices/{name}/{device}/series"): ("?interface=eth0", None, 200),
    ("GET", "/api/v1/snmp/interfaces"): ("?limit=5", None, 200),
    ("GET", "/api/v1/probes"): ("", None, 200),
    ("GET", "/api/v1/probes/{name}/{probe}/series"): ("?step_s=60", None, 200),
    ("GET", "/api/v1/users"): ("", None, 200),
    ("POST", "/api/v1/users"): ("", {"user": "new", "password": PASSWORD, "role": "viewer"}, 201),
    ("GET", "/api/v1/reports"): ("?limit=5", None, 200),
    ("POST", "/api/v1/reports"): ("", {"scope": "fleet", "period": "hour", "time_zone": "UTC"}, 202),
    ("GET", "/api/v1/reports/{id}"): ("", None, 200),
    ("DELETE", "/api/v1/reports/{id}"): ("", None, 204),
    ("GET", "/api/v1/report-schedules"): ("", None, 200),
    ("POST", "/api/v1/report-schedules"): ("", {**SCHEDULE, "name": "Another"}, 201),
    ("PUT", "/api/v1/report-schedules/{id}"): ("", SCHEDULE, 200),
    ("DELETE", "/api/v1/report-schedules/{id}"): ("", None, 204),
    ("GET", "/api/v1/retention"): ("", None, 200),
    ("POST", "/api/v1/retention"): ("", {"kind": "flow", "days": 900}, 204),
    ("GET", "/api/v1/retention/preview"): ("?kind=flow&days=900", None, 200),
    ("GET", "/api/v1/recipients"): ("", None, 200),
    ("POST", "/api/v1/recipients"): ("", {**RECIPIENT, "name": "Another"}, 201),
    ("PUT", "/api/v1/recipients/{id}"): ("", RECIPIENT, 200),
    ("DELETE", "/api/v1/recipients/{id}"): ("", None, 204),
    ("POST", "/api/v1/recipients/{id}/test"): ("", {}, 202),
    ("GET", "/api/v1/deliveries"): ("?limit=5", None, 200),
    ("GET", "/api/v1/mail-server"): ("", None, 200),
    ("PUT", "/api/v1/mail-server"): ("", {"host": "127.0.0.1", "port": 9, "security": "none",
                                          "sender": "picket@example.net"}, 200),
    ("GET", "/api/v1/drops"): ("", None, 200),
    ("GET", "/api/v1/quarantine"): ("", None, 200),
    ("GET", "/healthz"): ("", None, 200),
    ("GET", "/readyz"): ("", None, 200),
}
# No JSON: they have tests of their own.
OTHERS = {("GET", "/metrics"), ("GET", "/api/v1/live"), ("GET", "/api/v1/reports/{id}/html"),
          ("GET", "/api/v1/assets.csv")}
# What makes the row that {id} of a path stands for.
MADE_BY = {"reports": ("/reports", {"scope": "fleet", "period": "day", "time_zone": "UTC"}),
           "report-schedules": ("/report-schedules", SCHEDULE),
           "recipients": ("/recipients", RECIPIENT)}


def made_id(api, path):
    """The id of a row made for this very question, or 1 where there is no need of one."""
    kind = path.split("/")[3] if "{id}" in path else ""
    if kind in ("assets", "alerts"):
        return wait_for(lambda: api.get(f"/{kind}?limit=1")["items"], 40, f"one of {kind}")[0]["id"]
    if kind not in MADE_BY:
        return "1"
    where, body = MADE_BY[kind]
    if "name" in body:
        body = {**body, "name": f"{body['name']} {time.monotonic_ns()}"}
    return api.post(where, body)["id"]


def path_of(path, method="GET"):
    """The instance that reading asks for stays; the one that is revoked was made for it. The first
    item of the configuration is the one that CALLS makes, changes and deletes."""
    path = path.replace("{section}", "acl").replace("{id}", "1").replace("{flow_id}", "1")
    path = path.replace("{device}", "1").replace("{probe}", "1")  # nobody has polled these
    return path.replace("{name}", "gone-1" if method == "DELETE" else "pisa-1")


def test_every_operation_of_the_contract_is_asked_here():
    assert set(CALLS) | OTHERS == set(CONTRACT.operations())


def test_every_route_stands_in_the_contract():
    table = (TOP / "aggregator/api/routes.c").read_text()
    routes = set(re.findall(r'\{HTTP_(\w+), "([^"]+)"', table))
    assert routes == set(CONTRACT.operations()) - {("GET", "/api/v1/live")}


@pytest.mark.parametrize("method, path", CALLS)
def test_an_operation_answers_by_its_schema(site, method, path):
    query, body, expected = CALLS[method, path]
    api = site.api
    if (method, path) == ("DELETE", "/api/v1/session"):
        api = signed_in(site, "viewer")
    if "{name}" in path and method == "DELETE":
        api.post("/instances", {"name": "gone-1", "site": "roma"})
    path_here = path.replace("{id}", made_id(api, path))
    status, _, data = api.request(method, path_of(path_here, method) + query, body)
    assert status == expected, data
    schema = CONTRACT.schema(CONTRACT.operations()[method, path], status)
    if schema is None:
        assert data == b""
    else:
        CONTRACT.check(json.loads(data), schema)


ROWS = {"status": "StatusRow", "hosts": "HostRow", "flows": "FlowRow", "alerts": "Alert"}


def row_schema(op):
    return {"$ref": f"#/components/schemas/{ROWS[op]}"}


@pytest.mark.parametrize("op", ROWS)
def test_rows_of_the_agents_own_answer_fit_their_schema(site, op):
    answer = site.api.get(f"/instances/pisa-1/query?op={op}")
    assert answer["live"] and answer["age_ms"] == 0
    assert answer["rows"] or op == "alerts"
    for row in answer["rows"]:
        CONTRACT.check(row, row_schema(op))


def test_a_flow_is_found_by_its_id(site):
    first = site.api.get("/instances/pisa-1/query?op=flows&limit=1")["rows"][0]
    answer = site.api.get(f"/instances/pisa-1/query?op=flow&flow_id={first['flow_id']}")
    assert [row["flow_id"] for row in answer["rows"]] in ([first["flow_id"]], [])


def test_questions_are_sorted_filtered_and_paged_by_the_agent(site):
    ask = "/instances/pisa-1/query?op=hosts&sort=bytes&limit=3"
    first = site.api.get(ask)
    assert [r["bytes"] for r in first["rows"]] == sorted((r["bytes"] for r in first["rows"]),
                                                        reverse=True)
    second = site.api.get(f"{ask}&cursor={first['next']}")
    assert second["rows"] and second["total"] >= 6
    dns = site.api.get("/instances/pisa-1/query?op=flows&app=dns")["rows"]
    assert dns and all(row["protocol"] == "DNS" or row["app"] == "DNS" for row in dns)


@pytest.mark.parametrize("what, field", [
    ("/alerts?severity=bad", "severity"), ("/alerts?limit=0", "limit"), ("/alerts?x=1", "x"),
    ("/alerts?cursor=bad", "cursor"), ("/alerts?kind=none", "kind"), ("/alerts?limit=501", "limit"),
    ("/instances/pisa-1/top", "kind"), ("/instances/pisa-1/top?kind=hosts&limit=101", "limit"),
    ("/instances/pisa-1/counters?from_ms=2&to_ms=1", "from_ms"),
    ("/instances/pisa-1/counters?step_s=5", "step_s"),
    ("/instances/pisa-1/states?cursor=x", "cursor"), ("/instances/pisa-1/query", "op"),
    ("/instances/pisa-1/query?op=flows&quality=bad", "quality"),
    ("/instances/pisa-1/quality?limit=0", "limit"), ("/instances/pisa-1/query?op=none", "op"), ("/instances/pisa-1/query?op=hosts&app=x", "app"),
    ("/instances/pisa-1/query?op=flow", "flow_id"), ("/instances/pisa-1/query?op=flows&port=0", "port"),
    ("/fleet?x=1", "x"),
])
def test_a_wrong_parameter_is_named(site, what, field):
    with pytest.raises(Refused) as refused:
        site.api.get(what)
    assert refused.value.status == 400
    CONTRACT.check(refused.value.body, {"$ref": "#/components/schemas/Error"})
    assert refused.value.body["error"]["field"] == field


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": "A", "site": "x"}, "name"), ({"name": "ok", "site": "../x"}, "site"),
    ({"name": "ok", "site": "x", "more": 1}, "more"), ({"name": 1, "site": "x"}, "name"),
    ({"name": "ok", "site": "x", "title": "x" * 121}, "title"),
])
def test_a_wrong_member_is_named(site, body, field):
    with pytest.raises(Refused) as refused:
        site.api.post("/instances", body)
    assert (refused.value.status, refused.value.body["error"]["field"]) == (400, field)


# --- who may ----------------------------------------------------------------------------------

def closed_operations():
    return [key for key, operation in CONTRACT.operations().items()
            if operation.get("security") != [] and key != ("GET", "/api/v1/live")]


@pytest.mark.parametrize("method, path", closed_operations())
def test_nobody_gets_in_without_a_session(site, method, path):
    for cookie in (None, "picket_session=short", "picket_session=" + "A" * 43):
        api = Api(site.url)
        api.cookie = cookie
        status, _, data = api.request(method, path_of(path), CALLS.get((method, path), ("", None))[1])
        assert status == 401
        CONTRACT.check(json.loads(data), {"$ref": "#/components/schemas/Error"})
        assert json.loads(data)["error"]["code"] == "unauthenticated"


@pytest.mark.parametrize("method, path", [key for key, operation in CONTRACT.operations().items()
                                          if "(admin)" in operation["summary"]])
@pytest.mark.parametrize("user", ["viewer", "operator"])
def test_only_admins_do_what_is_theirs(site, user, method, path):
    api = signed_in(site, user)
    status, _, data = api.request(method, path_of(path), CALLS[method, path][1])
    assert (status, json.loads(data)["error"]["code"]) == (403, "forbidden")
    assert site.api.get("/instances/pisa-1")["state"] != "revoked"


@pytest.mark.parametrize("method, path", [key for key in closed_operations() if key[0] != "GET"])
def test_a_change_needs_the_csrf_token(site, method, path):
    for token in (None, "wrong", site.api.csrf[:-1] + ("a" if site.api.csrf[-1] != "a" else "b")):
        api = Api(site.url)
        api.cookie, api.csrf = site.api.cookie, token
        status, _, data = api.request(method, path_of(path), CALLS[method, path][1])
        assert (status, json.loads(data)["error"]["code"]) == (403, "csrf")


def test_the_cookie_is_out_of_reach_and_only_its_hash_is_stored(site):
    api = Api(site.url)
    _, headers = api.call("POST", "/api/v1/session", {"user": "viewer", "password": PASSWORD})
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    secret = cookie.split("=")[1].split(";")[0]
    assert len(secret) == 43
    assert not site.sql("SELECT 1 FROM session WHERE hash LIKE %s", f"%{secret}%")
    assert secret not in site.aggregator.text()


def test_a_wrong_password_and_a_wrong_user_sound_the_same(site):
    answers = [Api(site.url).request("POST", "/api/v1/session", body) for body in (
        {"user": "operator", "password": "wrong"}, {"user": "nobody-here", "password": "wrong"})]
    assert [answer[0] for answer in answers] == [401, 401]
    assert answers[0][2] == answers[1][2]
    signed_in(site, "operator")  # forgives the failures of this address


def test_signing_in_and_out_and_changes_are_audited(site):
    api = signed_in(site, "operator")
    api.call("DELETE", "/api/v1/session")
    with pytest.raises(Refused) as refused:
        api.get("/session")
    assert refused.value.status == 401
    actions = {row[0] for row in site.sql("SELECT action FROM audit")}
    assert {"session.open", "session.close", "session.refused", "user.add"} <= actions


# --- forms of HTTP ----------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/fleet", "/api", "/api/v1/fleet/"])
def test_an_unknown_path_of_the_api_is_404_in_json(site, path):
    status, headers, data = site.api.request("GET", path)
    assert (status, headers["Content-Type"]) == (404, "application/json")
    CONTRACT.check(json.loads(data), {"$ref": "#/components/schemas/Error"})


def test_an_unknown_instance_is_404_everywhere(site):
    for path in CONTRACT.document["paths"]:
        if "{name}" in path:
            query = CALLS["GET", path][0]
            assert site.api.request("GET", path.replace("{name}", "none") + query)[0] == 404


@pytest.mark.parametrize("path", CONTRACT.document["paths"])
def test_an_unknown_method_is_405_and_tells_the_known_ones(site, path):
    known = {method.upper() for method in CONTRACT.document["paths"][path]} & {
        "GET", "POST", "PUT", "DELETE"}
    if path == "/api/v1/live":
        return
    status, headers, _ = site.api.request("PATCH", path_of(path), {})
    assert status == 405
    assert set(headers["Allow"].split(", ")) - {"HEAD"} == known


def raw(site, text, wait=5):
    """The status line that the server gives to these very bytes."""
    with socket.create_connection(("127.0.0.1", site.http_port), timeout=wait) as link:
        link.sendall(text.encode() if isinstance(text, str) else text)
        return link.recv(4096).split(b"\r\n")[0].decode()


def test_bodies_without_length_too_large_or_of_another_kind_are_refused(site):
    start = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\n"
    assert " 411 " in raw(site, start + "\r\n")
    assert " 411 " in raw(site, start + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert " 413 " in raw(site, start + "Content-Length: 1048577\r\n\r\n")
    assert " 415 " in raw(site, start + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}")
    assert " 400 " in raw(site, start + "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{")


def page_file():
    return max((TOP / "web/dist/assets").glob("*.js"), key=lambda path: path.stat().st_size)


def test_files_come_compressed_or_not_and_304_when_known(site):
    path, api = page_file(), Api(site.url)
    url, tags = f"/assets/{path.name}", set()
    for coding, ending in (("identity", ""), ("gzip", ".gz"), ("br", ".br")):
        status, headers, data = api.request("GET", url, headers={"Accept-Encoding": coding})
        assert status == 200 and data == path.with_name(path.name + ending).read_bytes()
        assert headers.get("Content-Encoding", "identity") == coding
        assert headers["Vary"] == "accept-encoding" and "immutable" in headers["Cache-Control"]
        tags.add(headers["ETag"])
        again = api.request("GET", url, headers={"Accept-Encoding": coding,
                                                 "If-None-Match": headers["ETag"]})
        assert (again[0], again[2]) == (304, b"")
    assert len(tags) == 3
    packed = api.request("GET", url, headers={"Accept-Encoding": "gzip"})[2]
    assert gzip.decompress(packed) == path.read_bytes()


def test_deep_links_give_the_page_and_missing_files_do_not(site):
    api, page = Api(site.url), (TOP / "web/dist/index.html").read_bytes()
    for path in ("/", "/instances/pisa-1", "/alerts?state=engaged"):
        status, headers, data = api.request("GET", path)
        assert (status, data, headers["Cache-Control"]) == (200, page, "no-cache")
        assert "unsafe" not in headers["Content-Security-Policy"]
    for path in ("/missing.js", "/../../etc/passwd.txt", "/%2e%2e/%2e%2e/etc/passwd.txt"):
        assert api.request("GET", path)[0] == 404


def test_metrics_are_prometheus_text(site):
    status, headers, data = Api(site.url).request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {}
    for line in data.decode().splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"picket_[a-z0-9_]+ [0-9]+", line), line
            samples[line.split()[0]] = int(line.split()[1])
    assert samples["picket_records_stored_total"] > 0
    assert samples["picket_http_answers_2xx_total"] > 0


# --- lists and large answers ------------------------------------------------------------------

INSERT = """INSERT INTO alert (kind, entity, entity_id, key, state, score, first_at, last_at, detail)
            SELECT 1, 6, 'centre', %s || n, 'released', 5, now() - interval '1 day',
                   now() - interval '1 day' - n / 3 * interval '1 s', repeat(%s, %s)
            FROM generate_series(1, %s) n RETURNING id"""


@pytest.mark.parametrize("kilobytes, alerts", [(64, 60), (500, 490)])
def test_answers_of_64_and_500_kB_come_whole(site, kilobytes, alerts):
    word = f"needle{kilobytes}"
    ids = {str(row[0]) for row in site.sql(INSERT, word, word, 200, alerts)}
    start = time.monotonic()
    status, headers, data = site.api.request("GET", f"/api/v1/alerts?q={word}&limit=500")
    assert status == 200 and len(data) == int(headers["Content-Length"]) >= kilobytes * 1000
    assert {row["id"] for row in json.loads(data)["items"]} == ids
    assert time.monotonic() - start < 5


def test_pages_of_alerts_neither_repeat_nor_miss(site):
    ids = [str(row[0]) for row in site.sql(INSERT, "paged", "paged", 1, 101)]
    seen, cursor = [], ""
    while cursor is not None:
        page = site.api.get(f"/alerts?q=paged&limit=20&state=past{cursor and '&cursor=' + cursor}")
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        assert page["counts"]["critical"] == len(ids)
    assert len(seen) == len(ids) and set(seen) == set(ids)


def test_one_alert_is_had_by_its_id_however_old(site):
    old = site.sql(INSERT, "old", "an old one ", 1, 1)[0][0]
    alert = site.api.get(f"/alerts/{old}")
    assert alert == next(row for row in site.api.get("/alerts?q=an%20old%20one")["items"]
                         if row["id"] == str(old))
    assert alert["detail"] == "an old one "
    for none in ("9223372036854775807", "x", "-1"):
        assert site.api.request("GET", f"/api/v1/alerts/{none}")[0] == 404


def test_alerts_are_filtered(site):
    assert all(row["severity"] in ("error", "critical", "emergency")
               for row in site.api.get("/alerts?severity=error")["items"])
    assert all(row["instance"] == "pisa-1"
               for row in site.api.get("/alerts?instance=pisa-1")["items"])
    assert site.api.get("/alerts?site=nowhere")["items"] == []
    assert site.api.get("/alerts?q='%20OR%20true--")["items"] == []


def test_counters_have_at_most_2000_points_and_gaps_stay_gaps(site):
    now = int(time.time() * 1000)
    day = site.api.get(f"/instances/pisa-1/counters?from_ms={now - 30 * 86400000}&to_ms={now}")
    assert day["step_s"] >= 30 * 86400 / 2000 and day["step_s"] % 10 == 0
    assert 1 <= len(day["series"][0]["points"]) <= 2
    faces = site.api.get("/instances/pisa-1/counters?series=interface")["series"]
    assert [face["name"] for face in faces] == ["branch-office"]


# --- the live channel -------------------------------------------------------------------------

def frames(live, topic, count, timeout=15):
    found = []
    while len(found) < count:
        found.append(live.wait(lambda frame: frame["topic"] == topic, timeout))
    return found


@pytest.mark.parametrize("topic, schema, count", [
    ("fleet", "LiveFleet", 4), ("instance/pisa-1", "LiveInstance", 4), ("alerts", "LiveAlerts", 1)])
def test_a_topic_gives_a_snapshot_and_then_numbered_deltas(site, topic, schema, count):
    live = Live(site.api, [topic])
    found = frames(live, topic, count)
    live.close()
    assert [frame["t"] for frame in found] == ["snap"] + ["delta"] * (count - 1)
    assert [frame["n"] for frame in found] == list(range(found[0]["n"], found[0]["n"] + count))
    for frame in found:
        CONTRACT.check(frame, {"$ref": "#/components/schemas/LiveFrame"})
        CONTRACT.check(frame["data"], {"$ref": f"#/components/schemas/{schema}"})


def test_deltas_of_the_fleet_come_without_being_asked_and_name_what_changed(site):
    live = Live(site.api, ["fleet"])
    frames(live, "fleet", 1)
    site.api.post("/instances", {"name": "fresh-1", "site": "roma"})
    changed = live.wait(lambda frame: any(row["name"] == "fresh-1"
                                          for row in frame["data"]["instances"]), 3)
    assert changed["t"] == "delta"
    live.close()


def test_since_goes_on_without_a_snapshot_and_an_unknown_number_gets_one(site):
    first = Live(site.api, ["fleet"])
    seen = frames(first, "fleet", 2)[-1]["n"]
    second = Live(site.api)
    second.send({"op": "sub", "topic": "fleet", "since": seen - 1})
    assert [(f["t"], f["n"]) for f in frames(second, "fleet", 1)] == [("delta", seen)]
    for unknown in (1, seen + 10**6):
        third = Live(site.api)
        third.send({"op": "sub", "topic": "fleet", "since": unknown})
        assert frames(third, "fleet", 1)[0]["t"] == "snap"
        third.close()
    first.close()
    second.close()


def test_what_cannot_be_had_is_an_error_and_the_socket_stays(site):
    live = Live(site.api)
    for message in ({"op": "sub", "topic": "instance/none"}, {"op": "sub", "topic": "weather"},
                    {"op": "pub", "topic": "fleet"}, {"op": "sub"}, [1]):
        live.send(message)
        frame = live.wait(lambda frame: True, 3)
        CONTRACT.check(frame, {"$ref": "#/components/schemas/LiveFrame"})
        assert frame["t"] == "error" and frame["data"]["code"] and frame["data"]["message"]
    live.send({"op": "sub", "topic": "fleet"})
    assert frames(live, "fleet", 1)[0]["t"] == "snap"
    live.send({"op": "unsub", "topic": "fleet"})
    live.close()


def upgrade(site, cookie, origin, path="/api/v1/live"):
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{site.http_port}", "Upgrade: websocket",
             "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: picket.v1"]
    lines += [f"Cookie: {cookie}"] if cookie else []
    lines += [f"Origin: {origin}"] if origin else []
    return raw(site, "\r\n".join(lines) + "\r\n\r\n")


def test_the_upgrade_wants_our_own_origin_and_a_session(site):
    own = site.url
    assert " 101 " in upgrade(site, site.api.cookie, own)
    assert " 401 " in upgrade(site, None, own)
    assert " 401 " in upgrade(site, "picket_session=x", own)
    assert " 403 " in upgrade(site, site.api.cookie, "http://evil.example")
    assert " 403 " in upgrade(site, site.api.cookie, None)
    assert " 404 " in upgrade(site, site.api.cookie, own, "/api/v1/other")


def test_signing_out_closes_the_live_channel(site):
    api = signed_in(site, "viewer")
    live = Live(api, ["fleet"])
    frames(live, "fleet", 1)
    api.call("DELETE", "/api/v1/session")
    with pytest.raises(ConnectionError):
        live.wait(lambda frame: False, 10)


def test_a_made_up_session_is_told_nothing(site):
    api = Api(site.url)
    api.cookie = "picket_session=" + "A" * 43
    live = Live(api, ["fleet"])
    with pytest.raises(ConnectionError):
        live.wait(lambda frame: True, 15)


@pytest.mark.alone
def test_clients_that_never_read_delay_nobody(site):
    with contextlib.ExitStack() as stack:
        for _ in range(5):  # half a request each
            link = stack.enter_context(socket.create_connection(("127.0.0.1", site.http_port)))
            link.sendall(b"GET /api/v1/fleet HTTP/1.1\r\nHost: x\r\n")
        for _ in range(5):  # many snapshots each, and none is read
            live = Live(site.api)
            stack.callback(live.close)
            for _ in range(500):
                live.send({"op": "sub", "topic": "fleet"})
        times = []
        for _ in range(50):
            start = time.monotonic()
            site.api.get("/fleet")
            times.append(time.monotonic() - start)
        assert sorted(times)[-2] < 0.5
        reader = Live(site.api, ["instance/pisa-1"])
        stack.callback(reader.close)
        assert len(frames(reader, "instance/pisa-1", 3, 5)) == 3


# --- flows that only the store knows -------------------------------------------------------------

AWAY = "pisa-3"  # it has joined, and never sends


@pytest.fixture(scope="module")
def away(site):
    """An instance that was heard, saw nothing and is gone: what is asked of it is what is stored."""
    agent = site.agent(AWAY, f"file:{CAPTURE}?loop", capture="filter = port 9")
    wait_for(lambda: (site.api.instance(AWAY) or {}).get("state") == "up", 20, "it is up")
    agent.kill()
    wait_for(lambda: site.api.instance(AWAY)["state"] == "unreachable", 15, "it is missed")
    site.base_s = int(time.time())  # in the minute after it was last heard, which is asked for too
    return site


def store_flow(site, records, **columns):
    """Stores records of flows of the instance that is away, written as SQL over n from 1 to
    `records` and over t, a time that is asked for; each ends n ms before t unless told otherwise."""
    row = {"epoch": "1", "seq": "n", "flow_id": "n", "client": "'10.1.0.1'::inet",
           "server": "'192.0.2.1'::inet", "client_port": "1024 + n", "server_port": "443",
           "vlan": "0", "protocol_l4": "6", "status": "3", "final": "true", "truncated": "false",
           "confidence": "6", "bytes_c2s": "n", "bytes_s2c": "0", "packets_c2s": "1",
           "packets_s2c": "1", "retransmitted_c2s": "0", "retransmitted_s2c": "0",
           "out_of_order_c2s": "0", "out_of_order_s2c": "0", "tcp_flags_c2s": "0",
           "tcp_flags_s2c": "0", "risks": "0", "source": "'eth0'", "protocol": "'TLS'",
           "app": "'TLS'", "category": "'Web'", "host": "''", "info": "''",
           "last_at": "t - n * interval '1 ms'", **columns}
    row["first_at"] = columns.get("first_at", row["last_at"])
    site.sql(f"INSERT INTO flow (instance_id, {', '.join(row)})"
             f" SELECT i.id, {', '.join(row.values())} FROM instance i, to_timestamp(%s) t,"
             " generate_series(1, %s) n WHERE i.name = %s RETURNING 1", site.base_s, records, AWAY)


def stored_flows(site, words):
    answer = site.api.get(f"/instances/{AWAY}/query?op=flows&{words}")
    assert answer["live"] is False
    return answer


def test_ten_thousand_stored_flows_are_listed(away):
    """In less than the 5 s after which the database gives up on a statement."""
    store_flow(away, 10_000)
    store_flow(away, 10_000, seq="10000 + n", bytes_c2s="1000 * n", host="'name-' || n",
               last_at="t")
    answer = stored_flows(away, "port=443&limit=100&sort=bytes&desc=true")
    assert answer["total"] == 10_000
    assert [(row["flow_id"], row["bytes"], row["host"]) for row in answer["rows"]] == [
        (str(n), 1001 * n, f"name-{n}") for n in range(10_000, 9_900, -1)]
    answer = stored_flows(away, "port=443&limit=2&sort=client_port&desc=false&cursor=" + answer["next"])
    assert [row["client_port"] for row in answer["rows"]] == [1125, 1126]


def test_a_stored_flow_tells_its_worst_moment_and_how_it_ended(away):
    port = 1001
    common = {"flow_id": "20001", "server_port": str(port), "quality_class": "1",
              "quality_profile": "1", "score_confidence_s2c": "2", "segments_s2c": "10"}
    store_flow(away, 1, **common, seq="1", status="2", score_s2c="90", worst_s2c="80",
               reason_s2c="1", blame_s2c="1", reason_value_s2c="500", reason_of_s2c="0",
               last_at="t - interval '3 s'")
    store_flow(away, 1, **common, seq="2", status="2", score_s2c="50", worst_s2c="20",
               reason_s2c="2", blame_s2c="2", reason_value_s2c="7", reason_of_s2c="10",
               last_at="t - interval '2 s'")
    store_flow(away, 1, **common, seq="3", status="3", score_s2c="70", worst_s2c="60",
               reason_s2c="1", blame_s2c="1", reason_value_s2c="900", reason_of_s2c="0",
               last_at="t - interval '1 s'")
    row, = stored_flows(away, f"port={port}&status=closed")["rows"]
    verdict = row["quality"]["s2c"]
    assert [verdict[key] for key in ("score", "worst", "blame", "value", "of")] == [
        70, 20, "server_side", 7, 10]
    assert "score" not in row["quality"]["c2s"]
    assert stored_flows(away, f"port={port}&status=active")["rows"] == []


def trips(*bins):
    """The column of (µs, how often), as SQL."""
    def code(us):
        exponent = us.bit_length() - 1
        return exponent << 11 | (us << 11 >> exponent) & 2047
    packed = b"".join(struct.pack(">HI", code(us), count) for us, count in sorted(bins))
    return f"'\\x{packed.hex()}'::bytea"


def test_a_stored_flows_round_trip_is_the_median_of_all_of_them(away):
    """1, 2 and 50 ms: the mean of the records' medians would be 24 ms."""
    port = 1003
    common = {"flow_id": "20003", "server_port": str(port), "quality_class": "1",
              "quality_profile": "1"}
    store_flow(away, 1, **common, seq="1", rtt_server_us="1000", rtt_server_samples="40",
               rtt_server_trips=trips((1000, 40)), last_at="t - interval '3 s'")
    store_flow(away, 1, **common, seq="2", rtt_server_us="2000", rtt_server_samples="30",
               rtt_server_trips=trips((2000, 30)), last_at="t - interval '2 s'")
    store_flow(away, 1, **common, seq="3", rtt_server_us="50000", rtt_server_samples="60",
               rtt_server_trips=trips((50_000, 59), (3_000_000_000, 1)),
               last_at="t - interval '1 s'")
    row, = stored_flows(away, f"port={port}")["rows"]
    assert 1999 <= row["rtt_server_us"] <= 2000
    assert row["rtt_server_samples"] == 130
    assert "rtt_client_us" not in row or row["rtt_client_us"] in (0, None)


def test_a_record_of_an_older_agent_counts_as_its_median(away):
    port = 1004
    common = {"flow_id": "20004", "server_port": str(port), "quality_class": "1",
              "quality_profile": "1"}
    store_flow(away, 1, **common, seq="1", rtt_client_us="1000", rtt_client_samples="70",
               last_at="t - interval '2 s'")
    store_flow(away, 1, **common, seq="2", rtt_client_us="50000", rtt_client_samples="60",
               rtt_client_trips=trips((50_000, 60)), last_at="t - interval '1 s'")
    row, = stored_flows(away, f"port={port}")["rows"]
    assert row["rtt_client_us"] == 1000


def test_jitter_is_the_mean_of_the_packets_that_it_is_known_of(away):
    port = 1002
    common = {"flow_id": "20002", "server_port": str(port), "protocol_l4": "17",
              "protocol": "'RTP'", "rtp_streams_c2s": "1", "rtp_packets_c2s": "3000",
              "rtp_lost_c2s": "0", "rtp_ssrc_c2s": "7", "rtp_type_c2s": "0", "rtp_clock_hz_c2s": "8000", "quality_class": "1",
              "quality_profile": "1"}
    store_flow(away, 1, **common, seq="1", last_at="t - interval '2 s'")
    store_flow(away, 1, **common, seq="2", rtp_jitter_us_c2s="20000",
               last_at="t - interval '1 s'")
    row, = stored_flows(away, f"port={port}")["rows"]
    assert row["media"]["c2s"]["packets"] == 6000
    assert row["media"]["c2s"]["jitter_us"] == 20_000


def test_a_long_flow_has_its_newest_1500_points_oldest_first(away):
    flow_id = 2 ** 63 + 1  # numbers have 64 bits without sign
    store_flow(away, 1_600, flow_id=str(flow_id - 2 ** 64), seq="n", score_c2s="mod(n, 100)",
               first_at="t - interval '1 hour'",
               last_at="t - (1600 - n) * interval '1 s'")
    last_ms = away.base_s * 1000
    ask = f"/instances/{AWAY}/flows/{flow_id}/history?from_ms={last_ms - 3_600_000}"
    points = away.api.get(f"{ask}&to_ms={last_ms + 1000}")["points"]
    assert [point["at_ms"] for point in points] == [
        last_ms - 1000 * n for n in range(1_499, -1, -1)]
    assert away.api.get(f"{ask}&to_ms={last_ms - 1_200_500}")["points"][-1]["at_ms"] == \
        last_ms - 1_201_000


@pytest.mark.parametrize("flow_id, status", [("987654321", 200), ("x", 404), ("1" * 21, 404),
                                             (str(2 ** 64), 404)])
def test_a_flow_of_which_nothing_is_stored_has_no_points(site, flow_id, status):
    got, _, data = site.api.request("GET", f"/api/v1/instances/pisa-1/flows/{flow_id}/history")
    assert got == status
    if status == 200:
        assert json.loads(data)["points"] == []
    else:
        assert json.loads(data)["error"]["field"] == "flow_id"


# --- when parts are away ----------------------------------------------------------------------

def test_an_agent_that_is_gone_is_answered_for_with_what_is_stored(site):
    agent = site.agent("pisa-2", f"file:{CAPTURE}?loop")
    try:
        wait_for(lambda: site.sql("SELECT count(*) FROM flow f JOIN instance i ON"
                                  " i.id = f.instance_id WHERE i.name = 'pisa-2'")[0][0] > 5, 40,
                 "flows of pisa-2 are stored")
    finally:
        agent.kill()
    wait_for(lambda: site.api.instance("pisa-2")["state"] == "unreachable", 15, "it is missed")
    for op in ROWS:
        start = time.monotonic()
        answer = site.api.get(f"/instances/pisa-2/query?op={op}")
        assert time.monotonic() - start < 3
        assert answer["live"] is False and answer["error"]["code"] == "unreachable"
        assert answer["rows"] or op == "alerts"
        assert op == "alerts" or answer["age_ms"] > 0
        for row in answer["rows"]:
            CONTRACT.check(row, row_schema(op))
    stored = site.api.get("/instances/pisa-2/query?op=flows&app=dns&sort=last_ms&limit=2")
    assert all("DNS" in (row["app"], row["protocol"]) for row in stored["rows"])
    assert site.api.get("/instances/pisa-2/query?op=hosts&host=192.0.2.254")["rows"] == []


def test_without_the_database_the_fleet_is_still_there(lab):
    api = lab.start_centre()
    lab.agent("pisa-1", f"file:{CAPTURE}?loop")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "it is up")
    lab.database.kill()
    wait_for(lambda: api.request("GET", "/readyz")[0] == 503, 10, "it is said")
    assert api.instance("pisa-1")["name"] == "pisa-1"
    assert api.get("/instances/pisa-1/query?op=hosts")["live"] is True
    live = Live(api, ["fleet", "instance/pisa-1"])
    assert frames(live, "instance/pisa-1", 3)
    live.close()
    for method, path, body in (("GET", "/alerts", None), ("GET", "/users", None),
                               ("POST", "/session", {"user": "a", "password": "b"})):
        status, _, data = api.request(method, "/api/v1" + path, body)
        assert (status, json.loads(data)["error"]["code"]) == (503, "unavailable")
    lab.database.start()
    wait_for(lambda: api.request("GET", "/api/v1/alerts")[0] == 200, 20, "it is back")


def test_a_session_and_its_live_channel_outlive_a_restart(lab):
    api = lab.start_centre()
    lab.agent("pisa-1", f"file:{CAPTURE}?loop")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "it is up")
    live = Live(api, ["fleet"])
    seen = frames(live, "fleet", 1)[0]["n"]
    lab.aggregator.kill()
    lab.aggregator.start()
    wait_for(lambda: lab.ready(api), 20, "the aggregator answers again")
    after = Live(api)  # before any request has brought the session back to memory
    after.send({"op": "sub", "topic": "fleet", "since": seen})
    assert frames(after, "fleet", 1)[0]["t"] == "snap"
    assert api.get("/session")["user"] == "admin"
    assert api.post("/instances", {"name": "new-1", "site": "roma"})["token"].startswith("pkt1.")
    after.close()


def test_five_refused_sign_ins_make_the_next_one_wait(lab):
    lab.start_centre()
    api = Api(lab.url)
    for _ in range(5):
        assert api.request("POST", "/api/v1/session", {"user": "x", "password": "y"})[0] == 401
    status, headers, data = api.request("POST", "/api/v1/session", {"user": "z", "password": "y"})
    assert (status, json.loads(data)["error"]["code"]) == (429, "too_many")
    assert 0 < int(headers["Retry-After"]) <= 60


def test_over_tls_the_cookie_is_secure_and_large_answers_come_whole(lab):
    lab.start_centre()
    lab.aggregator.stop()
    cert, key = lab.dir / "web.crt", lab.dir / "web.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    config = lab.dir / "aggregator.conf"
    config.write_text(config.read_text() + f"cert = {cert}\nkey = {key}\n")
    lab.aggregator.start()
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def ask(text):
        with socket.create_connection(("127.0.0.1", lab.http_port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as link:
                assert link.selected_alpn_protocol() == "http/1.1"
                link.sendall(text.encode())
                return b"".join(iter(lambda: link.recv(65536), b"")).split(b"\r\n\r\n", 1)

    def ready():
        with contextlib.suppress(OSError):
            return b" 200 " in ask("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0]

    wait_for(ready, 20, "it answers over TLS")
    body = json.dumps({"user": "admin", "password": lab.password_file.read_text().strip()})
    head, _ = ask("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                  f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert b" 200 " in head and b"; Secure" in head and b"strict-transport-security: " in head
    path = page_file()
    data = ask(f"GET /assets/{path.name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[1]
    assert data == path.read_bytes()


@pytest.mark.alone
def test_it_ends_in_three_seconds_although_the_database_hangs(lab):
    api = lab.start_centre()
    lab.database.kill(signal.SIGSTOP)
    backends = [int(row) for row in subprocess.run(
        ["pgrep", "-P", str(lab.database.pid)], capture_output=True, text=True).stdout.split()]
    try:
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        with contextlib.suppress(OSError):
            api.request("GET", "/api/v1/alerts", timeout=0.5)
        start = time.monotonic()
        assert lab.aggregator.stop(10) == 0
        assert time.monotonic() - start < 3.5
    finally:
        for pid in [*backends, lab.database.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
