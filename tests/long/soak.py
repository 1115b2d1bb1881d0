#!/usr/bin/env python3
"""A whole Picket under steady load: tcpreplay loops the large capture at 200,000 packets/s over a wire
between two namespaces into an agent with control, bus, centre and database beside it. Every few
seconds the memory of each process is sampled, with the spool and what is stored. In the end memory is
flat (by the Theil-Sen slope of what came after the warm-up, which no single peak bends), the spool
stays below its cap, alerts stay within what the storm bound lets by, and every packet is accounted
for. The figures are printed and appended to docs/measurements.md.
Usage, as root: soak.py [MINUTES] [--rate PACKETS_S] [--copies N]"""

import argparse
import itertools
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("PICKET_BUILD", str(HERE.parents[1] / "build/release"))
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "integration"), str(HERE.parent / "perf")]

import large  # noqa: E402 (the path comes first)
from lab import TOP, Lab  # noqa: E402
from measurements import note  # noqa: E402
from processes import cpu_seconds, family, name_of  # noqa: E402
from wire import AGENT, Receiver, again_inside, send_command, sent, wire  # noqa: E402

EACH_S = 5
WARM_UP = 0.4  # of the whole time, and at least
WARM_UP_LEAST_S = 120  # tables fill, partitions and plans are made, flows reach their time-out
# Short time-outs, so that the tables are in balance within the warm-up.
FLOWS = "[flow]\nidle_tcp = 30s\nidle_udp = 20s\n"
GROWTH_MOST = 0.04  # of the level, over the time that is judged …
GROWTH_FREE = 4e6  # … or so many bytes
SPOOL_CAP = 256 * 2**20
FLOW_ALERTS_MOST = 2 * int(re.search(r"STORM_KEYS_MAX = (\d+)",
                                     (TOP / "agent/alert/storm.h").read_text())[1])  # a minute


def private_bytes(pid):
    """Resident memory that is the process's own, and what it shares with its children."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return sum(int(re.search(rf"{key}:\s+(\d+)", status)[1]) * 1024 for key in ("RssAnon", "RssShmem"))


def memory(lab, agent):
    """{name: bytes} of every process of ours; those of PostgreSQL together, its buffers once."""
    taken = {name_of(pid): private_bytes(pid) for pid in family(agent.pid)}
    taken["picket-aggregator"] = private_bytes(lab.aggregator.pid)
    taken["nats-server"] = private_bytes(lab.nats.pid)
    taken["postgres"] = 0
    for pid in family(lab.database.pid):
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            continue  # a backend that has just ended
        taken["postgres"] += int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024
    return taken


def folder_bytes(folder):
    total = 0
    for path in pathlib.Path(folder).rglob("*.seg"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass  # given up meanwhile
    return total


def slope(points):
    """Theil-Sen: the median of the slopes of all pairs, in units a second."""
    return statistics.median((b[1] - a[1]) / (b[0] - a[0])
                             for a, b in itertools.combinations(points, 2))


class Record:
    """What was seen in the course of the soak, at so many seconds since its start."""

    def __init__(self, lab, receiver):
        self.lab, self.receiver = lab, receiver
        self.began, self.samples, self.spool = time.monotonic(), [], []

    def take(self):
        self.samples.append((time.monotonic() - self.began, memory(self.lab, self.receiver.agent)))
        self.spool.append(folder_bytes(self.lab.dir / f"{AGENT}.spool"))

    def judge_memory(self, warm_s):
        """Lines, and the faults, of each process after the warm-up."""
        late = [(at, taken) for at, taken in self.samples if at >= warm_s]
        lines, faults = [], []
        for name in late[0][1]:
            points = [(at, taken.get(name, 0)) for at, taken in late]
            level = statistics.median(size for _, size in points)
            growth = slope(points) * (points[-1][0] - points[0][0])
            lines.append(f"{name}: {level / 1e6:.1f} MB, {growth / 1e6:+.2f} MB over "
                         f"{points[-1][0] - points[0][0]:.0f} s ({points[0][1] / 1e6:.1f} to "
                         f"{points[-1][1] / 1e6:.1f}, at most {max(p[1] for p in points) / 1e6:.1f})")
            if growth > max(GROWTH_MOST * level, GROWTH_FREE):
                faults.append(f"{name} grows: {lines[-1]}")
        return lines, faults


def judge_packets(receiver, before, packets):
    after = receiver.counts(sum(before) + packets)
    received, dropped = after[0] - before[0], after[1] - before[1]
    line = f"{packets} packets sent, {received} received, {dropped} dropped and counted"
    return line, [] if received + dropped == packets else [f"packets without account: {line}"]


def judge_spool(record):
    line = (f"spool: {statistics.median(record.spool) / 1e6:.1f} MB, at most "
            f"{max(record.spool) / 1e6:.1f} of {SPOOL_CAP / 1e6:.0f}")
    return line, [f"the spool broke its cap: {line}"] if max(record.spool) > SPOOL_CAP else []


def judge_alerts(lab):
    a_minute = [row[0] for row in lab.sql("SELECT count(*) FROM alert_event GROUP BY"
                                          " date_trunc('minute', at) ORDER BY 1 DESC")] or [0]
    line = (f"alert events: {sum(a_minute)} in all, at most {a_minute[0]} a minute (at most "
            f"{FLOW_ALERTS_MOST})")
    return line, [f"an alert storm: {line}"] if a_minute[0] > FLOW_ALERTS_MOST else []


def told(lab, api):
    """What is stored, and what the agent says it dropped, by cause."""
    row = api.instance(AGENT)
    flows = lab.sql("SELECT count(*) FROM flow")[0][0]
    drops = {name: count for name, count in (row.get("drops_by") or {}).items() if count}
    return f"{flows} flow records stored; state {row['state']}; drops told: {drops or 'none'}"


def soak(lab, receiver, space, capture, minutes, rate):
    """Sends and samples; (Record, tcpreplay's last words, CPU seconds by process)."""
    record = Record(lab, receiver)
    command = send_command(space, capture, f"--pps={rate}", "--loop=0", f"--duration={minutes * 60}")
    pids = {name_of(pid): pid for pid in family(receiver.agent.pid)}
    cpu = {name: cpu_seconds([pid]) for name, pid in pids.items()}
    with open(lab.dir / "tcpreplay.log", "w") as log:  # a line for each packet that it does not know
        sender = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    while sender.poll() is None:
        record.take()
        time.sleep(EACH_S)
    if sender.returncode != 0:
        raise SystemExit(f"tcpreplay: status {sender.returncode}, see {lab.dir}/tcpreplay.log")
    if {name_of(pid): pid for pid in family(receiver.agent.pid)} != pids:
        raise SystemExit(f"a process of the agent was replaced:\n{receiver.agent.text()[-3000:]}")
    return record, sender.stdout.read(), {name: cpu_seconds([pid]) - cpu[name]
                                          for name, pid in pids.items()}


def run_inside(folder, space, about, minutes, rate):
    """The whole soak, from inside the taking namespace. True when nothing was amiss."""
    lab = Lab(folder / "lab")
    try:
        receiver = Receiver(lab, extra=FLOWS, ledger=False)
        before = receiver.counts()
        record, words, cpu = soak(lab, receiver, space, folder / "large.pcap", minutes, rate)
        packets, offered = sent(words)
        warm_s = max(WARM_UP_LEAST_S, WARM_UP * minutes * 60)
        judged = [judge_packets(receiver, before, packets), judge_spool(record), judge_alerts(lab)]
        memory_lines, faults = record.judge_memory(warm_s)
        lines = [about, f"{minutes} min at {offered:.0f} packets/s, of it {warm_s:.0f} s of warm-up",
                 *(line for line, _ in judged), told(lab, receiver.api),
                 "CPU: " + ", ".join(f"{name} {taken / (minutes * 60):.3f} of a core"
                                     for name, taken in cpu.items()),
                 *memory_lines]
        faults += [fault for _, found in judged for fault in found]
    finally:
        lab.close()
    lines += [f"FAULT: {fault}" for fault in faults] or ["nothing amiss"]
    print("\n".join(lines))
    note("soak", lines)
    return not faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=int, nargs="?", default=20)
    parser.add_argument("--rate", type=int, default=200_000)
    parser.add_argument("--copies", type=int, help="of each small capture in the large one")
    parser.add_argument("--inside", nargs=3, metavar=("SENDS", "FOLDER", "ABOUT"),
                        help="by itself, in the taking namespace")
    args = parser.parse_args()
    if args.inside:
        space, folder, about = args.inside
        return 0 if run_inside(pathlib.Path(folder), space, about, args.minutes, args.rate) else 1
    if args.minutes * 60 < WARM_UP_LEAST_S + 60:
        parser.error(f"at least {WARM_UP_LEAST_S // 60 + 1} minutes, for the warm-up")
    with tempfile.TemporaryDirectory(prefix="picket-soak-") as folder, wire() as (sends, takes):
        _, about = large.make(folder, args.copies)
        (pathlib.Path(folder) / "lab").mkdir()
        return again_inside(takes, "--inside", sends, folder, about)


if __name__ == "__main__":
    sys.exit(main())
