"""A systemd unit started without systemd: by its ExecStart line, as its user and with its rights.
Where a unit names a watchdog, this stands in systemd's place at the other end of the socket."""

import ctypes
import os
import shlex
import signal
import socket
import subprocess
import time

from steps import run

CAP_NUMBERS = {"CAP_NET_RAW": 13}


def read_unit(path):
    """Every setting of the unit as a list of its values."""
    settings = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings.setdefault(key.strip(), []).append(value.strip())
    return settings


class Unit:
    def __init__(self, root, name):
        self.root, self.name = root, name
        self.settings = read_unit(root / f"lib/systemd/system/{name}.service")
        self.log = root / f"var/log/{name}.log"
        self.child = self.hears = None

    def one(self, key, otherwise=""):
        return self.settings.get(key, [otherwise])[-1]

    def credentials(self):
        """What LoadCredential= does."""
        folder = self.root / f"run/credentials/{self.name}.service"
        for item in self.settings.get("LoadCredential", []):
            name, source = item.split(":", 1)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((self.root / source.lstrip("/")).read_bytes())
            (folder / name).chmod(0o400)
            run("chroot", self.root, "chown", "-R", self.one("User"),
                "/" + str(folder.relative_to(self.root)))

    def notify_socket(self):
        path = self.root / f"run/notify-{self.name}"
        path.unlink(missing_ok=True)
        self.hears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hears.bind(str(path))
        path.chmod(0o666)
        seconds = int(self.one("WatchdogSec", "0s").rstrip("s"))
        return {"NOTIFY_SOCKET": "/" + str(path.relative_to(self.root)),
                "WATCHDOG_USEC": str(seconds * 10**6)}

    def command(self):
        kept = [cap.lower().removeprefix("cap_") for cap in self.one("AmbientCapabilities").split()]
        added = "".join(f",+{cap}" for cap in kept)
        assert self.one("NoNewPrivileges") == "yes"
        return ["chroot", self.root, "setpriv", "--reuid", self.one("User"),
                "--regid", self.one("Group"), "--init-groups", f"--bounding-set=-all{added}",
                f"--inh-caps=-all{added}", f"--ambient-caps=-all{added}", "--no-new-privs",
                *shlex.split(self.one("ExecStart"))]

    def start(self, timeout=30):
        """Starts it; a unit of Type=notify is up when it says so. Returns the seconds it took."""
        self.credentials()
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if self.one("Type") == "notify":
            env |= self.notify_socket()
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(word) for word in self.command()], env=env,
                                          stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if self.hears:
            said = self.next_word(timeout)
            if not said.startswith("READY=1"):
                raise SystemExit(f"{self.name}: said {said!r} first\n{self.text()[-2000:]}")
        return time.monotonic() - began

    def next_word(self, timeout):
        """What the program tells systemd next."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.child.poll() is not None:
                raise SystemExit(f"{self.name} ended: {self.child.returncode}\n"
                                 f"{self.text()[-2000:]}")
            self.hears.settimeout(0.2)
            try:
                return self.hears.recv(4096).decode()
            except TimeoutError:
                pass
        raise SystemExit(f"{self.name}: nothing said within {timeout} s\n{self.text()[-2000:]}")

    def stop(self, timeout=15):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait(timeout)
        if self.hears:
            self.hears.close()
            self.hears = None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def capabilities(self):
        """Effective and bounding sets of the running program, as the kernel tells."""
        status = open(f"/proc/{self.child.pid}/status").read()
        return {line.split(":")[0]: int(line.split()[1], 16) for line in status.splitlines()
                if line.startswith("Cap")}


def leave_network():
    """From here on this process and its children have a network of their own: loopback alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "unshare")
    run("ip", "link", "set", "lo", "up")
    os.environ.pop("http_proxy", None)
