#!/usr/bin/env python3
"""What the agent costs. CPU of the engine against the nDPI floor on one large capture: both read
the same file in turn, and the median of the pairs' ratios counts, because only ratios of one run
can be trusted. Then what a flow costs in memory, whether a flood of forged SYNs stays below the
printed cap, and memory and CPU of a whole agent that watches a silent wire. The figures are printed and appended to docs/measurements.md.
Usage: run.py AGENT TOOLS [--pairs N] [--copies N] [--most RATIO] [--idle SECONDS] [--flows N]"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import flood  # noqa: E402 (the path comes first)
import memory  # noqa: E402
from measurements import note  # noqa: E402

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


def family(pid):
    """A process and all below it."""
    found = [pid]
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_bytes(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def measure_idle(agent, folder, seconds, ring_mib=64):
    """(PSS bytes, CPU share of a core) of parent, engine and control on an empty wire."""
    config = pathlib.Path(folder) / "idle.conf"
    token = pathlib.Path(folder) / "idle.token"
    token.write_text("pkt1.none\n")
    token.chmod(0o600)
    config.write_text(f"""
name = idle
site = lab
token_file = {token}
[nats]
urls = nats://127.0.0.1:4
[capture]
sources = lo
ring = {ring_mib}MiB
[spool]
dir = {folder}/idle.spool
cap = 64MiB
""")
    command = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$0" --config "$1"', agent,
               str(config)]
    with open(os.path.join(folder, "idle.log"), "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    time.sleep(10)
    pids = family(process.pid)
    before = cpu_seconds(pids)
    time.sleep(seconds)
    pss, share = pss_bytes(pids), (cpu_seconds(pids) - before) / seconds
    process.terminate()
    process.wait(20)
    if len(pids) != 3:
        sys.exit(f"the idle agent has {len(pids)} processes, not 3")
    return pss, share


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent")
    parser.add_argument("tools", help="folder of ndpi_floor and traffic")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--most", type=float, default=1.6, help="fails above this ratio")
    parser.add_argument("--idle", type=int, default=60, help="seconds on a silent wire")
    parser.add_argument("--flows", type=int, default=1_000_000, help="held at one time")
    parser.add_argument("--flow-bytes", type=int, default=1200, help="fails above it")
    parser.add_argument("--syns", type=int, default=10_000_000, help="forged, in a flood")
    args = parser.parse_args()
    traffic = os.path.join(args.tools, "traffic")
    with tempfile.TemporaryDirectory(prefix="picket-perf-") as folder:
        capture = make_capture(folder, args.copies)
        size = os.path.getsize(capture)
        agent = [args.agent, "--read", capture, "--top", "0"]
        floor = [os.path.join(args.tools, "ndpi_floor"), capture]
        pairs = []
        measure(floor), measure(agent)  # warm the cache
        for _ in range(args.pairs):
            pairs.append((measure(floor), measure(agent)))
        os.unlink(capture)
        each, parts = memory.measure(args.agent, traffic, folder, args.flows)
        cap, taken, whole, seen = flood.run(args.agent, traffic, folder, args.syns, 1000)
        pss, share = measure_idle(args.agent, folder, args.idle)
    ratio = statistics.median(a[0] / f[0] for f, a in pairs)
    floor_s = statistics.median(f[0] for f, _ in pairs)
    agent_s = statistics.median(a[0] for _, a in pairs)
    lines = [
        f"capture: {size / 1e6:.0f} MB, {pairs[0][1][2]}",
        f"nDPI floor: {floor_s:.3f} CPU s, peak {pairs[0][0][1] / 1e6:.0f} MB",
        f"engine: {agent_s:.3f} CPU s, peak {pairs[0][1][1] / 1e6:.0f} MB",
        f"ratio: {ratio:.2f}, median of {args.pairs} pairs (at most {args.most})",
        f"memory: {each:.0f} bytes a flow (at most {args.flow_bytes}), {args.flows} flows held: engine "
        f"{parts[0] / 1e6:.0f} MB, control with its hosts {parts[1] / 1e6:.0f} MB; "
        f"{2**30 / each:.0f} flows per GiB",
        f"flood: {args.syns} forged SYNs: {taken / 1e6:.0f} MB taken, {cap / 1e6:.0f} MB the printed cap; "
        f"{whole} of {seen} established connections counted whole",
        f"idle: {pss / 1e6:.1f} MB PSS of three processes with the 64 MiB capture ring, "
        f"{share * 100:.2f} % of a core over {args.idle} s",
    ]
    print("\n".join(lines))
    note("perf", lines)
    kept = taken <= cap and whole == seen == 1000
    sys.exit(0 if ratio <= args.most and each <= args.flow_bytes and kept else 1)


if __name__ == "__main__":
    main()
