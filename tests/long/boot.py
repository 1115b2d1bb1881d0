#!/usr/bin/python3
"""The second half of tests/run long deb: the packages under a real systemd, which is process 1 of a
plain Debian in namespaces of its own. All of the units' hardening is in force here. The watchdog
has to find what stands still, a boot has to bring everything back, an upgrade has to restart what
runs, and a purge has to stop it and leave no trace."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

from deb import HOST, OLDER, Root, configure_agent
from steps import TOP, WORK, run, step, write_figures

from lab import wait_for  # noqa: E402 (steps.py adds the path)

WATCHDOG_S = 5  # in this test; the units say 60
UNITS = ("picket-nats", "picket-aggregator", "picket-agent")


class Cgroup:
    """A group of its own, so that the systemd inside sees and moves nobody else's processes."""

    def __init__(self):
        self.mount = WORK / "cgroup"
        self.path = self.mount / "picket-boot"

    def make(self):
        self.clear()
        self.mount.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "cgroup2", "cgroup2", self.mount)
        self.path.mkdir()

    def join(self):
        (self.path / "cgroup.procs").write_text("0")

    def clear(self):
        if not os.path.ismount(self.mount):
            return
        for _ in range(50):
            for folder, _, _ in sorted(os.walk(self.path), reverse=True):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # a process in it is just ending
            if not self.path.exists():
                break
            time.sleep(0.1)
        run("umount", self.mount)


class Machine:
    """The booted Debian."""

    def __init__(self, root):
        self.root, self.cgroup, self.child = root, Cgroup(), None

    def boot(self):
        self.cgroup.make()
        self.child = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup",
             "--kill-child", TOP / "tests/long/boot.sh", self.root.path],
            preexec_fn=self.cgroup.join, stdin=subprocess.DEVNULL,
            stdout=open(WORK / "boot.log", "ab"), stderr=subprocess.STDOUT)
        wait_for(self.is_running, 90, "systemd has started everything", step=0.5)

    def init_pid(self):
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        return children.read_text().split()[0]

    def enter(self, *words, check=True, net_only=False, **more):
        spaces = ["-n"] if net_only else ["-m", "-p", "-u", "-i", "-n", "-C"]
        env = None if net_only else {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                     "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return run("nsenter", "-t", self.init_pid(), *spaces, *words, check=check, env=env, **more)

    def is_running(self):
        try:
            done = self.enter("systemctl", "is-system-running", check=False)
        except (IndexError, FileNotFoundError):
            return False
        return done.stdout.strip() in ("running", "degraded")

    def show(self, unit, key):
        return self.enter("systemctl", "show", "--value", "-p", key, unit).stdout.strip()

    def shut_down(self):
        self.enter("systemctl", "--no-block", "poweroff", check=False)
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.stop()
            raise SystemExit("the machine does not shut down within 60 s") from None
        self.cgroup.clear()

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait(10)
        self.cgroup.clear()

    # --- Picket in it -----------------------------------------------------------------------

    def picketctl(self, *words):
        return self.enter("runuser", "-u", "picket", "--", "picketctl", *words, check=False).stdout

    def agent_state(self):
        try:
            return json.loads(self.picketctl("agent", "list", "--json"))[0]["state"]
        except (ValueError, IndexError):
            return None

    def await_up(self, seconds=60):
        wait_for(lambda: self.agent_state() == "up", seconds, "the agent is up", step=0.5)

    def page(self, path):
        ca = self.root.path / "var/lib/picket/centre/ca.pem"
        return self.enter("curl", "-sS", "--cacert", ca, "--resolve", f"{HOST}:8443:127.0.0.1",
                          "-w", "\n%{http_code}", f"https://{HOST}:8443{path}", net_only=True,
                          check=False).stdout

    def restarts(self, unit):
        return int(self.show(unit, "NRestarts"))


def install(root):
    with step("a plain Debian 12 with systemd"):
        root.make()
        root.run("apt-get", "-qq", "update")
        root.run("apt-get", "-qq", "-y", "install", "systemd", "systemd-sysv")
    with step(f"apt-get install {OLDER}"):
        older = sorted((WORK / "old").glob("*.deb"))
        root.run("apt-get", "-qq", "-y", "install", *root.take(older))
        (root.path / "usr/sbin/policy-rc.d").unlink()
    for where in reversed(root.mounts):
        run("umount", "-l", where)
    root.mounts.clear()


def set_up(machine, figures):
    with step("boot"):
        began = time.monotonic()
        machine.boot()
        figures.append(("boot", f"{time.monotonic() - began:.1f} s"))
    with step("picket-setup and the agent, as a person does"):
        said = machine.enter("picket-setup", "--name", HOST).stdout
        assert re.search(r"admin may sign in with the password \S+", said), said
        assert f"https://{HOST}:8443/" in said, said
        token = machine.picketctl("agent", "add", "pisa-1", "--site", "pisa")
        configure_agent(machine.root, token)
        machine.enter("systemctl", "enable", "--now", "picket-agent")
        machine.await_up()
    assert machine.page("/readyz").endswith("\n200"), machine.page("/readyz")
    assert all(machine.restarts(unit) == 0 for unit in UNITS)
    log = machine.enter("journalctl", "--no-pager", "-u", "picket-agent").stdout
    assert "engine runs" in log and "Landlock, seccomp" in log, log
    figures.append(("exposure by systemd-analyze security", ", ".join(
        line.split()[0].removesuffix(".service") + " " + line.split()[1] for line in
        machine.enter("systemd-analyze", "--no-pager", "security").stdout.splitlines()
        if line.startswith("picket"))))


def prove_watchdog(machine, figures):
    """A program that stands still as a whole is started anew by systemd."""
    for unit in ("picket-agent", "picket-aggregator"):
        folder = f"/run/systemd/system/{unit}.service.d"
        machine.enter("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec="
                      f"{WATCHDOG_S}s\\n' > {folder}/watchdog.conf")
    machine.enter("systemctl", "daemon-reload")
    machine.enter("systemctl", "restart", "picket-agent", "picket-aggregator")
    for unit in ("picket-agent", "picket-aggregator"):
        with step(f"{unit} stands still, systemd starts it anew"):
            before = machine.restarts(unit)
            machine.enter("systemctl", "kill", "--kill-whom=main", "--signal=STOP", unit)
            began = time.monotonic()
            wait_for(lambda: machine.restarts(unit) > before and
                     machine.show(unit, "ActiveState") == "active", 60, "started anew", step=0.5)
            figures.append((f"{unit} stopped by SIGSTOP, watchdog {WATCHDOG_S} s: active again",
                            f"{time.monotonic() - began:.1f} s"))
            machine.await_up()


def reboot(machine):
    (machine.root.path / "etc/picket/token").unlink()
    with step("shut down in order, boot again"):
        machine.shut_down()
        machine.boot()
        machine.await_up(90)
    changes = machine.enter("runuser", "-u", "picket", "--", "psql", "-qAtd", "picket", "-c",
                            "SELECT to_state FROM instance_state_change ORDER BY at, id").stdout
    assert "stopped" in changes, f"no goodbye at the shut-down: {changes}"


def upgrade(machine, figures):
    before = {unit: machine.show(unit, "MainPID") for unit in UNITS}
    with step("upgrade of what runs, by apt-get"):
        newer = machine.root.take(sorted((WORK / "new").glob("*.deb")))
        began = time.monotonic()
        machine.enter("apt-get", "-qq", "-y", "-o", "Dpkg::Options::=--force-confold", "install",
                      *newer)
        machine.await_up()
        figures.append(("apt-get upgrade of centre and agent to Up",
                        f"{time.monotonic() - began:.1f} s"))
    after = {unit: machine.show(unit, "MainPID") for unit in UNITS}
    assert after["picket-agent"] != before["picket-agent"], "the agent was not restarted"
    assert after["picket-aggregator"] != before["picket-aggregator"]
    assert after["picket-nats"] == before["picket-nats"], "the broker need not be restarted"


def purge(machine):
    with step("purge of what runs"):
        machine.enter("apt-get", "-qq", "-y", "purge", "picket-agent", "picket-aggregator")
        left = machine.enter("systemctl", "list-units", "--state=active,failed", "--no-legend",
                             "--plain", "picket*").stdout
        assert left.strip() == "", left
        assert machine.root.traces() == [], machine.root.traces()


def main():
    figures, root = [], Root(WORK / "boot")
    machine = Machine(root)
    began = time.monotonic()
    try:
        install(root)
        set_up(machine, figures)
        prove_watchdog(machine, figures)
        reboot(machine)
        upgrade(machine, figures)
        purge(machine)
    finally:
        machine.stop()
        root.clear()
    figures.append(("this half", f"{time.monotonic() - began:.0f} s"))
    write_figures("long deb, under systemd", figures)
    print(json.dumps(dict(figures), indent=1))
    print("long deb under systemd: all well")


if __name__ == "__main__":
    sys.exit(main())
