#!/usr/bin/env python3
"""A clone and `deploy/demo` in a Debian 12 that has nothing of ours: makes such a root file system,
types what a reader of README.md types on a terminal of its own, and holds what follows against the
promises: three instances Up within ten minutes without downloads, a second start within thirty
seconds, nothing left after Ctrl-C or kill -9, a refusal that helps where a start cannot be.
Usage: fresh.py [--root DIR] [--base TAR] [--keep]     (root only)
  --root DIR  where to make it (default: a temporary folder)
  --base TAR  what debootstrap made, kept between runs (made when it is not there)
  --keep      leaves DIR as it is at the end"""

import argparse
import ctypes
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "integration")]

from client import Api  # noqa: E402 (the paths come first)
from measurements import TOP, commit, note  # noqa: E402

MIRROR = "http://deb.debian.org/debian"
FIRST_START_S, SECOND_START_S, END_S = 600, 30, 20
PLAIN = "someone"
# Bytes and colours that a terminal understands and we do not want to read.
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


def say(text):
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def copy_settings(root):
    """The machine's way to packages: apt's sources and options, npm's, certificates, resolver."""
    sources = pathlib.Path("/etc/apt/sources.list.d/debian.sources")
    if sources.exists():
        shutil.copy(sources, root / "etc/apt/sources.list.d")
        (root / "etc/apt/sources.list").unlink(missing_ok=True)
    for folder in ("etc/apt/apt.conf.d", "usr/local/share/ca-certificates"):
        shutil.copytree(f"/{folder}", root / folder, dirs_exist_ok=True)
    for file in ("etc/npmrc", "usr/etc/npmrc", "root/.npmrc", "etc/resolv.conf"):
        if pathlib.Path(f"/{file}").exists():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(f"/{file}", root / file)


def make_root(root, base):
    """A minimal Debian 12, with git and certificates for the clone, and nothing else."""
    if not base.exists():
        say("debootstrap: a minimal Debian 12 with git and certificates")
        subprocess.run(["debootstrap", "--variant=minbase", "--include=git,ca-certificates",
                        "bookworm", root, MIRROR], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tar", "-C", root, "-cf", base, "."], check=True)
    else:
        subprocess.run(["tar", "-C", root, "-xf", base], check=True)
    copy_settings(root)
    # A bare copy of this commit, as on a server; world-readable, as there.
    subprocess.run(["git", "clone", "-q", "--bare", TOP, root / "srv/picket.git"], check=True)


class Machine:
    """The root file system as a machine of its own: mounts and process numbers go with it."""

    def __init__(self, root):
        self.root = root
        libc = ctypes.CDLL(None)
        # The first process takes in orphans as init would; when this script dies, it dies.
        self.init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/bash", "-c",
             'mount -t proc proc "$1/proc" && mount -t devpts devpts "$1/dev/pts" -o newinstance,'
             'ptmxmode=0666 && mount -t tmpfs tmpfs "$1/dev/shm" -o mode=1777 && touch "$1/up" &&'
             ' while sleep 1; do :; done', "init", root],
            preexec_fn=lambda: libc.prctl(1, signal.SIGKILL, 0, 0, 0), start_new_session=True,
            stderr=subprocess.DEVNULL)  # it complains of its own end
        until = time.monotonic() + 10
        while not (root / "up").exists():
            if self.init.poll() is not None or time.monotonic() > until:
                sys.exit("the machine's mounts could not be made")
            time.sleep(0.05)
        self.pid = int(pathlib.Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children")
                       .read_text().split()[0])
        self.space = os.readlink(f"/proc/{self.pid}/ns/pid")

    def command(self, words, user="root"):
        home = "/root" if user == "root" else f"/home/{user}"
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}",
                                            "--init-groups"]
        kept = [f"{name}={value}" for name, value in os.environ.items()
                if name == "NODE_EXTRA_CA_CERTS" or name.lower().endswith("_proxy")]
        return ["nsenter", "--target", str(self.pid), "--mount", "--pid", "chroot", self.root,
                *become, "env", "-i", f"HOME={home}", f"USER={user}", "TERM=dumb", "LANG=C.UTF-8",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *kept, *words]

    def run(self, script, user="root"):
        return subprocess.run(self.command(["bash", "-c", script], user), check=True,
                              capture_output=True, text=True).stdout

    def processes(self):
        """What runs in it, by process number: its own first process and our shells left out."""
        found = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(folder / "ns/pid") != self.space or int(folder.name) == self.pid:
                    continue
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            text = b" ".join(words).decode(errors="replace").strip()
            if state != "Z" and text not in ("sleep 1", "bash --norc -i"):
                found[int(folder.name)] = text
        return found

    def wait_empty(self, seconds):
        """What still runs after so long: nothing, if all is well."""
        until = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        self.init.wait(10)


class Terminal:
    """An interactive shell on a terminal of its own; everything it shows is kept."""

    def __init__(self, machine, user="root"):
        self.shown, self.mark = "", 0
        self.fd, terminal = pty.openpty()
        self.child = subprocess.Popen(
            machine.command(["bash", "--norc", "-i"], user), stdin=terminal, stdout=terminal,
            stderr=terminal, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)
        self.type("stty -echo; PS1='$?> '; cd\n")
        self.until(r"(?m)^0> $", 10)

    def type(self, text):
        self.mark = len(self.shown)
        os.write(self.fd, text.encode())

    def until(self, pattern, seconds):
        """What was shown since the last typing, once the pattern is there; its match as well."""
        until = time.monotonic() + seconds
        while True:
            since = self.shown[self.mark:]
            if match := re.search(pattern, since):
                return since, match
            if time.monotonic() > until:
                raise AssertionError(f"not within {seconds} s: {pattern}; shown so far:\n{since}")
            if select.select([self.fd], [], [], 0.2)[0]:
                self.shown += CONTROLS.sub("", os.read(self.fd, 65536).decode(errors="replace"))

    def run(self, line, seconds):
        """Types a line, waits for the next prompt; returns exit status and what was shown."""
        self.type(line + "\n")
        since, match = self.until(r"(?m)^(\d+)> $", seconds)
        return int(match[1]), since[:match.start()]

    def interrupt(self, seconds):
        """Presses Ctrl-C; else as run."""
        self.type("\x03")
        since, match = self.until(r"(?m)^(\d+)> $", seconds)
        return int(match[1]), since[:match.start()]

    def close(self):
        os.close(self.fd)
        self.child.wait(10)


class Proof:
    """The promises, each held against what is seen; the figures on the way."""

    def __init__(self, machine):
        self.machine, self.figures, self.broken = machine, [], []

    def hold(self, what, good, shown=""):
        say(f"{'ok' if good else 'BROKEN'}  {what}")
        if not good:
            self.broken.append(what)
            if shown:
                print(shown, flush=True)

    def figure(self, text):
        say(f"      {text}")
        self.figures.append(text)

    def start(self, terminal, line, limit, what):
        """A start that ends in a dashboard with three instances Up, not counting downloads."""
        begun = time.monotonic()
        terminal.type(line + "\n")
        shown, match = terminal.until(r"Ready after ([\d.]+) s, not counting ([\d.]+) s of "
                                      r"downloads[\s\S]*Ctrl-C ends|(?m:^\d+> $)", 3600)
        if match[1] is None:
            raise AssertionError(f"{what} ended:\n{shown}")
        seconds, downloads = float(match[1]), float(match[2])
        took = time.monotonic() - begun
        up = self.wait_up(terminal, shown)
        self.figure(f"{what}: {seconds} s and {downloads} s of downloads; three instances Up "
                    f"{up:.1f} s later; load average {os.getloadavg()[1]:.1f} on {os.cpu_count()} "
                    "cores")
        self.hold(f"{what} within {limit} s", seconds + up <= limit)
        self.hold(f"{what}: the time told is the time it took",
                  abs(took - seconds - downloads) < 5 + took / 10, f"it took {took:.1f} s")
        return shown

    def wait_up(self, terminal, shown):
        """Signs in with what the terminal shows and waits for three instances Up."""
        url = re.search(r"Console: +(\S+)", shown)[1].rstrip("/")
        if found := re.search(r"admin, password (\S+)", shown):
            self.password = found[1]
        begun = time.monotonic()
        api = Api(url)
        api.login("admin", self.password)
        while time.monotonic() < begun + 60:
            rows = api.get("/fleet")["instances"]
            if len(rows) == 3 and all(row["state"] == "up" for row in rows):
                return time.monotonic() - begun
            time.sleep(0.2)
        raise AssertionError(f"not within 60 s: three instances Up, but {rows}")

    def gone(self, what):
        left = self.machine.wait_empty(END_S)
        self.hold(f"{what} leaves no process", not left, str(left))


def refused_without_rights(proof):
    """Nothing is installed yet, and this user may not install: what to do is said."""
    terminal = Terminal(proof.machine, PLAIN)
    terminal.run("git clone -q /srv/picket.git && cd picket", 60)
    status, shown = terminal.run("deploy/demo", 60)
    proof.hold("a plain user without packages is told what to install",
               status == 1 and "apt-get install" in shown, shown)
    terminal.close()


def first_start(proof, terminal):
    shown = proof.start(terminal, "git clone -q /srv/picket.git && cd picket && deploy/demo",
                        FIRST_START_S, "first start")
    print(shown, flush=True)
    second = Terminal(proof.machine)
    status, shown = second.run("cd picket && deploy/demo", 60)
    proof.hold("a second demo is refused and told where the first is",
               status == 1 and "running already: http://127.0.0.1:" in shown, shown)
    status, shown = second.run("deploy/demo --reset", 60)
    proof.hold("a running demo is not reset", status == 1 and "running already" in shown, shown)
    second.close()
    status, shown = terminal.interrupt(END_S)
    print(shown, flush=True)
    proof.hold("Ctrl-C ends it well", status == 0, f"status {status}\n{shown}")
    proof.gone("Ctrl-C")


def next_starts(proof, terminal):
    proof.start(terminal, "deploy/demo", SECOND_START_S, "second start")
    demo = [pid for pid, text in proof.machine.processes().items() if text == "bash deploy/demo"]
    os.kill(demo[0], signal.SIGKILL)
    terminal.until(r"(?m)^137> $", 30)
    proof.gone("kill -9 of deploy/demo")
    proof.start(terminal, "deploy/demo", SECOND_START_S, "start after kill -9")
    supervisor = [pid for pid, text in proof.machine.processes().items()
                  if "picket-demo-supervisor" in text.split(" ")[0]]
    os.kill(supervisor[0], signal.SIGKILL)
    shown, match = terminal.until(r"(?m)^(\d+)> $", 30)
    status = int(match[1])
    proof.hold("the demo tells that its supervisor was killed", status not in (0, 137), shown)
    proof.gone("kill -9 of its supervisor")


def check(proof, terminal):
    begun = time.monotonic()
    status, shown = terminal.run("deploy/demo --check", 600)
    print(shown, flush=True)
    proof.figure(f"deploy/demo --check: {time.monotonic() - begun:.1f} s")
    proof.hold("deploy/demo --check: all well", status == 0 and "all well" in shown, shown)
    proof.gone("deploy/demo --check")


def plain_user(proof):
    """The packages are there now: a plain user has a demo of his own, without live capture."""
    terminal = Terminal(proof.machine, PLAIN)
    terminal.run("cd picket", 10)
    status, shown = terminal.run("deploy/demo --check", 60)
    proof.hold("a plain user's --check says that it wants root",
               status == 1 and "wants root" in shown, shown)
    terminal.type("deploy/demo\n")
    shown, _ = terminal.until(r"Ready after[\s\S]*Ctrl-C ends|(?m:^\d+> $)", 1800)
    print(shown, flush=True)
    proof.hold("a plain user is told that nothing is captured live", "not root" in shown, shown)
    status, shown = terminal.interrupt(END_S)
    proof.hold("Ctrl-C ends a plain user's demo well", status == 0, shown)
    proof.gone("a plain user's Ctrl-C")
    terminal.close()


def prepare(machine):
    machine.run(f"update-ca-certificates; useradd --create-home {PLAIN};"
                " git config --system --add safe.directory /srv/picket.git")
    npmrc = machine.root / "root/.npmrc"
    if npmrc.exists():
        shutil.copy(npmrc, machine.root / f"home/{PLAIN}/.npmrc")
        (machine.root / f"home/{PLAIN}/.npmrc").chmod(0o644)


def prove(proof):
    machine = proof.machine
    refused_without_rights(proof)
    terminal = Terminal(machine)
    first_start(proof, terminal)
    proof.figure(f"Node {machine.run('node --version').strip()}, "
                 f"npm {machine.run('npm --version').strip()}, Debian "
                 f"{machine.run('cat /etc/debian_version').strip()}")
    next_starts(proof, terminal)
    check(proof, terminal)
    status, shown = terminal.run("deploy/demo --reset", 60)
    proof.hold("deploy/demo --reset forgets the state and its user", status == 0 and
               not (machine.root / "var/lib/picket-demo").exists() and
               "picket-demo" not in (machine.root / "etc/passwd").read_text(), shown)
    terminal.close()
    plain_user(proof)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("--base", type=pathlib.Path, default=TOP / "build/debian-12.tar")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("tests/run long fresh wants root: it makes a root file system and mounts in it")
    begun = time.monotonic()
    root = (args.root or pathlib.Path(tempfile.mkdtemp(prefix="picket-fresh-"))).resolve()
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    if any(root.iterdir()):
        sys.exit(f"{root} is not empty: a fresh root is made in a folder of its own")
    args.base.parent.mkdir(parents=True, exist_ok=True)
    of = commit().rstrip("+")  # what was cloned: no change that is not committed
    make_root(root, args.base)
    machine = Machine(root)
    proof = Proof(machine)
    try:
        prepare(machine)
        prove(proof)
    except AssertionError as error:
        proof.hold(str(error).splitlines()[0], False, str(error))
    finally:
        machine.close()
        if not args.keep:
            shutil.rmtree(root)
    proof.figure(f"all of it: {time.monotonic() - begun:.0f} s")
    verdict = "every promise held"
    if proof.broken:
        verdict = f"{len(proof.broken)} promises broken: {'; '.join(proof.broken)}"
    note("fresh", [*proof.figures, verdict], of)
    print(verdict)
    sys.exit(1 if proof.broken else 0)


if __name__ == "__main__":
    main()
