"""What an agent takes that watches a silent wire: memory and CPU of parent, engine and control."""

import os
import pathlib
import subprocess
import sys
import time

from processes import cpu_seconds, family, name_of, pss_bytes

SETTLE_S = 10
MOST_MB, MOST_PERCENT = 25, 0.5
CONFIG = """
name = idle
site = lab
token_file = {folder}/idle.token
[nats]
urls = nats://127.0.0.1:4
[capture]
sources = lo
[spool]
dir = {folder}/idle.spool
cap = 64MiB
"""


def start(agent, folder):
    """The agent, in a network of its own."""
    token, config = folder / "idle.token", folder / "idle.conf"
    token.write_text("pkt1.none\n")
    token.chmod(0o600)
    config.write_text(CONFIG.format(folder=folder))
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$0" --config "$1"']
    with open(folder / "idle.log", "wb") as log:
        return subprocess.Popen([*alone, agent, config], stdout=log, stderr=log)


def measure(agent, folder, seconds):
    """({process: PSS in bytes without the capture ring}, bytes of the ring, CPU share of a core)."""
    process = start(os.path.abspath(agent), pathlib.Path(folder))
    try:
        time.sleep(SETTLE_S)
        pids = family(process.pid)
        if len(pids) != 3:
            sys.exit(f"the idle agent has {len(pids)} processes, not 3")
        before = cpu_seconds(pids)
        time.sleep(seconds)
        share = (cpu_seconds(pids) - before) / seconds
        taken = {name_of(pid): pss_bytes([pid]) for pid in pids}
    finally:
        process.terminate()
        process.wait(20)
    ring = sum(rings for _, rings in taken.values())
    return {name: total - rings for name, (total, rings) in taken.items()}, ring, share


def figures(agent, folder, seconds):
    """A line that says it all, and whether both bars were kept."""
    pss, ring, share = measure(agent, folder, seconds)
    total, parts = sum(pss.values()), ", ".join(
        f"{name.removeprefix('picket-')} {size / 1e6:.1f}" for name, size in pss.items())
    line = (f"idle: {total / 1e6:.1f} MB PSS of three processes (at most {MOST_MB}; {parts}) beside "
            f"{ring / 1e6:.0f} MB of capture ring, {share * 100:.2f} % of a core (at most "
            f"{MOST_PERCENT}) over {seconds} s")
    return line, total <= MOST_MB * 1e6 and share * 100 <= MOST_PERCENT
