"""A wire between two network namespaces, for measurements of a live agent: tcpreplay sends at one end,
pinned to a CPU, and a whole Picket takes in at the other."""

import contextlib
import os
import re
import subprocess
import sys
import time

from lab import wait_for

DEVICES = ("psend", "ptake")
MTU = 65535  # no packet of the captures is larger
SENDER_CPU = 0
AGENT = "live"
SETTLE_S, SILENCE_S = 2, 10  # the kernel is asked for drops once a second


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def wire():
    """Two namespaces joined by a pair of devices without addresses: nothing speaks on its own."""
    spaces = [f"picket{os.getpid()}{end}" for end in "ab"]
    try:
        for space in spaces:
            run("ip", "netns", "add", space)
            run("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1")
            run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", spaces[0], "link", "add", DEVICES[0], "mtu", str(MTU), "type", "veth", "peer",
            "name", DEVICES[1], "netns", spaces[1], "mtu", str(MTU))
        for space, device in zip(spaces, DEVICES):
            run("ip", "-n", space, "link", "set", device, "up")
        yield spaces
    finally:
        for space in spaces:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def again_inside(space, *words):
    """Runs this program once more, in a namespace; its exit status."""
    command = ["ip", "netns", "exec", space, sys.executable, "-B", *sys.argv, *map(str, words)]
    return subprocess.run(command, check=False).returncode


class Receiver:
    """An agent at the taking end, and what it has counted on the wire."""

    def __init__(self, lab, engine_cpu=None, **settings):
        self.api = lab.start_centre()
        self.agent = lab.agent(AGENT, DEVICES[1], **settings)
        wait_for(lambda: (self.api.instance(AGENT) or {}).get("state") == "up", 30, "the agent is up")
        wait_for(lambda: self.source()["state"] == "running", 30, "it captures")
        self.engine = wait_for(lambda: self.agent.children().get("picket-engine"), 10, "its engine")
        if engine_cpu is not None:
            run("taskset", "-acp", str(engine_cpu), str(self.engine))

    def source(self):
        return self.api.get(f"/instances/{AGENT}/query?op=status")["rows"][0]["sources"][0]

    def counts(self, expected=None):
        """(received, dropped) once they are as many as expected, or have long been the same: a busy
        machine may keep the engine from what waits in its ring."""
        before, since = None, time.monotonic()
        while time.monotonic() - since < (SILENCE_S if expected else SETTLE_S):
            time.sleep(0.5)
            source = self.source()
            now = source["packets"], source["dropped"]
            if expected is not None and sum(now) == expected:
                return now
            since = since if now == before else time.monotonic()
            before = now
        return before


def send_command(space, capture, *options):
    return ["ip", "netns", "exec", space, "taskset", "-c", str(SENDER_CPU), "tcpreplay", "-q", "-K",
            "-i", DEVICES[0], *options, str(capture)]


def sent(said):
    """(packets sent, packets/s) of tcpreplay's last words."""
    packets = int(re.search(r"Successful packets:\s+(\d+)", said)[1])
    return packets, packets / float(re.search(r"sent in ([\d.]+) seconds", said)[1])
