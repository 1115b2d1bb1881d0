"""An Ethernet switch in user space: hosts are network namespaces with a TAP device each, links may
be slow or lossy, and everything that passes is written to a capture file."""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x0002 | 0x1000
GROUP_BIT = 1  # of a MAC address: broadcast and multicast


def run(*words):
    subprocess.run([str(word) for word in words], check=True)


class Host:
    """A network namespace on the switch; delay (s) and loss (0-1) hold in both directions."""

    def __init__(self, switch, name, number, addresses, delay, loss, vlan):
        self.switch, self.name, self.delay, self.loss, self.vlan = switch, name, delay, loss, vlan
        self.namespace = f"pkrec-{name}"
        self.mac = bytes([0x02, 0x1B, 0x21, switch.number, 0, number])
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        device = f"pkrec{switch.number}-{number}"
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_NO_PI))
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "set", device, "netns", self.namespace)
        self.ip("link", "set", device, "name", "eth0")
        self.ip("link", "set", "eth0", "address", self.mac.hex(":"))
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", "eth0", "up")
        for address in addresses:
            self.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))

    def ip(self, *words):
        run("ip", "-n", self.namespace, *words)

    def start(self, *words, stop_after=None):
        """Runs a program on this host; returns its Popen. Its output is of no interest."""
        limit = ["timeout", str(stop_after)] if stop_after else []
        child = subprocess.Popen(["ip", "netns", "exec", self.namespace, *limit,
                                  *map(str, words)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.switch.children.append(child)
        return child

    def run(self, *words):
        """Runs a program on this host to its end."""
        self.start(*words, stop_after=20).wait()


class Switch(threading.Thread):
    def __init__(self, number, capture, seed):
        super().__init__(daemon=True)
        self.number, self.hosts, self.children = number, [], []
        self.dice = random.Random(seed)
        self.events, self.order, self.running = [], 0, True
        self.file = open(capture, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))

    def add(self, name, addresses, delay=0.0, loss=0.0, vlan=0):
        host = Host(self, name, len(self.hosts) + 1, addresses, delay, loss, vlan)
        self.hosts.append(host)
        return host

    def later(self, host, step, frame, sender):
        """A link: some frames are lost, the others come after the delay with up to as much again."""
        if self.dice.random() < host.loss:
            return
        due = time.time() + host.delay * (1 + self.dice.random())
        self.order += 1
        heapq.heappush(self.events, (due, self.order, step, host, frame, sender))

    def record(self, frame, vlan):
        if vlan:
            frame = frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:]
        now = time.time_ns()
        self.file.write(struct.pack("<IIII", now // 10**9, now % 10**9 // 1000, len(frame),
                                    len(frame)))
        self.file.write(frame)

    def forward(self, frame, sender):
        """The middle of the switch, where the capture is made."""
        to_all = frame[0] & GROUP_BIT
        targets = [host for host in self.hosts
                   if host is not sender and (to_all or host.mac == frame[:6])]
        vlan = sender.vlan or (targets[0].vlan if len(targets) == 1 else 0)
        self.record(frame, vlan)
        for host in targets:
            self.later(host, "out", frame, sender)

    def run(self):
        by_fd = {host.fd: host for host in self.hosts}
        while self.running:
            wait = min(max(self.events[0][0] - time.time(), 0), 0.05) if self.events else 0.05
            for fd in select.select(list(by_fd), [], [], wait)[0]:
                self.later(by_fd[fd], "in", os.read(fd, 2048), by_fd[fd])
            while self.events and self.events[0][0] <= time.time():
                _, _, step, host, frame, sender = heapq.heappop(self.events)
                if step == "in":
                    self.forward(frame, sender)
                else:
                    os.write(host.fd, frame)

    def close(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait()
        self.running = False
        self.join()
        self.file.close()
        for host in self.hosts:
            os.close(host.fd)
            run("ip", "netns", "del", host.namespace)
