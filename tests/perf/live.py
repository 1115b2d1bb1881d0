#!/usr/bin/env python3
"""What a live agent loses: tcpreplay sends the large capture once, pinned to CPU 0, and the engine of
an agent at the other end of the wire, pinned to CPU 1, takes it in, with quality, DPI and records.
The agent is whole: control, bus, centre and database run beside it, on the sender's CPU. At each rate
the median of several runs counts. The figures are printed and appended to docs/measurements.md.
Usage, as root: live.py [--runs N] [--copies N]"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("PICKET_BUILD", str(HERE.parents[1] / "build/release"))
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "integration")]

import large  # noqa: E402 (the path comes first)
from lab import Lab  # noqa: E402
from measurements import note  # noqa: E402
from processes import cpu_seconds  # noqa: E402
from wire import SENDER_CPU, Receiver, again_inside, run, send_command, sent, wire  # noqa: E402

ENGINE_CPU = 1
RATES = ((400_000, 0.0), (800_000, 0.0), (None, 1.0))  # packets/s, None: all it can; percent lost
SKIPPED = 77


def once(receiver, space, capture, rate):
    """(offered packets/s, packets sent, received, dropped, CPU seconds of the engine)"""
    before, cpu = receiver.counts(), cpu_seconds([receiver.engine])
    pace = "--topspeed" if rate is None else f"--pps={rate}"
    packets, offered = sent(run(*send_command(space, capture, pace)))
    after = receiver.counts(sum(before) + packets)
    return (offered, packets, after[0] - before[0], after[1] - before[1],
            cpu_seconds([receiver.engine]) - cpu)


def judge(rate, most, runs):
    """A line, and whether the median run kept the bar and every packet is accounted for."""
    lost = [100 * (packets - received) / packets for _, packets, received, _, _ in runs]
    whole = all(packets == received + dropped for _, packets, received, dropped, _ in runs)
    name = f"{rate // 1000}k/s" if rate else "top speed"
    line = (f"{name}: offered {statistics.median(r[0] for r in runs) / 1e3:.0f}k packets/s, lost "
            f"{statistics.median(lost):.3f} % (at most {most}; each run "
            + " ".join(f"{percent:.3f}" for percent in lost)
            + f"); received + dropped {'equals' if whole else 'DIFFERS FROM'} sent; engine "
            f"{statistics.median(r[4] for r in runs):.2f} CPU s for {runs[0][1]} packets")
    return line, statistics.median(lost) <= most and whole


def measure(folder, space, about, count):
    """All runs, from inside the taking namespace. True when every bar was kept."""
    os.sched_setaffinity(0, {SENDER_CPU})
    capture = folder / "large.pcap"
    lab = Lab(folder / "lab")
    try:
        receiver = Receiver(lab, ENGINE_CPU)
        once(receiver, space, capture, RATES[0][0])  # warms caches, makes partitions
        results = [judge(rate, most, [once(receiver, space, capture, rate) for _ in range(count)])
                   for rate, most in RATES]
    finally:
        lab.close()
    lines = [about, f"medians of {count} runs; sender on CPU {SENDER_CPU} with control, bus, centre "
             f"and database, engine on CPU {ENGINE_CPU}", *(line for line, _ in results)]
    print("\n".join(lines))
    note("live", lines)
    return all(kept for _, kept in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--copies", type=int, help="of each small capture in the large one")
    parser.add_argument("--inside", nargs=3, metavar=("SENDS", "FOLDER", "ABOUT"),
                        help="by itself, in the taking namespace")
    args = parser.parse_args()
    if args.inside:
        space, folder, about = args.inside
        return 0 if measure(pathlib.Path(folder), space, about, args.runs) else 1
    if not {SENDER_CPU, ENGINE_CPU} <= os.sched_getaffinity(0):
        print("live: skipped, it needs two CPUs")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="picket-live-") as folder, wire() as (sends, takes):
        _, about = large.make(folder, args.copies)
        (pathlib.Path(folder) / "lab").mkdir()
        return again_inside(takes, "--inside", sends, folder, about)


if __name__ == "__main__":
    sys.exit(main())
