"""A flood of forged SYNs among connections that go on: memory stays below the cap that the agent
printed at its start, and the connections keep counting."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

from memory import children, make_capture, private_bytes

PACKETS = 3 + 2 * 100  # of each connection in the capture: its handshake and a hundred rounds
CONFIG = """
name = flood
site = lab
token_file = {folder}/token
[nats]
urls = nats://127.0.0.1:4
[capture]
sources = file:{capture}?pace=0
[spool]
dir = {folder}/spool
cap = 64MiB
"""


def count_connections(agent, capture, environment):
    """(connections with all their packets, connections seen) of those to port 7."""
    whole, seen = 0, 0
    with subprocess.Popen([agent, "--read", capture, "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        for line in process.stdout:
            if '"server_port":7,' not in line:
                continue
            row = json.loads(line)
            seen += 1
            whole += row["packets_c2s"] + row["packets_s2c"] == PACKETS
    if process.returncode != 0:
        sys.exit(f"--read: exit status {process.returncode}")
    return whole, seen


def settle(process, seconds):
    """The most private memory of engine and control, until it no longer grows."""
    most, grown = 0, time.monotonic()
    ends = grown + seconds
    while time.monotonic() < min(ends, grown + 3):
        now = sum(private_bytes(pid) for pid in children(process.pid))
        if now > most * 1.001:
            grown = time.monotonic()
        most = max(most, now)
        time.sleep(0.1)
    return most


def measure_memory(agent, capture, folder, environment, seconds):
    """(bytes at most by its own words, bytes that engine and control took)"""
    (folder / "token").write_text("pkt1.none\n")
    (folder / "token").chmod(0o600)
    config = folder / "agent.conf"
    config.write_text(CONFIG.format(folder=folder, capture=capture))
    log = folder / "agent.log"
    with open(log, "wb") as out:
        process = subprocess.Popen([agent, "--config", config], stdout=out, stderr=out,
                                   env=environment)
        try:
            taken = settle(process, seconds)
        finally:
            process.kill()
            process.wait()
    words = re.search(r"memory: at most (\d+) MiB", log.read_text())
    return int(words.group(1)) * 2**20, taken


def run(agent, traffic, folder, syns, connections, settings=None, seconds=60):
    """(cap, taken, whole, seen); settings: environment for all that the agent starts."""
    folder = pathlib.Path(folder) / "flood"
    folder.mkdir()
    capture = folder / "flood.pcap"
    make_capture(traffic, ["flood", syns, connections], capture)
    environment = {**os.environ, **(settings or {})}
    cap, taken = measure_memory(agent, capture, folder, environment, seconds)
    whole, seen = count_connections(agent, capture, environment)
    capture.unlink()
    return cap, taken, whole, seen
