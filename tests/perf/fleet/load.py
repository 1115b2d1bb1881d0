#!/usr/bin/env python3
"""What a large fleet costs the centre: 10,000 simulated agents on 1,000 connections, each with a
heartbeat a second and counters every five, which is five times what real ones say. CPU of the
aggregator and of PostgreSQL, memory for each agent, and how old a heartbeat is when the console's
frame with it arrives. The figures are printed and appended to docs/measurements.md.
Usage: load.py [--agents N] [--lines N] [--seconds N]"""

import argparse
import sys
import tempfile
import time

from fleet import Cost, Fleet, Watcher

from lab import Lab
from measurements import note

MOST_CPU, MOST_AGE_MS = 0.35, 1000
RECORDS = 8  # a set of counters
SETTLE_S = 20


def measure(lab, options):
    api = lab.start_centre()
    alone = Cost(lab).memory("aggregator")
    fleet = Fleet(lab, options.agents, options.lines, 1000, 5000, RECORDS)
    try:
        fleet.begin()
        fleet.wait(lambda now: now["welcomed"] == options.agents, 120, "every agent is welcomed")
        watcher = Watcher(api)
        watcher.start()
        time.sleep(SETTLE_S)
        watcher.ages.clear()
        cost, before = Cost(lab), fleet.now
        time.sleep(options.seconds)
        used, after = cost.end(), fleet.now
        ages = watcher.percentile(50), watcher.percentile(95)
        watcher.ended = True
        if watcher.fault:
            sys.exit(f"the live channel broke: {watcher.fault}")
        span = (after["t"] - before["t"]) / 1000
        rate = {key: (after[key] - before[key]) / span for key in ("beats", "batches", "records")}
        states = fleet.states()
        each = (cost.memory("aggregator") - alone) / options.agents
        fleet.say("cut 0 100000")
        time.sleep(3)
        stored = lab.sql("SELECT (SELECT count(*) FROM counter_total)"
                         " + (SELECT count(*) FROM counter_interface)"
                         " + (SELECT count(*) FROM counter_app)"
                         " + (SELECT count(*) FROM counter_host_top)")[0][0]
        acked = lab.sql("SELECT coalesce(sum(seq), 0)::bigint FROM cursor")[0][0]
    finally:
        fleet.close()
    kept = (used["aggregator"] <= MOST_CPU and used["PostgreSQL"] <= MOST_CPU
            and ages[1] is not None and ages[1] < MOST_AGE_MS and stored == acked)
    return kept, [
        f"{options.agents} agents on {options.lines} connections: {rate['beats']:.0f} heartbeats, "
        f"{rate['batches']:.0f} batches and {rate['records']:.0f} records a second",
        f"CPU of one core: aggregator {used['aggregator']:.1%} (at most {MOST_CPU:.0%}), "
        f"PostgreSQL {used['PostgreSQL']:.1%} (at most {MOST_CPU:.0%}), "
        f"nats-server {used['nats-server']:.1%}",
        f"memory of the aggregator: {each / 1024:.1f} KiB an agent over {alone / 2**20:.0f} MiB",
        f"age of a heartbeat at the console: {ages[0] or -1:.0f} ms median, {ages[1] or -1:.0f} ms at the "
        f"95th percentile (less than {MOST_AGE_MS})",
        f"acknowledged after {after['p50']} ms median, {after['p99']} ms at the 99th percentile; "
        f"{after['resent'] - before['resent']} batches sent twice",
        f"stored {stored} records of {acked} acknowledged; states {states}",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        try:
            kept, lines = measure(lab, options)
        finally:
            lab.close()
    print("\n".join(lines))
    note("A fleet's load", lines + ["every bar kept" if kept else "NOT every bar kept"])
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
