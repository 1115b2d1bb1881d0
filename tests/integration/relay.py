"""A bad line of our own: every IP packet between this machine and a network namespace waits for a
known time, and a known share of the TCP segments with data is dropped. Two TUN devices and a queue
in between, since not every kernel has netem. What it did is what the tests hold the agent to."""

import collections
import fcntl
import os
import selectors
import struct
import subprocess
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 1500


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


class Direction:
    """What waits on its way to one side, and what was done so far."""

    def __init__(self, out):
        self.out, self.queue = out, collections.deque()
        self.drop_each = 0  # every so many-th segment with data; 0: none
        self.reset()

    def reset(self):
        self.data = self.dropped = 0
        self.waited = []

    def take(self, packet, now, delay):
        if tcp_data(packet) > 0:
            self.data += 1
            if self.drop_each and self.data % self.drop_each == 0:
                self.dropped += 1
                return
        self.queue.append((now, now + delay, packet))

    def give(self, now):
        while self.queue and self.queue[0][1] <= now:
            taken, _, packet = self.queue.popleft()
            try:
                os.write(self.out, packet)
            except OSError:
                continue  # the other side is not up yet
            self.waited.append(time.monotonic() - taken)


class Line:
    """near address (here, on device `near`) and far address (in the namespace), delay each way."""

    def __init__(self, name, delay_s, near="10.213.0.1", far="10.213.0.2"):
        self.namespace, self.near, self.far, self.device = name, near, far, f"{name}0"
        self.delay_s, self.ended = delay_s, threading.Event()
        run("ip", "netns", "add", name)
        here, there = tun(self.device), tun(f"{name}1")
        self.fds = {here: "away", there: "back"}
        self.away, self.back = Direction(there), Direction(here)
        run("ip", "link", "set", f"{name}1", "netns", name)
        self.set_up([], self.device, near, far)
        self.set_up(["ip", "netns", "exec", name], f"{name}1", far, near)
        run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    @staticmethod
    def set_up(before, device, own, other):
        run(*before, "ip", "address", "add", own, "peer", other, "dev", device)
        run(*before, "ip", "link", "set", device, "up", "mtu", str(MTU))

    def work(self):
        with selectors.DefaultSelector() as ready:
            for fd in self.fds:
                ready.register(fd, selectors.EVENT_READ)
            while not self.ended.is_set():
                for key, _ in ready.select(self.pause()):
                    self.read(key.fd)
                now = time.monotonic()
                self.away.give(now)
                self.back.give(now)

    def read(self, fd):
        direction = getattr(self, self.fds[fd])
        while True:
            try:
                packet = os.read(fd, 65536)
            except BlockingIOError:
                return
            direction.take(packet, time.monotonic(), self.delay_s)

    def pause(self):
        dues = [d.queue[0][1] for d in (self.away, self.back) if d.queue]
        return max(0, min(dues) - time.monotonic()) if dues else 0.05

    def expect(self, away=0, back=0):
        """From now on: drops every so many-th segment, and counts afresh."""
        for direction, each in ((self.away, away), (self.back, back)):
            direction.reset()
            direction.drop_each = each

    def rtt_us(self):
        """The round trip that packets really had, by the median of what they waited."""
        def middle(waited):
            return sorted(waited)[len(waited) // 2]
        return 1e6 * (middle(self.away.waited) + middle(self.back.waited))

    def inside(self, *words):
        """A command as it must be said to run at the far end."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def close(self):
        self.ended.set()
        self.thread.join(5)
        for fd in self.fds:
            os.close(fd)
        run("ip", "netns", "del", self.namespace)
