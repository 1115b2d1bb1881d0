"""Roll-ups are the sums of the raw rows, however these come: in any order, late, and with the
centre killed in between. Readers that use them say the same as the raw rows do."""

import random
import signal

import pytest

from lab import wait_for
from sim import Sim
from test_reports import Numbers

HOUR_S, DAY_S = 3600, 86400
RIPE = " at < now() - CASE level WHEN 'minute' THEN interval '75 s'" \
       " WHEN 'hour' THEN interval '1 hour 75 s' ELSE interval '1 day 5 min' END"


def hello(sim):
    def welcomed():
        try:
            sim.do("hello 7")
            return sim.expect("welcome", 1)
        except AssertionError:
            return None

    wait_for(welcomed, 60, "a welcome")


@pytest.fixture
def site(lab):
    lab.api = lab.start_centre()
    sim = Sim(lab, "pisa-1", lab.token("pisa-1", "pisa"))
    assert sim.enrol()["ok"]
    hello(sim)
    yield lab, sim
    sim.close()


def send(sim, ages, place):
    """Counters and flows of these ages, in this order; place: next sequences, moved on."""
    for age in ages:
        sim.do(f"age {age}")
        for line, records in ((f"counters 7 {place[0]}", 4), (f"flows 7 {place[1]} 3", 3)):
            stream = 0 if records == 4 else 1
            wanted = place[stream] + records - 1

            def stored():
                try:
                    return sim.ask(line)["upto"] >= wanted
                except AssertionError:
                    hello(sim)
                    return False

            wait_for(stored, 60, f"{line} is stored")
            place[stream] += records


def settled(lab):
    wait_for(lambda: lab.sql("SELECT count(*) FROM rollup_dirty")[0][0] == 0 and
             lab.sql(f"SELECT count(*) FROM rollup_due WHERE {RIPE}")[0][0] == 0, 60,
             "all that is over is rolled up")


def differences(lab, level):
    """Times of `level` whose roll-ups are not the sums of their rows: there should be none."""
    pairs = [("rollup_total", "counter_total", "''"), ("rollup_interface", "counter_interface", "name")]
    if level != "minute":
        pairs += [("rollup_app", "counter_app", "app"), ("rollup_host", "counter_host_top", "host(host)")]
    found = []
    for rolled, raw, key in pairs:
        found += lab.sql(f"""
            WITH raw AS (SELECT date_trunc('{level}', start_at, 'UTC') AS at, {key} AS key,
                sum(bytes_in)::bigint AS i, sum(bytes_out)::bigint AS o, sum(packets)::bigint AS p
                FROM {raw} GROUP BY 1, 2),
            level AS (SELECT '{level}' AS level)
            SELECT '{rolled}', * FROM (SELECT at, key, i, o, p FROM raw, level WHERE {RIPE}) r
            FULL JOIN (SELECT at, {key} AS key, bytes_in AS i, bytes_out AS o, packets AS p
                       FROM {rolled}_{level}) s USING (at, key, i, o, p)
            WHERE NOT EXISTS (SELECT FROM {rolled}_{level} t WHERE t.at = r.at)
               OR r.at IS NULL OR s IS NULL OR r IS NULL""")
    return found


def test_rollups_equal_the_raw_rows_in_any_order_late_and_across_a_kill(site):
    lab, sim = site
    rng = random.Random(5)
    ages = [rng.randrange(0, 3 * DAY_S) for _ in range(60)]
    ages += [DAY_S + 7 + 10 * i for i in range(20)] + [0, 10, 70, 400]
    rng.shuffle(ages)
    place = [1, 1]
    send(sim, ages[:30], place)
    lab.aggregator.kill(signal.SIGKILL)
    lab.aggregator.start()
    hello(sim)
    send(sim, ages[30:], place)
    settled(lab)
    for level in ("minute", "hour", "day"):
        assert lab.sql(f"SELECT count(*) FROM rollup_total_{level}")[0][0] > 0
        assert differences(lab, level) == []
    assert lab.sql("SELECT sum(flows) FROM rollup_quality_hour WHERE kind = 'app'")[0][0] == lab.sql(
        "SELECT count(*) FROM flow WHERE date_trunc('hour', last_at, 'UTC') < now() - interval '1 hour 75 s'")[0][0]

    # One more record for an hour that is rolled up long since: that hour and its day are mended.
    before = lab.sql("SELECT sum(bytes_in) FROM rollup_total_day")[0][0]
    send(sim, [2 * DAY_S], place)
    settled(lab)
    after = lab.sql("SELECT sum(bytes_in) FROM rollup_total_day")[0][0]
    assert after - before == 1000 + place[0] - 4
    assert differences(lab, "hour") == [] and differences(lab, "day") == []
    assert lab.sql("SELECT bool_and(late) FROM rollup_total_day") == [(True,)]


def test_readers_say_the_same_with_rollups_as_the_raw_rows(site):
    lab, sim = site
    rng = random.Random(6)
    send(sim, [rng.randrange(0, 3 * DAY_S) for _ in range(60)] + [30, 3700], [1, 1])
    settled(lab)
    now = lab.sql("SELECT extract(epoch FROM now())")[0][0]
    levels = lab.sql("SELECT level FROM rollup_state WHERE upto > now() - interval '3 days'")
    assert {row[0] for row in levels} == {"minute", "hour", "day"}
    for _ in range(30):
        start, end = sorted(int(now) - rng.randrange(0, 3 * DAY_S) for _ in range(2))
        span = f"to_timestamp({start}), to_timestamp({end})"
        raw = lab.sql("SELECT coalesce(sum(bytes_in), 0) FROM counter_total WHERE"
                      f" start_at >= to_timestamp({start}) AND start_at < to_timestamp({end})")
        for grain in ("raw", "minute", "hour", "day"):
            assert lab.sql("SELECT coalesce(sum(bytes_in), 0) FROM"
                           f" total_in(ARRAY[1], {span}, '{grain}')") == raw
        flows = lab.sql("SELECT count(*) FROM flow WHERE"
                        f" last_at >= to_timestamp({start}) AND last_at < to_timestamp({end})")
        span_ms = f"from_ms={start * 1000}&to_ms={end * 1000}"
        quality = lab.api.get(f"/instances/pisa-1/quality?{span_ms}")
        assert (quality["all"]["flows"],) == flows[0]
        assert quality["all"]["labels"]["poor"] == quality["all"]["judged"]
        top = lab.api.get(f"/instances/pisa-1/top?kind=apps&{span_ms}")
        assert (top["total_bytes"],) == raw[0] and sum(i["bytes"] for i in top["items"]) == raw[0][0]
        points = lab.api.get(f"/instances/pisa-1/counters?{span_ms}&step_s=3600")["series"][0]["points"]
        seconds = lab.sql(f"SELECT coalesce(sum(seconds), 0) FROM total_in(ARRAY[1], {span}, 'raw')")
        assert bool(points) == bool(seconds[0][0])
    # Round trips, over days and to 2 %: a report of them against the raw rows.
    report = lab.api.post("/reports", {"time_zone": "UTC", "scope": "fleet", "period": "custom",
                                       "from_ms": int(now - 3 * DAY_S) * 1000, "to_ms": int(now) * 1000})
    wait_for(lambda: lab.api.get(f"/reports/{report['id']}")["state"] == "done", 60, "the report is made")
    page = Numbers(lab.api.request("GET", f"/api/v1/reports/{report['id']}/html")[2].decode()).values
    for key, share in (("quality.rtt_client_p50", 0.5), ("quality.rtt_client_p95", 0.95)):
        true = lab.sql(f"SELECT percentile_disc({share}) WITHIN GROUP (ORDER BY handshake_client_us) FROM flow"
                       f" WHERE last_at >= to_timestamp({int(now - 3 * DAY_S)})")[0][0]
        assert page[key] == pytest.approx(true, rel=0.021)
    day = lab.api.get(f"/instances/pisa-1/counters?from_ms={int(now - DAY_S) * 1000}&step_s=3600")
    assert any(point["late"] for point in day["series"][0]["points"])
