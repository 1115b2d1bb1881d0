#!/usr/bin/env python3
"""What the agent costs. CPU of the engine against the nDPI floor on one large capture: both read
the same file in turn, and the median of the pairs' ratios counts, because only ratios of one run
can be trusted. Then what a flow costs in memory, whether a flood of forged SYNs stays below the
printed cap, and memory and CPU of a whole agent that watches a silent wire. The figures are printed
and appended to docs/measurements.md.
Usage: run.py AGENT TOOLS [--pairs N] [--copies N] [--most RATIO] [--idle SECONDS] [--flows N]"""

import argparse
import os
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import flood  # noqa: E402 (the path comes first)
import idle  # noqa: E402
import large  # noqa: E402
import memory  # noqa: E402
from measurements import note  # noqa: E402
from processes import measure  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent")
    parser.add_argument("tools", help="folder of ndpi_floor and traffic")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--copies", type=int, help="of each small capture in the large one")
    parser.add_argument("--most", type=float, default=1.6, help="fails above this ratio")
    parser.add_argument("--idle", type=int, default=60, help="seconds on a silent wire")
    parser.add_argument("--flows", type=int, default=1_000_000, help="held at one time")
    parser.add_argument("--flow-bytes", type=int, default=1200, help="fails above it")
    parser.add_argument("--syns", type=int, default=10_000_000, help="forged, in a flood")
    args = parser.parse_args()
    traffic = os.path.join(args.tools, "traffic")
    with tempfile.TemporaryDirectory(prefix="picket-perf-") as folder:
        capture, about = large.make(folder, args.copies)
        agent = [args.agent, "--read", capture, "--top", "0"]
        floor = [os.path.join(args.tools, "ndpi_floor"), capture]
        pairs = []
        measure(floor), measure(agent)  # warm the cache
        for _ in range(args.pairs):
            pairs.append((measure(floor), measure(agent)))
        os.unlink(capture)
        each, parts = memory.measure(args.agent, traffic, folder, args.flows)
        cap, taken, whole, seen = flood.run(args.agent, traffic, folder, args.syns, 1000)
        idle_line, idle_kept = idle.figures(args.agent, folder, args.idle)
    ratio = statistics.median(a[0] / f[0] for f, a in pairs)
    floor_s = statistics.median(f[0] for f, _ in pairs)
    agent_s = statistics.median(a[0] for _, a in pairs)
    lines = [
        about,
        pairs[0][1][2],
        f"nDPI floor: {floor_s:.3f} CPU s, peak {pairs[0][0][1] / 1e6:.0f} MB",
        f"engine: {agent_s:.3f} CPU s, peak {pairs[0][1][1] / 1e6:.0f} MB",
        f"ratio: {ratio:.2f}, median of {args.pairs} pairs (at most {args.most})",
        f"memory: {each:.0f} bytes a flow (at most {args.flow_bytes}), {args.flows} flows held: engine "
        f"{parts[0] / 1e6:.0f} MB, control with its hosts {parts[1] / 1e6:.0f} MB; "
        f"{2**30 / each:.0f} flows per GiB",
        f"flood: {args.syns} forged SYNs: {taken / 1e6:.0f} MB taken, {cap / 1e6:.0f} MB the printed cap; "
        f"{whole} of {seen} established connections counted whole",
        idle_line,
    ]
    print("\n".join(lines))
    note("perf", lines)
    kept = taken <= cap and whole == seen == 1000 and idle_kept
    good = ratio <= args.most and each <= args.flow_bytes and kept
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
