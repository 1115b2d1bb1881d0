#!/usr/bin/env python3
"""An hour's worth of spool at each of many agents, drained beside live data: how long until all alerts
are there, until all is there, and how much later live counters come meanwhile. Then what is stored is
held against what was offered: no hole, none twice, each marked as back-filled, roll-ups mended.
Usage: backfill.py [AGENTS]"""

import io
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("PICKET_BUILD", str(HERE.parents[1] / "build/release"))
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "integration")]

import psycopg2

from lab import BUILD, Lab, wait_for  # noqa: E402 (the path comes first)
from measurements import note  # noqa: E402

ALERTS_MOST_S, LIVE_MOST_S = 60, 2
INTERVALS, FLOWS, ALERTS = 360, 14, 60
GROUP_ROWS = 10_000  # of INTAKE_LATE_BYTES, about


def fail(text):
    sys.exit(f"backfill: {text}")


def run(lab, agents):
    lab.start_centre()
    for number in range(agents):
        lab.token(f"bf-{number}", f"site-{number % 10}")
    program = subprocess.Popen([BUILD / "tests/perf/backfill", str(agents), lab.nats_url, lab.dir],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                               stderr=open(lab.dir / "backfill.log", "w"))
    figures = {}

    def read_until(word):
        for line in program.stdout:
            first, *rest = line.split()
            figures[first if first != "live" else f"live {rest[0]}"] = [int(w) for w in rest[-4:] if w.isdigit()]
            if first == word:
                return
        fail(f"no '{word}':\n{(lab.dir / 'backfill.log').read_text()[-2000:]}")

    read_until("filled")
    began = time.time()
    program.stdin.write("go\n")
    read_until("drained")
    for _ in range(2):
        read_until("live")
    program.wait(30)
    check(lab, agents, began)
    figures["floor"] = copy_floor(lab)
    return figures


def check(lab, agents, began):
    before = f"start_at < to_timestamp({began - 20})"
    stored = lab.sql(f"SELECT count(*), count(DISTINCT (instance_id, start_at)), bool_and(late)"
                     f" FROM counter_total WHERE {before} AND start_at < to_timestamp({began - 90})")[0]
    if stored[0] != stored[1] or not stored[2]:
        fail(f"counters twice, or not marked as back-filled: {stored}")
    holes = lab.sql("SELECT instance_id, count(*) FROM (SELECT instance_id, start_at - lag(start_at) OVER"
                    " (PARTITION BY instance_id ORDER BY start_at) AS step FROM counter_total"
                    f" WHERE {before}) t WHERE step <> interval '10 s' GROUP BY 1")
    flows, alerts = (lab.sql(f"SELECT count(*) FROM {table}")[0][0] for table in ("flow", "alert_event"))
    wanted = (agents * INTERVALS * FLOWS, agents * ALERTS)
    if holes or (flows, alerts) != wanted:
        fail(f"holes {holes}; flows and alerts {flows, alerts}, wanted {wanted}")
    wait_for(lambda: lab.sql("SELECT count(*) FROM rollup_dirty WHERE at < now() - interval '2 min'")[0][0] == 0
             and lab.sql("SELECT count(*) FROM rollup_due WHERE level = 'minute' AND at < now() -"
                         " interval '2 min'")[0][0] == 0, 300, "the minutes are rolled up")
    wrong = lab.sql(f"""SELECT count(*) FROM (SELECT instance_id, date_trunc('minute', start_at, 'UTC') AS at,
        sum(bytes_in) AS n FROM counter_total WHERE start_at < date_trunc('minute', to_timestamp({began - 90}))
        GROUP BY 1, 2) r FULL JOIN (SELECT instance_id, at, bytes_in AS n FROM rollup_total_minute
        WHERE at < date_trunc('minute', to_timestamp({began - 90}))) m USING (instance_id, at, n)
        WHERE r IS NULL OR m IS NULL""")[0][0]
    if wrong:
        fail(f"{wrong} minutes are not the sums of their rows")
    late, on_time = (lab.sql(f"SELECT count(*) FROM alert WHERE (first_at < to_timestamp({began - 1000})) AND"
                             f" arrived_at IS {word} NULL")[0][0] for word in ("NOT", ""))
    if late == 0 or on_time > 0:
        fail(f"{late} alerts say that they came late, {on_time} do not")


def copy_floor(lab):
    """Rows a second of binary COPY alone: what is stored, into the same tables with their indexes, in
    transactions of as many rows as a group of back-fill has, one table after the other."""
    with psycopg2.connect(lab.conninfo) as link:
        cursor = link.cursor()
        rows, seconds = 0, 0.0
        for table in ("counter_total", "counter_interface", "counter_app", "counter_host_top", "flow"):
            cursor.execute(f"CREATE TEMP TABLE kept AS SELECT *, row_number() OVER () AS n FROM {table};"
                           f" CREATE INDEX ON kept (n)")
            cursor.execute("SELECT count(*), (SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM"
                           " pg_attribute WHERE attrelid = %s::regclass AND attnum > 0) FROM kept", (table,))
            count, columns = cursor.fetchone()
            chunks = []
            for first in range(1, count + 1, GROUP_ROWS):
                chunks.append(io.BytesIO())
                cursor.copy_expert(f"COPY (SELECT {columns} FROM kept WHERE n >= {first} AND n < {first + GROUP_ROWS})"
                                   " TO STDOUT (FORMAT binary)", chunks[-1])
            cursor.execute(f"DROP TABLE kept; TRUNCATE {table}")
            link.commit()
            began = time.monotonic()
            for chunk in chunks:
                chunk.seek(0)
                cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)", chunk)
                link.commit()
            seconds += time.monotonic() - began
            rows += count
    return rows / seconds


def main():
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="backfill-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        lab = Lab(pathlib.Path(folder))
        try:
            figures = run(lab, agents)
        finally:
            lab.close()
    alerts, drained = figures["alerts"][0] / 1000, figures["drained"][0] / 1000
    during, after = figures["live during"], figures["live after"]
    delay = (during[3] - after[1]) / 1000
    lines = [f"{agents} agents with an hour of spool each: {figures['filled'][0]:,} records",
             f"all alerts acknowledged after {alerts:.1f} s, everything after {drained:.1f} s",
             f"live counters acknowledged while it drained: median {during[1]} ms, p99 {during[2]} ms,"
             f" most {during[3]} ms of {during[0]}; after: median {after[1]} ms, p99 {after[2]} ms"]
    pace = figures["filled"][0] / drained
    lines.append(f"{pace:,.0f} records a second from NATS to COMMIT, connecting and live data included:"
                 f" {pace / figures['floor']:.0%} of binary COPY alone ({figures['floor']:,.0f} rows a second)")
    print("\n".join(lines))
    note("Back-fill beside live data (tests/run long backfill)", lines)
    if alerts > ALERTS_MOST_S or delay > LIVE_MOST_S:
        fail(f"too slow: alerts {alerts:.1f} s, live data later by {delay:.1f} s")


if __name__ == "__main__":
    main()
