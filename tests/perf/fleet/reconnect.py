#!/usr/bin/env python3
"""How fast a fleet is back after its broker was killed and started again: 1,000 simulated agents, each
on a connection of its own, log in, greet, are welcomed, and every one is Up. The figures are printed
and appended to docs/measurements.md. Usage: reconnect.py [--agents N] [--runs N]"""

import argparse
import statistics
import sys
import tempfile
import time

from fleet import Cost, Fleet

from lab import Lab, wait_for
from measurements import note

MOST_S = 15


def back(fleet, lab):
    """Seconds from the start of the new broker until all are connected, and until all are welcomed."""
    lab.nats.kill()
    fleet.wait(lambda now: now["lines"] == 0, 10, "every connection is lost")
    begun = time.monotonic()
    lab.nats.start()
    fleet.wait(lambda now: now["lines"] == fleet.lines, 60, "every connection is back")
    connected = time.monotonic() - begun
    fleet.wait(lambda now: now["welcomed"] == fleet.agents, 60, "every agent is welcomed")
    return connected, time.monotonic() - begun


def measure(lab, options):
    api = lab.start_centre()
    fleet = Fleet(lab, options.agents, options.agents)
    try:
        fleet.begin()
        fleet.wait(lambda now: now["welcomed"] == options.agents, 120, "every agent is welcomed")
        wait_for(lambda: fleet.states() == {"up": options.agents}, 30, "every agent is up")
        runs = []
        for _ in range(options.runs):
            runs.append(back(fleet, lab))
            time.sleep(10)
        held = Cost(lab).memory("aggregator")
        wait_for(lambda: fleet.states() == {"up": options.agents}, 30, "every agent is up again")
        false = lab.sql("SELECT count(*) FROM instance_state_change"
                        " WHERE to_state = 'unreachable'")[0][0]
        shown = sum(row["state"] == "up" for row in api.get("/fleet")["instances"])
    finally:
        fleet.close()
    slowest = max(welcomed for _, welcomed in runs)
    kept = slowest <= MOST_S and false == 0 and shown == options.agents
    return kept, [
        f"{options.agents} agents after the broker's restart, {options.runs} times: connected after "
        f"{statistics.median(c for c, _ in runs):.1f} s, welcomed after "
        f"{statistics.median(w for _, w in runs):.1f} s, at most {slowest:.1f} s (bar {MOST_S})",
        f"{false} of them were called unreachable; aggregator {held / 2**20:.0f} MiB",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        try:
            kept, lines = measure(lab, options)
        finally:
            lab.close()
    print("\n".join(lines))
    note("A fleet's return", lines + ["every bar kept" if kept else "NOT every bar kept"])
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
