"""A network namespace of its own that a wire joins to the test's network."""

import secrets
import subprocess


class Space:
    """A pair of devices: `near` is here, `far` in the namespace; `here` and `there` are their
    addresses. Named at random, since namespaces are the whole machine's."""

    def __init__(self):
        tag = secrets.token_hex(3)
        self.name, self.near, self.far = f"pkt-{tag}", f"pk{tag}a", f"pk{tag}b"
        net = f"198.18.{secrets.randbelow(200)}"
        self.here, self.there = f"{net}.1", f"{net}.2"
        for words in (["netns", "add", self.name],
                      ["link", "add", self.near, "type", "veth", "peer", "name", self.far,
                       "netns", self.name],
                      ["addr", "add", f"{self.here}/24", "dev", self.near],
                      ["link", "set", self.near, "up"],
                      ["-n", self.name, "addr", "add", f"{self.there}/24", "dev", self.far],
                      ["-n", self.name, "link", "set", self.far, "up"],
                      ["-n", self.name, "link", "set", "lo", "up"]):
            subprocess.run(["ip", *words], check=True)

    def inside(self, *words):
        """A command as it must be said to run in the namespace."""
        return ["ip", "netns", "exec", self.name, *words]

    def cut(self):
        """The wire is dead from now on; neither end is told by the other."""
        subprocess.run(["ip", "-n", self.name, "link", "set", self.far, "down"], check=True)

    def mend(self):
        subprocess.run(["ip", "-n", self.name, "link", "set", self.far, "up"], check=True)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)
