#!/usr/bin/env python3
"""What it costs to share a wire: two agents take in the same packets, one with one worker and one with
two, and the CPU of their engines is compared, run by run. The figures are printed and appended to
docs/measurements.md. Usage, as root: workers.py [--runs N] [--copies N]"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("PICKET_BUILD", str(HERE.parents[1] / "build/release"))
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "integration")]

import large  # noqa: E402 (the path comes first)
from lab import Lab, wait_for  # noqa: E402
from measurements import note  # noqa: E402
from processes import cpu_seconds  # noqa: E402
from wire import DEVICES, again_inside, run, send_command, sent, wire  # noqa: E402

RATE = 200_000  # packets/s: both keep up, so that nothing is dropped
MOST = 1.15  # of two workers' CPU for a packet to one's
SKIPPED = 77


class Receiver:
    """An agent with so many workers, and what it has counted on the wire."""

    def __init__(self, lab, api, workers):
        self.api, self.name = api, f"workers-{workers}"
        agent = lab.agent(self.name, DEVICES[1], capture=f"workers = {workers}")
        wait_for(lambda: (api.instance(self.name) or {}).get("state") == "up", 30, "an agent is up")
        self.engine = wait_for(lambda: agent.children().get("picket-engine"), 10, "its engine")

    def status(self):
        return self.api.get(f"/instances/{self.name}/query?op=status")["rows"][0]

    def counts(self):
        """(received, dropped, CPU seconds of the engine)"""
        source = self.status()["sources"][0]
        return source["packets"], source["dropped"], cpu_seconds([self.engine])


def counts_when_quiet(receivers):
    before, now = None, [receiver.counts() for receiver in receivers]
    while before != [one[:2] for one in now]:
        before = [one[:2] for one in now]
        time.sleep(2.5)  # the kernel is asked for drops once a second
        now = [receiver.counts() for receiver in receivers]
    return now


def once(receivers, space, capture):
    """Packets sent, and (received, dropped, CPU seconds) of each."""
    before = counts_when_quiet(receivers)
    packets, _ = sent(run(*send_command(space, capture, f"--pps={RATE}")))
    after = counts_when_quiet(receivers)
    return packets, [tuple(b - a for a, b in zip(*pair)) for pair in zip(before, after)]


def shares(receiver):
    """Percent of the packets that each worker has had."""
    packets = [worker["packets"] for worker in receiver.status()["engine"]["workers"]]
    return " and ".join(f"{100 * one / sum(packets):.0f} %" for one in packets)


def measure(folder, space, about, count):
    lab = Lab(folder / "lab")
    try:
        api = lab.start_centre()
        receivers = [Receiver(lab, api, workers) for workers in (1, 2)]
        once(receivers, space, folder / "large.pcap")  # warms caches, makes partitions
        runs = [once(receivers, space, folder / "large.pcap") for _ in range(count)]
        spread = shares(receivers[1])
    finally:
        lab.close()
    each = [[1e9 * cpu / received for received, _, cpu in both] for _, both in runs]
    ratio = statistics.median(two / one for one, two in each)
    whole = all(packets == received + dropped for packets, both in runs
                for received, dropped, _ in both)
    lost = sum(dropped for _, both in runs for _, dropped, _ in both)
    lines = [about, f"{RATE // 1000}k packets/s to two agents at one time, {count} runs; received + "
             f"dropped {'equals' if whole else 'DIFFERS FROM'} sent for each; {lost} dropped in all",
             f"one worker: {statistics.median(one for one, _ in each):.0f} ns of CPU a packet; two: "
             f"{statistics.median(two for _, two in each):.0f} ns, which had {spread} of the packets",
             f"ratio: {ratio:.3f}, median of {count} (at most {MOST}; each run "
             + " ".join(f"{two / one:.2f}" for one, two in each) + ")"]
    print("\n".join(lines))
    note("workers", lines)
    return ratio <= MOST and whole


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--copies", type=int, help="of each small capture in the large one")
    parser.add_argument("--inside", nargs=3, metavar=("SENDS", "FOLDER", "ABOUT"),
                        help="by itself, in the taking namespace")
    args = parser.parse_args()
    if args.inside:
        space, folder, about = args.inside
        return 0 if measure(pathlib.Path(folder), space, about, args.runs) else 1
    if len(os.sched_getaffinity(0)) < 2:
        print("workers: skipped, it needs two CPUs")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="picket-workers-") as folder, wire() as (sends, takes):
        _, about = large.make(folder, args.copies)
        (pathlib.Path(folder) / "lab").mkdir()
        return again_inside(takes, "--inside", sends, folder, about)


if __name__ == "__main__":
    sys.exit(main())
