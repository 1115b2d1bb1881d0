"""Reports: numbers that equal SQL over the raw rows, a page that is whole and safe, a clean PDF;
schedules that fall due; retention that drops what it said it would."""

import base64
import hashlib
import html.parser
import re
import subprocess
import time

import pytest

from client import Refused
from lab import TOP, wait_for
from packets import write_load, write_scan

HOUR_MS = 3600 * 1000


class Numbers(html.parser.HTMLParser):
    """The exact values of a report: {key: value}, and for rows of tables {(section, row, key)}."""

    def __init__(self, text):
        super().__init__()
        self.values, self.tags, self.section, self.row = {}, set(), None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.section = attrs.get("id", self.section) if tag == "section" else self.section
        if tag == "tr":
            self.row = attrs.get("data-row")
        if tag == "data" and "data-key" in attrs:
            key = (self.section, self.row, attrs["data-key"]) if self.row else attrs["data-key"]
            self.values[key] = float(attrs["value"])

    def handle_endtag(self, tag):
        if tag == "tr":
            self.row = None


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre with two sites whose agents have stopped: all that they stored lies still."""
    api = shared_lab.start_centre()
    load, scan = shared_lab.dir / "load.pcap", shared_lab.dir / "scan.pcap"
    write_load(load, flows=300, seconds=40)
    write_scan(scan)
    shared_lab.agent("pisa-1", f"file:{TOP}/deploy/captures/branch-office.pcap?loop, file:{scan}?pace=1")
    shared_lab.agent("lucca-1", f"file:{load}?loop&pace=1", site="lucca")
    wait_for(lambda: len(shared_lab.sql("SELECT DISTINCT instance_id, start_at FROM counter_total"))
             >= 6, 60, "counters of both are stored")
    wait_for(lambda: shared_lab.sql("SELECT count(*) FROM alert_event")[0][0] > 0, 40, "an alert")
    for agent in shared_lab.agents.values():
        agent.stop()
    wait_for(lambda: all(row["state"] == "stopped" for row in api.get("/fleet")["instances"]), 20,
             "both have stopped")
    shared_lab.api = api
    return shared_lab


def finished(api, report):
    return wait_for(lambda: (lambda r: r if r["state"] in ("done", "failed") else None)(
        api.get(f"/reports/{report['id']}")), 60, "the report is made")


def make(site, **wish):
    report = finished(site.api, site.api.post("/reports", {"time_zone": "Europe/Rome", **wish}))
    assert (report["state"], report["error"], report["progress"]) == ("done", None, 100)
    status, headers, body = site.api.request("GET", f"/api/v1/reports/{report['id']}/html")
    assert status == 200
    return report, headers, body.decode()


def period(report):
    return report["from_ms"] / 1000, report["to_ms"] / 1000


def ids(site, where):
    return [row[0] for row in site.sql(f"SELECT id FROM instance WHERE {where}")]


IN = " instance_id = ANY(%s) AND {0} >= to_timestamp(%s) AND {0} < to_timestamp(%s)"


@pytest.mark.parametrize("scope, where", [
    ("fleet", "true"), ("site:lucca", "site = 'lucca'"), ("instance:pisa-1", "name = 'pisa-1'")])
def test_the_numbers_of_the_last_hour_equal_sql_over_the_raw_rows(site, scope, where):
    report, _, text = make(site, scope=scope, period="hour")
    assert report["to_ms"] - report["from_ms"] == HOUR_MS
    values = Numbers(text).values
    span = (ids(site, where), *period(report))

    out, back, packets, dropped = site.sql(
        "SELECT sum(bytes_out), sum(bytes_in), sum(packets), sum(dropped) FROM counter_total"
        " WHERE" + IN.format("start_at"), *span)[0]
    assert out > 0 and back > 0
    assert values["traffic.bytes"] == values["summary.bytes"] == out + back
    assert (values["traffic.bytes_out"], values["traffic.bytes_in"]) == (out, back)
    assert (values["traffic.packets"], values["traffic.dropped"]) == (packets, dropped)
    assert values["traffic.mean_bps"] == pytest.approx(float(out + back) * 8 / 3600, rel=1e-12)

    apps = site.sql("SELECT app, sum(bytes_in + bytes_out), sum(flows) FROM counter_app WHERE"
                    + IN.format("start_at") + " GROUP BY app ORDER BY 2 DESC, 1 LIMIT 15", *span)
    assert apps
    assert [(a, values["applications", a, "bytes"], values["applications", a, "flows"])
            for a, _, _ in apps] == apps

    hosts = site.sql("SELECT host(host), sum(bytes_in), sum(bytes_out) FROM counter_host_top WHERE"
                     + IN.format("start_at") + " GROUP BY instance_id, host, vlan"
                     " ORDER BY sum(bytes_in + bytes_out) DESC, 1 LIMIT 15", *span)
    assert hosts
    for host, received, sent in hosts:
        if [h for h, _, _ in hosts].count(host) == 1:
            assert values["hosts", host, "bytes_in"] == received
            assert values["hosts", host, "bytes_out"] == sent

    sides = [v for (k, v) in values.items() if k[0] == "sides" and k[2] in ("sent", "received")]
    flows = site.sql("SELECT sum(bytes_c2s + bytes_s2c) FROM flow WHERE" + IN.format("last_at"),
                     *span)[0][0]
    assert sum(sides) == flows > 0

    rtt = site.sql("SELECT handshake_client_us FROM flow WHERE protocol_l4 = 6"
                   " AND handshake_client_us IS NOT NULL AND" + IN.format("last_at")
                   + " ORDER BY 1", *span)
    if rtt:
        assert values["quality.rtt_client_p50"] == rtt[(len(rtt) - 1) // 2][0]


def test_scores_are_those_of_the_worse_direction_of_each_flow(site):
    """Worked out in Python from the raw rows, record by record."""
    report, _, text = make(site, scope="fleet", period="hour")
    values = Numbers(text).values
    flows = {}
    for key, c2s, s2c in site.sql(
            "SELECT (instance_id, epoch, flow_id, client, server)::text, score_c2s, score_s2c"
            " FROM flow WHERE quality_class IS NOT NULL AND"
            + IN.format("last_at"), ids(site, "true"), *period(report)):
        ways = flows.setdefault(key, ([], []))
        ways[0].extend([c2s] if c2s is not None else [])
        ways[1].extend([s2c] if s2c is not None else [])
    scores = sorted(min(sum(way) / len(way) for way in ways if way)
                    for ways in flows.values() if any(ways))
    assert scores
    judged = sum(values[f"quality.{label}"] for label in ("excellent", "good", "fair", "poor"))
    assert judged == len(scores)
    assert abs(values["quality.p50"] - scores[(len(scores) - 1) // 2]) <= 0.5


def test_alerts_are_counted_as_the_table_has_them(site):
    report, _, text = make(site, scope="fleet", period="hour")
    values = Numbers(text).values
    since, until = period(report)
    rows = site.sql("SELECT kind, first_at >= to_timestamp(%s) FROM alert WHERE first_at <"
                    " to_timestamp(%s) AND (state = 'engaged' OR coalesce(released_at, last_at) >="
                    " to_timestamp(%s))", since, until, since)
    assert values["alerts.seen"] == values["summary.alerts"] == len(rows) > 0
    assert values["alerts.began"] == sum(1 for row in rows if row[1])
    kinds = {kind["id"]: kind["name"] for kind in site.api.get("/alert-kinds")["items"]}
    for kind in {row[0] for row in rows}:
        assert values["alerts", kinds[kind], "seen"] == sum(1 for r in rows if r[0] == kind)


def test_availability_is_the_part_of_the_time_that_was_spent_up(site):
    """One hour of which an instance was away for 15 and then 3 minutes, before now."""
    (one,) = ids(site, "name = 'lucca-1'")
    changes = [(-7200, "up"), (-3000, "unreachable"), (-2100, "up"), (-1000, "unreachable"),
               (-820, "degraded")]
    report, _, _ = make(site, scope="fleet", period="hour")  # only for its time
    end = report["to_ms"] / 1000 - 3 * 86400
    for at, state in changes:
        site.sql("INSERT INTO instance_state_change (instance_id, at, to_state) VALUES"
                 " (%s, to_timestamp(%s), %s) RETURNING id", one, end + at, state)
    wish = {"scope": "instance:lucca-1", "period": "custom",
            "from_ms": round((end - 3600) * 1000), "to_ms": round(end * 1000)}
    _, _, text = make(site, **wish)
    values = Numbers(text).values
    assert values["summary.availability"] == pytest.approx(1 - (900 + 180) / 3600, abs=1e-6)
    assert values["availability", "lucca-1", "outages"] == 2
    assert values["availability", "lucca-1", "longest"] == pytest.approx(900_000, abs=1)
    assert "No counters are stored for this period." in text
    assert "No flow is stored for this period." in text


def test_the_period_before_is_told_beside_the_present_one(site):
    (one,) = ids(site, "name = 'pisa-1'")
    end = int(time.time() // 3600 * 3600) - 30 * 86400
    for at, size in ((end - 5400, 1000), (end - 1800, 1500)):
        site.sql("INSERT INTO counter_total (instance_id, epoch, seq, start_at, seconds, bytes_in,"
                 " bytes_out, packets, dropped, flows, hosts) VALUES (%s, 1, 1, to_timestamp(%s),"
                 " 10, %s, 0, 1, 0, 1, 1) RETURNING seq", one, at, size)
        site.sql("INSERT INTO rollup_dirty (instance_id, facts, at) VALUES (%s, 'counter',"
                 " to_timestamp(%s)) RETURNING at", one, at)
    wait_for(lambda: site.sql("SELECT count(*) FROM rollup_total_hour WHERE instance_id = %s AND"
                              " at >= to_timestamp(%s) AND at < to_timestamp(%s)", one, end - 7200,
                              end)[0][0] == 2, 60, "both hours are rolled up")
    _, _, text = make(site, scope="instance:pisa-1", period="custom", from_ms=(end - 3600) * 1000,
                      to_ms=end * 1000)
    assert Numbers(text).values["summary.bytes"] == 1500
    assert re.search(r"\+50\s%, was 1\skB", text)


def test_the_page_is_whole_and_runs_nothing(site):
    """No script, nothing fetched, and a policy that would stop both; names are escaped."""
    site.sql("INSERT INTO counter_app (instance_id, epoch, seq, start_at, seconds, app, bytes_in,"
             " bytes_out, packets, flows) SELECT id, 1, 1, now() - interval '1 min', 10, %s, 10e12,"
             " 0, 1, 1 FROM instance WHERE name = 'pisa-1' RETURNING seq",
             "<script>alert('x')</script>\"&")
    try:
        report, headers, text = make(site, scope="fleet", period="hour")
    finally:
        site.sql("DELETE FROM counter_app WHERE app LIKE '<script%%' RETURNING seq")
    page = Numbers(text)
    assert "script" not in page.tags and not re.search(r"\s(src|on\w+|style)=", text)
    assert not re.search(r"(?:https?:)?//", text.split("</title>")[1])
    assert ("applications", "<script>alert('x')</script>\"&", "bytes") in page.values
    policy = headers["Content-Security-Policy"]
    assert headers.get_all("Content-Security-Policy") == [policy]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    styles = re.findall(r"<style>(.*?)</style>", text, re.S)
    assert len(styles) == 2
    for style in styles:
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy and f"'sha256-{digest}'" in text
    assert report["bytes"] == len(text.encode())
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_it_prints_to_a_clean_pdf(site, tmp_path):
    _, _, text = make(site, scope="fleet", period="hour")
    page, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(text)
    subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu",
                    f"--user-data-dir={tmp_path}/profile", "--no-pdf-header-footer",
                    f"--print-to-pdf={pdf}", page.as_uri()], check=True, capture_output=True,
                   timeout=120)
    info = subprocess.run(["pdfinfo", pdf], check=True, capture_output=True, text=True).stdout
    pages = int(re.search(r"Pages:\s+(\d+)", info)[1])
    assert 2 <= pages <= 8 and "A4" in info
    words = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True,
                           text=True).stdout
    sheets = words.split("\f")[:pages]
    for number, sheet in enumerate(sheets, 1):
        assert f"Page {number} of {pages}" in sheet and "Times in Europe/Rome" in sheet
        assert len(sheet.split()) > 40, f"page {number} is nearly empty"
    for heading in ("Availability", "Traffic", "Top applications", "Top hosts", "Alerts",
                    "No AS data: no agent has a database"):
        assert heading in words


def test_a_fleet_of_many_kinds_of_refusals(site):
    for wish, field in [
            ({"scope": "site:nowhere", "period": "hour"}, "scope"),
            ({"scope": "all", "period": "hour"}, "scope"),
            ({"scope": "fleet", "period": "year"}, "period"),
            ({"scope": "fleet", "period": "hour", "from_ms": 1}, "period"),
            ({"scope": "fleet", "period": "custom"}, "from_ms"),
            ({"scope": "fleet", "period": "custom", "from_ms": 1}, "from_ms"),
            ({"scope": "fleet", "period": "hour", "time_zone": "Mars/Olympus"}, "time_zone"),
            ({"scope": "fleet", "period": "hour", "more": 1}, "more")]:
        with pytest.raises(Refused) as refused:
            site.api.post("/reports", {"time_zone": "UTC", **wish})
        assert (refused.value.status, refused.value.body["error"]["field"]) == (400, field)


def test_a_deleted_report_is_gone_and_both_are_audited(site):
    report, _, _ = make(site, scope="fleet", period="day")
    path = f"/api/v1/reports/{report['id']}"
    assert site.api.request("DELETE", path)[0] == 204
    assert [site.api.request("GET", path + end)[0] for end in ("", "/html")] == [404, 404]
    actions = site.sql("SELECT action FROM audit WHERE subject = %s ORDER BY id", report["id"])
    assert actions == [("report.add",), ("report.delete",)]


# --- schedules --------------------------------------------------------------------------------

def test_a_schedule_makes_the_report_of_the_last_whole_day_and_keeps_a_few(site):
    made = site.api.post("/report-schedules", {
        "name": "Every morning", "scope": "fleet", "rhythm": "daily", "hour": 6,
        "time_zone": "Europe/Rome", "keep": 2})
    assert made["next_ms"] > time.time() * 1000 and made["enabled"]
    for _ in range(3):
        before = {r["id"] for r in site.api.get("/reports")["items"]}
        site.sql("UPDATE report_schedule SET next_at = now() - interval '1 s' RETURNING id")
        site.sql("SELECT pg_notify('report', '')")
        fresh = wait_for(lambda: [r for r in site.api.get("/reports")["items"]
                                  if r["id"] not in before and r["state"] == "done"], 30,
                         "a scheduled report")
    (report,) = fresh
    assert report["schedule"] == "Every morning"
    begin, end = site.sql("SELECT to_timestamp(%s) AT TIME ZONE 'Europe/Rome',"
                          " to_timestamp(%s) AT TIME ZONE 'Europe/Rome'", *period(report))[0]
    assert (begin.hour, end.hour, (end - begin).days) == (0, 0, 1)
    own = [r for r in site.api.get("/reports")["items"] if r["schedule"] == "Every morning"]
    assert len(own) == 2
    assert site.api.get("/report-schedules")["items"][0]["next_ms"] > time.time() * 1000


@pytest.mark.parametrize("rhythm, after, due", [
    ("daily", "2026-03-28 06:00:00+01", "2026-03-29 06:00:00+02"),  # the clocks go forward
    ("daily", "2026-10-25 05:59:00+01", "2026-10-25 06:00:00+01"),
    ("weekly", "2026-11-25 12:00:00+01", "2026-11-30 06:00:00+01"),
    ("monthly", "2026-01-01 06:00:00+01", "2026-02-01 06:00:00+01"),
    ("monthly", "2026-12-31 23:00:00+01", "2027-01-01 06:00:00+01"),
])
def test_schedules_are_due_on_local_time(site, rhythm, after, due):
    assert site.sql("SELECT report_due(%s, 6, 'Europe/Rome', %s::timestamptz) = %s::timestamptz",
                    rhythm, after, due) == [(True,)]


def test_a_schedule_is_changed_switched_off_and_deleted(site):
    wish = {"name": "Weekly", "scope": "site:lucca", "rhythm": "weekly", "hour": 7,
            "time_zone": "UTC", "keep": 5}
    made = site.api.post("/report-schedules", wish)
    with pytest.raises(Refused) as refused:
        site.api.post("/report-schedules", wish)
    assert (refused.value.status, refused.value.body["error"]["field"]) == (409, "name")
    changed = site.api.call("PUT", f"/api/v1/report-schedules/{made['id']}",
                            {**wish, "hour": 8, "enabled": False})[0]
    assert (changed["hour"], changed["enabled"], changed["id"]) == (8, False, made["id"])
    site.sql("UPDATE report_schedule SET next_at = now() - interval '1 s' WHERE name = 'Weekly'"
             " RETURNING id")
    assert site.api.request("DELETE", f"/api/v1/report-schedules/{made['id']}")[0] == 204
    assert site.api.request("DELETE", f"/api/v1/report-schedules/{made['id']}")[0] == 404
    assert not [r for r in site.api.get("/reports")["items"] if r["scope"] == "site:lucca"
                and r["schedule"]]


# --- after a crash ----------------------------------------------------------------------------

def test_a_report_that_was_half_made_is_made_after_the_restart(site):
    site.aggregator.kill()
    (row,) = site.sql("INSERT INTO report (scope, from_at, to_at, time_zone, state, tries,"
                      " created_by) VALUES ('fleet', now() - interval '1 hour', now(), 'UTC',"
                      " 'running', 1, 'admin') RETURNING id")
    site.aggregator.start()
    wait_for(lambda: site.ready(site.api), 20, "the aggregator is back")
    assert finished(site.api, {"id": row[0]})["state"] == "done"


# --- retention --------------------------------------------------------------------------------

def add_old_days(site, days):
    """Counters of each of these days ago, by way of the default partition as agents' would be."""
    for ago in days:
        site.sql("INSERT INTO counter_total (instance_id, epoch, seq, start_at, seconds, bytes_in,"
                 " bytes_out, packets, dropped, flows, hosts) SELECT id, 1, n, now() - %s * interval"
                 " '1 day', 10, 1, 1, 1, 0, 1, 1 FROM instance, generate_series(1, 100) n"
                 " WHERE name = 'pisa-1' RETURNING seq", ago)


def partitions(site):
    return {row[0] for row in site.sql("SELECT name FROM fact_partition WHERE kind = 'counter'")}


def restart(site):
    """Retention is applied at a start and then once an hour."""
    site.aggregator.stop()
    site.aggregator.start()
    wait_for(lambda: site.ready(site.api), 20, "the aggregator is back")


def test_retention_drops_what_its_preview_named_and_nothing_else(site):
    add_old_days(site, (3, 10, 40))
    restart(site)
    wait_for(lambda: len([p for p in partitions(site) if p.startswith("counter_total_")]) >= 7, 20,
             "old days have partitions of their own")
    preview = site.api.get("/retention/preview?kind=counter&days=20")
    old = preview["items"][0]
    assert (old["rows"], old["exact"], old["limit"]) == (100, True, "days")
    assert old["bytes"] > 0 and old["to_ms"] - old["from_ms"] == 24 * HOUR_MS
    before = partitions(site)
    site.api.call("POST", "/api/v1/retention", {"kind": "counter", "days": 20})
    assert partitions(site) == before, "saving alone drops nothing"
    restart(site)
    going = {item["partition"] for item in preview["items"]}
    wait_for(lambda: partitions(site) == before - going, 20, "just these are dropped")
    audited = site.sql("SELECT subject, detail FROM audit WHERE action = 'retention.drop'")
    assert {row[0] for row in audited} == going
    assert any("100 rows" in row[1] for row in audited)
    assert site.sql("SELECT count(*) FROM audit WHERE action = 'retention.set'") == [(1,)]


def test_a_limit_of_bytes_takes_the_oldest_and_never_today_or_yesterday(site):
    add_old_days(site, (5, 6))
    restart(site)
    wait_for(lambda: sum("counter_total" in p for p in partitions(site)) >= 6, 20, "partitions")
    preview = site.api.get("/retention/preview?kind=counter&max_bytes=1000000")
    kept = partitions(site) - {item["partition"] for item in preview["items"]}
    yesterday = site.sql("SELECT to_char((now() AT TIME ZONE 'UTC')::date - 1, 'YYYYMMDD')")[0][0]
    assert all(name[-8:] >= yesterday for name in kept if "total" in name) or preview["items"] == []
    assert f"counter_total_{yesterday}" in kept


def test_wrong_limits_are_refused(site):
    for body, field in [({"kind": "none"}, "kind"), ({"kind": "flow", "days": 0}, "days"),
                        ({"kind": "flow", "max_bytes": 5}, "max_bytes")]:
        with pytest.raises(Refused) as refused:
            site.api.call("POST", "/api/v1/retention", body)
        assert (refused.value.status, refused.value.body["error"]["field"]) == (400, field)
