"""What a flow costs in memory, all in: a whole agent reads a capture of flows that all live at one
time, at its own pace, and the private memory of engine and control is what they cost, hosts
included. Rings and other shared memory are no part of it: their size does not grow with flows."""

import os
import pathlib
import subprocess
import sys
import time

from processes import cpu_seconds

SECONDS = 20  # the capture's length
IDLE_CPU_S = 0.015  # of CPU in 0.2 s: the timers and the watching
CONFIG = """
name = memory
site = lab
token_file = {folder}/token
[nats]
urls = nats://127.0.0.1:4
[capture]
sources = file:{capture}?pace=1
[spool]
dir = {folder}/spool
cap = 64MiB
[flow]
max = {most}
idle_tcp = 600s
idle_udp = 600s
idle_other = 600s
unanswered = 120s
linger = 300s
[dpi]
max_states = {most}
[hosts]
max = {most}
"""


def make_capture(traffic, words, path):
    with open(path, "wb") as out:
        subprocess.run([traffic, *map(str, words)], stdout=out, check=True)


def private_bytes(pid):
    """Resident memory of a process that is its own: no files, nothing shared."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0  # it has ended


def children(pid):
    words = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in words]


def peak(process, limit_s):
    """The greatest sum of both children's private memory until the capture is read to its end: the
    engine has nothing to do any more. Returns (bytes, by process at that time)."""
    most, parts, ends, still, used = 0, [], time.monotonic() + limit_s, 0, 0.0
    while still < 10:
        if time.monotonic() > ends:
            sys.exit(f"the capture was not read within {limit_s} s")
        pids = children(process.pid)
        now = [private_bytes(pid) for pid in pids]
        if sum(now) > most:
            most, parts = sum(now), now
        before, used = used, cpu_seconds(pids)
        still = still + 1 if used - before < IDLE_CPU_S else 0
        time.sleep(0.2)
    if len(parts) != 2:
        sys.exit(f"the agent has {len(parts)} children, not engine and control")
    return most, parts


def measure(agent, traffic, folder, flows):
    """(bytes a flow, bytes of engine and control)"""
    folder = pathlib.Path(folder) / "memory"
    folder.mkdir()
    capture = folder / "mix.pcap"
    make_capture(traffic, ["mix", flows], capture)
    (folder / "token").write_text("pkt1.none\n")
    (folder / "token").chmod(0o600)
    config = folder / "agent.conf"
    config.write_text(CONFIG.format(folder=folder, capture=capture, most=flows * 11 // 10))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([agent, "--config", config], stdout=log, stderr=log)
        try:
            most, parts = peak(process, SECONDS * 10)
        finally:
            process.kill()  # what it knows need not be told
            process.wait()
    os.unlink(capture)
    return most / flows, parts
