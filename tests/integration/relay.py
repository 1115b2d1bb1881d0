"""A bad line of our own: every IP packet between this machine and a network namespace waits for a
known time, and a known share of the TCP segments and RTP packets with data is dropped. Two TUN devices and a queue
in between, since not every kernel has netem. What it did is what the tests hold the agent to.

As a program it is the line itself, in a process of its own so that nothing delays it but its own
clock: "expect AWAY BACK" on standard input counts afresh and drops every so many-th segment,
"tell" prints what happened since as JSON, the end of input ends it."""

import collections
import contextlib
import fcntl
import json
import os
import selectors
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 1500
PRIORITY = 10  # real time: a busy machine must not make the line slower than it is


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


def tun(name):
    """The open descriptor of a new device; the device lives as long as it."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def tcp_data(packet):
    """Data bytes of an IPv4 TCP segment, 0 for anything else."""
    if packet[0] >> 4 != 4 or packet[9] != 6:
        return 0
    head = (packet[0] & 15) * 4
    return struct.unpack(">H", packet[2:4])[0] - head - (packet[head + 12] >> 4) * 4


def rtp_data(packet):
    """Bytes behind the header of an RTP packet of speech, 0 for anything else: what is of version 2
    and longer than a question of DNS."""
    head = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[9] != 17 or len(packet) < head + 120:
        return 0
    return len(packet) - head - 20 if packet[head + 8] >> 6 == 2 and packet[head + 9] < 128 else 0


class Direction:
    """What waits on its way to one side, and what was done so far."""

    def __init__(self, out):
        self.out, self.queue = out, collections.deque()
        self.expect(0)

    def expect(self, drop_each):
        self.drop_each, self.data, self.dropped, self.waited = drop_each, 0, 0, []

    def take(self, packet, now, delay):
        if tcp_data(packet) > 0 or rtp_data(packet) > 0:
            self.data += 1
            if self.drop_each and self.data % self.drop_each == 0:
                self.dropped += 1
                return
        self.queue.append((now, now + delay, packet))

    def give(self, now):
        while self.queue and self.queue[0][1] <= now:
            taken, _, packet = self.queue.popleft()
            with contextlib.suppress(OSError):  # the other side is not up yet
                os.write(self.out, packet)
                self.waited.append(time.monotonic() - taken)

    def tell(self):
        middle = sorted(self.waited)[len(self.waited) // 2] if self.waited else 0
        return {"data": self.data, "dropped": self.dropped, "waited_us": 1e6 * middle}


class Relay:
    def __init__(self, name, delay_s):
        here, there = tun(f"{name}0"), tun(f"{name}1")
        self.delay_s, self.away, self.back = delay_s, Direction(there), Direction(here)
        self.ways = {here: self.away, there: self.back}

    def pause(self):
        dues = [way.queue[0][1] for way in self.ways.values() if way.queue]
        return max(0, min(dues) - time.monotonic()) if dues else None

    def work(self):
        with selectors.DefaultSelector() as ready:
            for fd in (*self.ways, sys.stdin.fileno()):
                ready.register(fd, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(self.pause()):
                    if key.fd in self.ways:
                        self.read(key.fd)
                    elif not self.obey(sys.stdin.readline().split()):
                        return
                now = time.monotonic()
                self.away.give(now)
                self.back.give(now)

    def read(self, fd):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.ways[fd].take(os.read(fd, 65536), time.monotonic(), self.delay_s)

    def obey(self, words):
        if words[:1] == ["expect"]:
            self.away.expect(int(words[1]))
            self.back.expect(int(words[2]))
        if words[:1] == ["tell"]:
            print(json.dumps({"away": self.away.tell(), "back": self.back.tell()}), flush=True)
        return bool(words)


class Line:
    """near address (here, on `device`) and far address (in the namespace), delay each way."""

    def __init__(self, name, delay_s, near="10.213.0.1", far="10.213.0.2"):
        self.namespace, self.near, self.far, self.device = name, near, far, f"{name}0"
        run("ip", "netns", "add", name)
        self.child = subprocess.Popen([sys.executable, __file__, name, str(delay_s)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child.stdout.readline()  # its devices are there
        run("ip", "link", "set", f"{name}1", "netns", name)
        self.set_up([], self.device, near, far)
        self.set_up(self.inside(), f"{name}1", far, near)
        run(*self.inside("ip", "link", "set", "lo", "up"))

    @staticmethod
    def set_up(before, device, own, other):
        run(*before, "ip", "address", "add", own, "peer", other, "dev", device)
        run(*before, "ip", "link", "set", device, "up", "mtu", str(MTU))

    def say(self, words):
        self.child.stdin.write(words + "\n")
        self.child.stdin.flush()

    def expect(self, away=0, back=0):
        """From now on: drops every so many-th segment, and counts afresh."""
        self.say(f"expect {away} {back}")

    def tell(self):
        """What it did since, with the round trip that packets really had."""
        self.say("tell")
        told = json.loads(self.child.stdout.readline())
        told["rtt_us"] = told["away"]["waited_us"] + told["back"]["waited_us"]
        return told

    def inside(self, *words):
        """A command as it must be said to run at the far end."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        run("ip", "netns", "del", self.namespace)


if __name__ == "__main__":
    relay = Relay(sys.argv[1], float(sys.argv[2]))
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    print("ready", flush=True)
    relay.work()
