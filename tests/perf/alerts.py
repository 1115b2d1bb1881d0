#!/usr/bin/env python3
"""How soon an alert is seen: requests of a crawler go over a wire that an agent watches, one at a time
and at uneven distances, and a console on the live channel notes when the frame with each alert
arrives. Between them lie capture, DPI, the alert's place in the spool with its fdatasync, NATS,
PostgreSQL's COMMIT and the WebSocket. The figures are printed and appended to docs/measurements.md.
Usage, as root: alerts.py [--alerts N]"""

import argparse
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("PICKET_BUILD", str(HERE.parents[1] / "build/release"))
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "integration")]

from client import Live  # noqa: E402 (the path comes first)
from lab import Lab, wait_for  # noqa: E402
from measurements import note  # noqa: E402
from packets import tcp_conversation  # noqa: E402

MOST_MS = {50: 60, 99: 200}
KIND = "http_crawler_bot"
REQUEST = b"GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Googlebot/2.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """Two devices of this machine that are joined, without addresses."""

    def __init__(self):
        self.near, self.far = f"pka{os.getpid()}", f"pkb{os.getpid()}"
        subprocess.run(["ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far],
                       check=True)
        for device in (self.near, self.far):
            pathlib.Path(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6").write_text("1")
            subprocess.run(["ip", "link", "set", device, "up"], check=True)
        self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.link.bind((self.near, 0))

    def close(self):
        self.link.close()
        subprocess.run(["ip", "link", "del", self.near], check=False)


def one(wire, live, number):
    """Milliseconds from the request on the wire to the frame with its alert."""
    client = f"10.9.{number // 250}.{1 + number % 250}"
    frames = [frame for _, frame in tcp_conversation(client, 40000, "198.51.100.7", 80, REQUEST,
                                                     ANSWER, 0)]
    for frame in frames[:3]:
        wire.link.send(frame)
    begun = time.monotonic()
    wire.link.send(frames[3])
    live.wait(lambda message: any(row["name"] == KIND and (row["client"] or "").startswith(client + ":")
                                  for row in (message.get("data") or {}).get("alerts", ())), 30)
    taken = 1000 * (time.monotonic() - begun)
    for frame in frames[4:]:
        wire.link.send(frame)
    return taken


def measure(lab, wire, count):
    api = lab.start_centre()
    lab.agent("alerts-1", wire.far)
    wait_for(lambda: (api.instance("alerts-1") or {}).get("state") == "up", 30, "the agent is up")
    live = Live(api, ["alerts"])
    time.sleep(2)
    random.seed(7)
    one(wire, live, 9999)  # makes ready what is made once
    taken = []
    for number in range(count):
        time.sleep(random.uniform(0.2, 0.6))
        taken.append(one(wire, live, number))
    return sorted(taken)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=500)
    options = parser.parse_args()
    wire = Wire()
    try:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(folder)
            try:
                taken = measure(lab, wire, options.alerts)
            finally:
                lab.close()
    finally:
        wire.close()
    found = {percent: taken[min(len(taken) - 1, len(taken) * percent // 100)] for percent in MOST_MS}
    kept = all(found[percent] <= most for percent, most in MOST_MS.items())
    lines = [f"{len(taken)} alerts from the packet on the wire to the WebSocket's frame: "
             + ", ".join(f"p{percent} {found[percent]:.0f} ms (at most {most})"
                         for percent, most in MOST_MS.items())
             + f", longest {taken[-1]:.0f} ms", "every bar kept" if kept else "NOT every bar kept"]
    print("\n".join(lines))
    note("How soon an alert is seen", lines)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
