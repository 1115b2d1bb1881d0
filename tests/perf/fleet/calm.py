#!/usr/bin/env python3
"""Nobody cries wolf: ten minutes of 1,000 simulated agents that are all well, while one core is busy
with something else, the agents' machine and the centre's stand still for three seconds now and then,
and each part of the centre is restarted in turn. No instance may be called unreachable. What was
seen is printed and appended to docs/measurements.md. Usage: calm.py [--agents N] [--minutes N]"""

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time

from fleet import Fleet

from lab import Lab, wait_for
from measurements import note

STALL_S = 3
PAUSE_S = 25  # between two troubles


def stop_for_a_while(pid):
    os.kill(pid, signal.SIGSTOP)
    time.sleep(STALL_S)
    os.kill(pid, signal.SIGCONT)


def restart(process):
    process.stop()
    process.start()


def troubles(lab, fleet):
    return [
        ("the agents stood still", lambda: fleet.say(f"stall {STALL_S * 1000}")),
        ("the aggregator stood still", lambda: stop_for_a_while(lab.aggregator.pid)),
        ("nats-server was killed and started", lambda: (lab.nats.kill(), lab.nats.start())),
        ("nats-server stood still", lambda: stop_for_a_while(lab.nats.pid)),
        ("PostgreSQL was restarted", lambda: restart(lab.database)),
        ("the aggregator was restarted", lambda: restart(lab.aggregator)),
    ]


def measure(lab, options):
    lab.start_centre()
    fleet = Fleet(lab, options.agents, options.agents)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    os.sched_setaffinity(busy.pid, {0})
    done = {}
    try:
        fleet.begin()
        fleet.wait(lambda now: now["welcomed"] == options.agents, 120, "every agent is welcomed")
        until = time.monotonic() + options.minutes * 60
        for name, trouble in itertools.cycle(troubles(lab, fleet)):
            if time.monotonic() > until:
                break
            trouble()
            done[name] = done.get(name, 0) + 1
            time.sleep(PAUSE_S)
        wait_for(lab.database_answers, 30, "PostgreSQL answers")
        wait_for(lambda: fleet.states() == {"up": options.agents}, 60, "every agent is up")
        changes = dict(lab.sql("SELECT to_state, count(*) FROM instance_state_change"
                               " GROUP BY to_state"))
        alerts = lab.sql("SELECT kind, count(*) FROM alert GROUP BY kind ORDER BY kind")
    finally:
        busy.kill()
        fleet.close()
    return changes.get("unreachable", 0) == 0, [
        f"{options.minutes} min of {options.agents} agents, one core busy: "
        + ", ".join(f"{name} {count} times" for name, count in done.items()),
        f"changes of state: {changes}; alerts by kind: {dict(alerts)}",
        f"called unreachable: {changes.get('unreachable', 0)} (bar 0)",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        try:
            kept, lines = measure(lab, options)
        finally:
            lab.close()
    print("\n".join(lines))
    note("A fleet that is well", lines + ["every bar kept" if kept else "NOT every bar kept"])
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
