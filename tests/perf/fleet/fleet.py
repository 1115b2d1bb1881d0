"""What the measurements of a simulated fleet share: a whole centre, and fleet_sim beside it."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
os.environ.setdefault("PICKET_BUILD", str(TOP / "build/release"))
sys.path[:0] = [str(HERE.parents[1] / "lib"), str(HERE.parents[1] / "integration"),
                str(HERE.parent)]

import psycopg2  # noqa: E402 (the path comes first)
import psycopg2.extras  # noqa: E402

from client import Live  # noqa: E402
from processes import cpu_seconds, family, pss_bytes  # noqa: E402

SIM = pathlib.Path(os.environ["PICKET_BUILD"]) / "tests/perf/fleet_sim"
PER_SITE = 10


class Fleet:
    """A centre in `lab` and so many simulated agents on so many connections; `begun` once they run."""

    def __init__(self, lab, agents, lines, beat_ms=5000, counter_ms=10000, records=8, past_s=0):
        self.lab, self.agents, self.lines, self.records = lab, agents, lines, records
        self.rows, self.keys = [], []
        self.child = subprocess.Popen(
            [SIM, str(lab.nats_port), lab.dir / "centre", *map(str, (agents, lines, beat_ms,
             counter_ms, records, past_s))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        for line in self.child.stdout:
            if line == "minted\n":
                break
            self.keys.append(line.split()[1:])
        self.register()

    def register(self):
        """Into the database as if each had enrolled."""
        names = [f"sim-{number:05}" for number in range(self.agents)]
        sites = sorted({self.site(number) for number in range(self.agents)})
        with psycopg2.connect(self.lab.conninfo) as link:
            cursor = link.cursor()
            fill = psycopg2.extras.execute_values
            fill(cursor, "INSERT INTO site (name) VALUES %s", [(site,) for site in sites])
            fill(cursor, "INSERT INTO instance (name, title, site) VALUES %s",
                 [(name, name, self.site(number)) for number, name in enumerate(names)])
            if self.keys:
                fill(cursor, "INSERT INTO instance_key (nkey, instance_id) SELECT k.nkey, i.id FROM"
                     " (VALUES %s) AS k(name, nkey) JOIN instance i ON i.name = k.name", self.keys)
            cursor.execute("NOTIFY picket_fleet")
        with psycopg2.connect(self.lab.conninfo) as link:
            link.autocommit = True
            link.cursor().execute("ANALYZE")

    @staticmethod
    def site(number):
        return f"site-{number // PER_SITE:04}"

    def begin(self):
        self.child.stdin.write("go\n")
        self.child.stdin.flush()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            self.rows.append(json.loads(line))

    def say(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()

    @property
    def now(self):
        """The newest row of figures, {} before the first."""
        return self.rows[-1] if self.rows else {}

    def wait(self, check, timeout, what):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.now and check(self.now):
                return self.now
            if self.child.poll() is not None:
                sys.exit(f"fleet_sim has ended with status {self.child.returncode}")
            time.sleep(0.1)
        sys.exit(f"not within {timeout} s: {what}; the simulator says {self.now}")

    def states(self):
        """How many instances are in each state, by the database."""
        return dict(self.lab.sql("SELECT state, count(*) FROM instance GROUP BY state"))

    def close(self):
        if self.child.poll() is None:
            self.say("quit")
            self.child.wait(20)


class Watcher(threading.Thread):
    """A console on the page of the fleet: how old each heartbeat is when its frame arrives. The
    simulated agents put their clock, in ms, where the bits a second belong."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.ages, self.frames, self.fault, self.ended = api, [], 0, None, False
        self.changes = []  # (seconds, instance, state)
        self.state = {}

    def run(self):
        try:
            live = Live(self.api, ["fleet"])
            while not self.ended:
                message = live.receive(1)
                if message and message["t"] in ("snap", "delta"):
                    self.take(message)
        except (OSError, ValueError) as fault:
            self.fault = fault

    def take(self, message):
        now = time.time()
        self.frames += 1
        for row in message["data"]["instances"] + message["data"]["figures"]:
            sent = row.get("throughput_bps") or 0
            if message["t"] == "delta" and sent > 1e12:
                self.ages.append(now * 1000 - sent)
        for row in message["data"]["instances"]:
            if self.state.get(row["name"]) != row["state"]:
                self.state[row["name"]] = row["state"]
                self.changes.append((now, row["name"], row["state"]))

    def percentile(self, percent):
        ages = sorted(self.ages)
        return ages[min(len(ages) - 1, len(ages) * percent // 100)] if ages else None


class Cost:
    """CPU and memory of the centre's programs from here to `end`."""

    def __init__(self, lab):
        self.pids = {"aggregator": lab.aggregator.pid, "PostgreSQL": lab.database.pid,
                     "nats-server": lab.nats.pid}
        self.before, self.at = self.read(), time.monotonic()

    def read(self):
        return {name: cpu_seconds(family(pid)) for name, pid in self.pids.items()}

    def end(self):
        """{program: share of one core}; processes of PostgreSQL that ended meanwhile count not."""
        after, seconds = self.read(), time.monotonic() - self.at
        return {name: (after[name] - self.before[name]) / seconds for name in self.pids}

    def memory(self, name):
        return pss_bytes(family(self.pids[name]))[0]
