#!/usr/bin/env python3
"""CPU of the engine against the nDPI floor on one large capture: both read the same file in turn,
and the median of the pairs' ratios counts, because only ratios of one run can be trusted.
Usage: run.py AGENT FLOOR [--pairs N] [--copies N] [--most RATIO]"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.join(HERE, "..", "..", "deploy", "captures")


def make_capture(folder, copies):
    path = os.path.join(folder, "large.pcap")
    sources = sorted(
        os.path.join(CAPTURES, name) for name in os.listdir(CAPTURES) if name.endswith(".pcap")
    )
    command = [sys.executable, os.path.join(HERE, "make_capture.py"), path, str(copies), *sources]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def measure(command):
    """CPU seconds, peak resident bytes and the first line printed, of one process."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = process.stdout.read().splitlines()[:1]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, "".join(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent")
    parser.add_argument("floor")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--most", type=float, default=2.5, help="fails above this ratio")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="picket-perf-") as folder:
        capture = make_capture(folder, args.copies)
        size = os.path.getsize(capture)
        agent = [args.agent, "--read", capture, "--top", "0"]
        floor = [args.floor, capture]
        pairs = []
        measure(floor), measure(agent)  # warm the cache
        for _ in range(args.pairs):
            pairs.append((measure(floor), measure(agent)))
    ratio = statistics.median(a[0] / f[0] for f, a in pairs)
    floor_s = statistics.median(f[0] for f, _ in pairs)
    agent_s = statistics.median(a[0] for _, a in pairs)
    print(f"capture: {size / 1e6:.0f} MB")
    print(f"floor:   {floor_s:.3f} CPU s, {pairs[0][0][1] / 1e6:.0f} MB  ({pairs[0][0][2]})")
    print(f"agent:   {agent_s:.3f} CPU s, {pairs[0][1][1] / 1e6:.0f} MB  ({pairs[0][1][2]})")
    print(f"ratio:   {ratio:.2f} (median of {args.pairs} pairs; at most {args.most})")
    sys.exit(0 if ratio <= args.most else 1)


if __name__ == "__main__":
    main()
