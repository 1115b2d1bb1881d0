#!/usr/bin/env python3
"""What publishing costs: whole agents, parent, engine and control, read the same capture in turn. One
cannot reach any bus and keeps its records, the other sends them to a centre that stores them. The
median of the pairs' ratios counts. Beside it the nDPI floor, against an agent that reads as fast as
the floor does and goes by the times in the capture, so that all flows end and are told. The figures are printed and appended to docs/measurements.md.
Usage: publish.py TOOLS [--pairs N] [--copies N]"""

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
from lab import Lab  # noqa: E402
from measurements import note  # noqa: E402
from processes import cpu_seconds, family, measure  # noqa: E402

NOWHERE = "nats://127.0.0.1:4"
SPAN_S = 900  # of the large capture
READ_S, REST_S = 12, 8  # it is read in so long, and what waits is sent within this
MOST = 1.10
FLOOR_MOST = 1.6


def cost(lab, name, capture, bus, options=f"?pace={SPAN_S // READ_S}"):
    """CPU seconds of an agent from its start to the end of the capture and a little more."""
    usual, lab.nats_url = lab.nats_url, bus
    try:
        token = lab.token(name, "lab")
        agent = lab.agent(name, f"file:{capture}{options}", site="lab",
                          token=token, ledger=False)
    finally:
        lab.nats_url = usual
    time.sleep(READ_S + REST_S)
    pids = family(agent.pid)
    used = cpu_seconds(pids)
    agent.stop()
    if len(pids) != 3:
        sys.exit(f"{name} has {len(pids)} processes, not 3")
    return used


def stored(lab, name):
    return lab.sql("SELECT count(*) FROM flow f JOIN instance i ON i.id = f.instance_id "
                   "WHERE i.name = %s", name)[0][0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tools", type=pathlib.Path, help="folder of ndpi_floor")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--copies", type=int, help="of each small capture in the large one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="picket-publish-") as folder:
        folder = pathlib.Path(folder)
        capture, about = large.make(folder, args.copies)
        (folder / "lab").mkdir()
        lab, pairs, floors = Lab(folder / "lab"), [], []
        try:
            lab.start_centre()
            for i in range(args.pairs):
                floors.append((measure([args.tools / "ndpi_floor", capture])[0],
                               cost(lab, f"whole-{i}", capture, NOWHERE, "?pace=0&keep-time")))
                pairs.append((cost(lab, f"keeps-{i}", capture, NOWHERE),
                              cost(lab, f"sends-{i}", capture, lab.nats_url)))
            rows = stored(lab, "sends-0")
        finally:
            lab.close()
    ratio = statistics.median(sends / keeps for keeps, sends in pairs)
    whole = statistics.median(agent / floor for floor, agent in floors)
    lines = [
        about,
        f"publishing: {ratio:.2f} times the CPU of an agent that only keeps its records (at most "
        f"{MOST}), median of {args.pairs} pairs; {rows} flows stored",
        f"parent, engine and control together: {whole:.2f} times the nDPI floor (at most {FLOOR_MOST})",
    ]
    print("\n".join(lines))
    note("publish", lines)
    return 0 if ratio <= MOST and whole <= FLOOR_MOST and rows > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
