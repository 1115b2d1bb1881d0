#!/usr/bin/python3
"""tests/run long deb: the Debian packages in a plain Debian 12. Installs an older version with its
dependencies, sets up a centre with picket-setup, starts everything by the ExecStart lines of the
units, watches real packets, upgrades with data in place, and purges without leaving a trace.

As root. The services run in a network namespace of their own; apt-get uses the network."""

import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import time

from steps import TOP, WORK, debian_tar, run, step, write_figures
from unit import CAP_NUMBERS, Unit, leave_network

from client import Api, Refused  # noqa: E402 (steps.py adds the path)
from lab import wait_for  # noqa: E402

OLDER = "0.0.9"
# The oldest state whose database, spool and settings every later one takes over.
OLDER_COMMIT = "e42654db26c4"
HOST = "picket.test"
QUEUES = ("notify_outbox", "notify_item", "session")  # tables whose rows go when they are done


class Root:
    """A Debian in a folder."""

    def __init__(self, path):
        self.path = path
        self.mounts = []

    def make(self):
        self.clear()
        self.path.mkdir(parents=True)
        run("tar", "-C", self.path, "-xpf", debian_tar())
        self.mount("proc", "proc")
        self.mount("tmpfs", "dev/shm")
        self.mount("tmpfs", "run")
        (self.path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (self.path / "usr/sbin/policy-rc.d").chmod(0o755)
        (self.path / "etc/hosts").write_text(f"127.0.0.1 localhost {HOST}\n::1 localhost\n")
        (self.path / "etc/resolv.conf").write_text(pathlib.Path("/etc/resolv.conf").read_text())

    def mount(self, kind, where):
        (self.path / where).mkdir(parents=True, exist_ok=True)
        run("mount", "-t", kind, kind, self.path / where)
        self.mounts.append(self.path / where)

    def clear(self):
        for line in reversed(open("/proc/mounts").readlines()):
            if line.split()[1].startswith(f"{self.path}/"):
                run("umount", "-l", line.split()[1])
        run("rm", "-rf", "--one-file-system", self.path)

    def run(self, *words, **more):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
               "LC_ALL": "C.UTF-8"}
        return run("chroot", self.path, *words, env=env, **more)

    def picketctl(self, *words, **more):
        return self.run("runuser", "-u", "picket", "--", "picketctl", *words, cwd="/", **more)

    def take(self, packages):
        """Copies the packages in; returns their paths inside."""
        (self.path / "srv").mkdir(exist_ok=True)
        run("cp", *packages, self.path / "srv")
        return [f"/srv/{package.name}" for package in packages]

    def traces(self):
        """Everything of Picket's that is left."""
        found = run("find", self.path, "-xdev", "-iname", "*picket*").stdout.split()
        kept = ("/srv/", "/var/log/picket", "/var/lib/apt/", "/var/cache/")
        return [name for name in found
                if not name.removeprefix(str(self.path)).startswith(kept)]


def older_tree():
    """A folder with the sources of a release (the oldest tag v*), else of OLDER_COMMIT, and its
    name; None where the clone has no such history."""
    tags = run("git", "-C", TOP, "tag", "--list", "v*", "--sort", "creatordate").stdout.split()
    commit = [*tags, OLDER_COMMIT][0]
    if run("git", "-C", TOP, "rev-parse", "-q", "--verify", f"{commit}^{{commit}}",
           check=False).returncode != 0:
        return None, None
    tree, archive = WORK / "older", WORK / "older.tar"
    run("rm", "-rf", tree)
    (tree / "build").mkdir(parents=True)  # which older builds of the packages did not make
    run("git", "-C", TOP, "archive", "--output", archive, commit)
    run("tar", "-C", tree, "-xf", archive)
    archive.unlink()
    return tree, commit


def build(times):
    with step("build the packages", times):
        run(TOP / "deploy/deb/build", "--no-install", "--out", WORK / "new")
    tree, commit = older_tree()
    name = f"{OLDER} of commit {commit}" if tree else f"{OLDER} of this very code: no history here"
    with step(f"build {name}", times):
        run((tree or TOP) / "deploy/deb/build", "--no-install", "--out", WORK / "old", "--version",
            OLDER)
    return sorted((WORK / "old").glob("*.deb")), sorted((WORK / "new").glob("*.deb")), tree


def install(root, packages, times):
    with step("a plain Debian 12", times):
        root.make()
    with step(f"apt-get install {OLDER} with what it needs", times):
        root.run("apt-get", "-qq", "update")
        root.run("apt-get", "-qq", "-y", "install", *root.take(packages))
    version = root.run("dpkg-query", "-W", "-f", "${Version}", "picket-agent").stdout
    assert version == OLDER, version
    modes = root.run("stat", "-c", "%a %U %n", "/var/lib/picket/agent", "/var/lib/picket/centre",
                     "/var/lib/picket/nats").stdout.split("\n")
    assert modes[:3] == ["700 picket-agent /var/lib/picket/agent", "700 picket /var/lib/picket/centre",
                         "700 picket-nats /var/lib/picket/nats"], modes
    units = root.run("find", "/etc/systemd", "-name", "picket*").stdout
    assert units == "", f"enabled before it was configured: {units}"
    man = root.run("ls", "/usr/share/man/man8").stdout
    assert all(page in man for page in ("picket-agent.8.gz", "picketctl.8.gz")), man


def configure_agent(root, token):
    """As a person does: the token into its file, name and site into the settings."""
    (root.path / "etc/picket/token").write_text(token)
    root.run("chown", "root:picket-agent", "/etc/picket/token")
    root.run("chmod", "0640", "/etc/picket/token")
    conf = root.path / "etc/picket/agent.conf"
    text = conf.read_text().replace("name =\n", "name = pisa-1\n").replace("site =\n", "site = pisa\n")
    text = text.replace("tls://picket.example.org:4222", f"tls://{HOST}:4222")
    conf.write_text(text.replace("sources = any", "sources = lo"))


class Centre:
    """What runs in the root: the units and a signed-in client."""

    def __init__(self, root):
        self.root = root
        self.units = {name: Unit(root.path, f"picket-{name}")
                      for name in ("nats", "aggregator", "agent")}
        # By address: the name is known inside the root alone. The certificate is for both.
        self.api = Api("https://127.0.0.1:8443", str(root.path / "var/lib/picket/centre/ca.pem"))

    def start(self):
        return {name: unit.start() for name, unit in self.units.items()}

    def stop(self):
        for unit in reversed(self.units.values()):
            unit.stop()

    def state(self):
        try:
            return (self.api.instance("pisa-1") or {}).get("state")
        except (OSError, Refused):
            return None

    def await_up(self):
        wait_for(lambda: self.state() == "up", 60, "the agent is up", step=0.5)

    def sql(self, text):
        """Rows of text columns."""
        done = self.root.run("runuser", "-u", "picket", "--", "psql", "-qAtd", "picket", "-c", text,
                             cwd="/")
        return [line.split("|") for line in done.stdout.splitlines()]

    def flows(self, where="true"):
        return int(self.sql(f"SELECT count(*) FROM flow WHERE {where}")[0][0])

    def migration(self):
        return int(self.sql("SELECT max(version) FROM schema_migration")[0][0])

    def rows(self):
        """How many rows each table has, partitions under their parent."""
        names = [name for name, in self.sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition")]
        return {name: int(self.sql(f"SELECT count(*) FROM {name}")[0][0]) for name in names}


def set_up(root, times):
    version = next((root.path / "etc/postgresql").iterdir()).name
    with step("PostgreSQL, picket-setup, a token", times):
        root.run("pg_ctlcluster", version, "main", "start")
        said = root.run("picket-setup", "--name", HOST).stdout
        password = re.search(r"admin may sign in with the password (\S+)", said)[1]
        again = root.run("picket-setup", "--name", HOST).stdout
        assert "password" not in again, "picket-setup made a second login"
        configure_agent(root, root.picketctl("agent", "add", "pisa-1", "--site", "pisa").stdout)
        for program, conf in (("picket-agent", "agent"), ("picket-aggregator", "aggregator")):
            root.run(program, "--config", f"/etc/picket/{conf}.conf", "--check-config")
    return password


def prove_rights(centre):
    """The units' rights are the programs'."""
    raw = 1 << CAP_NUMBERS["CAP_NET_RAW"]
    agent, aggregator = (centre.units[name].capabilities() for name in ("agent", "aggregator"))
    assert agent["CapEff"] == raw and agent["CapBnd"] == raw, agent
    assert aggregator["CapEff"] == 0 and aggregator["CapBnd"] == 0, aggregator
    walls = centre.units["agent"].text()
    assert "no capabilities" in walls and "seccomp" in walls, walls[-2000:]


def prove_work(centre, password, times):
    with step("signed in over TLS, the agent Up", times):
        wait_for(lambda: signed_in(centre.api, password), 30, "the console answers", step=0.5)
        centre.await_up()
    with step("its own packets in the database", times):
        def stored():
            centre.api.request("GET", "/")
            return centre.flows() > 0
        wait_for(stored, 90, "flows are stored", step=1)
    status, headers, page = centre.api.request("GET", "/")
    assert status == 200 and b"<div id=\"app\"" in page, page[:200]
    prove_rights(centre)


def signed_in(api, password):
    try:
        return api.login("admin", password)
    except (OSError, Refused):
        return None


def prove_watchdog(centre, figures):
    """A control process that stands still is replaced, and systemd is told of life meanwhile."""
    agent = centre.units["agent"]
    with step("signs of life to systemd"):
        assert agent.next_word(40) == "WATCHDOG=1"
        assert centre.units["aggregator"].next_word(40) == "WATCHDOG=1"
    control = next(int(pid) for pid in
                   open(f"/proc/{agent.child.pid}/task/{agent.child.pid}/children").read().split()
                   if open(f"/proc/{pid}/comm").read().strip() == "picket-control")
    with step("a control process that stands still is replaced"):
        os.kill(control, signal.SIGSTOP)
        began = time.monotonic()
        wait_for(lambda: "control stands still" in agent.text(), 60, "the parent notices", step=0.5)
        figures.append(("control stopped by SIGSTOP: killed after",
                        f"{time.monotonic() - began:.0f} s"))
        centre.await_up()


RULE = {"scope": "fleet", "name": "No telnet",
        "body": {"action": "deny", "transport": "tcp", "server_ports": ["23"]}}
SCHEDULE = {"name": "Daily", "scope": "fleet", "rhythm": "daily", "hour": 6, "time_zone": "Europe/Rome",
            "keep": 3}
RECIPIENT = {"name": "Desk", "type": "webhook", "address": "https://hooks.example.net/picket",
             "min_severity": "critical"}


def leave_work(centre):
    """What people of the older version leave behind: a rule in force, a schedule, a recipient, a
    report, and whatever the agent found out meanwhile."""
    api = centre.api
    api.post("/config/acl", RULE)
    api.post("/report-schedules", SCHEDULE)
    api.post("/recipients", RECIPIENT)
    report = api.post("/reports", {"scope": "fleet", "period": "hour", "time_zone": "UTC"})["id"]
    wait_for(lambda: api.get(f"/reports/{report}")["state"] == "done", 60, "a report", step=0.5)
    wait_for(lambda: api.get("/config/acl")["items"][0]["name"] == RULE["name"], 10, "the rule")
    wait_for(lambda: all(centre.rows()[table] > 0 for table in
                         ("flow", "counter_total", "counter_host_top", "config_state",
                          "instance_state_change", "audit")), 60, "rows of many kinds", step=1)


def leave_spool(centre):
    """Records of the older agent that the newer ones will have to understand: it goes on while the
    older centre is gone already. Returns the time from which on they are, of PostgreSQL."""
    began = centre.sql("SELECT now()")[0][0]
    centre.units["aggregator"].stop()
    for _ in range(20):
        with contextlib.suppress(OSError):
            centre.api.request("GET", "/healthz", timeout=1)  # refused, and seen by the agent
        time.sleep(0.3)
    centre.units["agent"].stop()
    return began, centre.sql("SELECT now()")[0][0]


def upgrade(root, centre, packages, figures):
    """The older version's data, settings, sessions and spool serve the newer one."""
    identity = root.path / "var/lib/picket/agent/identity"
    before = {name: (identity / name).read_bytes() for name in ("agent.nk", "agent.jwt", "ca.pem")}
    keys = (root.path / "var/lib/picket/centre/operator.nk").read_bytes()
    settings = (root.path / "etc/picket/agent.conf").read_text()
    (root.path / "etc/picket/token").unlink()  # used up: the identity must do
    with step("work of people, and a spool that waits"):
        leave_work(centre)
        began_at, ended_at = leave_spool(centre)
    rows, migration = centre.rows(), centre.migration()
    with step("upgrade with data in place"):
        began = time.monotonic()
        centre.stop()
        root.run("dpkg", "--force-confold", "-i", *root.take(packages))
        centre.start()
        wait_for(lambda: centre.api.request("GET", "/readyz")[0] == 200, 30, "ready", step=0.1)
        figures.append(("upgrade: stop, dpkg, start, ready", f"{time.monotonic() - began:.1f} s"))
        centre.await_up()
    version = root.run("dpkg-query", "-W", "-f", "${Version}", "picket-agent").stdout
    assert version != OLDER, version
    assert {name: (identity / name).read_bytes() for name in before} == before
    assert (root.path / "var/lib/picket/centre/operator.nk").read_bytes() == keys
    assert (root.path / "etc/picket/agent.conf").read_text() == settings
    prove_data(centre, rows)
    with step("the older agent's spool is stored"):
        wait_for(lambda: centre.flows(f"first_at BETWEEN '{began_at}' AND '{ended_at}'") > 0, 30,
                 "its flows of meanwhile", step=0.5)
    figures.append(("migrations in the older database, in the newer",
                    f"{migration}, {centre.migration()}"))
    figures.append(("rows in place at the upgrade", str(sum(rows.values()))))


def prove_data(centre, rows):
    """No table has lost a row, and what people made is still what they made."""
    now = centre.rows()
    lost = {name: (count, now.get(name)) for name, count in rows.items()
            if now.get(name, -1) < count and name not in QUEUES}
    assert not lost, f"rows before and after: {lost}"
    api = centre.api
    api.get("/fleet")  # by the session of before
    assert [row["name"] for row in api.get("/config/acl")["items"]] == [RULE["name"]]
    assert [row["name"] for row in api.get("/report-schedules")["items"]] == [SCHEDULE["name"]]
    assert [row["name"] for row in api.get("/recipients")["items"]] == [RECIPIENT["name"]]
    report = api.get("/reports")["items"][-1]
    status, _, page = api.request("GET", f"/api/v1/reports/{report['id']}/html")
    assert status == 200 and b"<svg" in page, page[:200]
    assert api.get("/instances/pisa-1/counters?series=total")["series"]


def purge(root):
    with step("remove keeps the data, purge leaves no trace"):
        root.run("apt-get", "-qq", "-y", "remove", "picket-agent", "picket-aggregator")
        assert (root.path / "var/lib/picket/agent/identity/agent.nk").exists()
        assert (root.path / "etc/picket/agent.conf").exists()
        root.run("apt-get", "-qq", "-y", "purge", "picket-agent", "picket-aggregator")
        left = root.traces()
        assert left == [], left
        users = (root.path / "etc/passwd").read_text()
        assert "picket" not in users, users


def main():
    if os.getuid() != 0:
        raise SystemExit("tests/run long deb wants root: it makes a Debian in a folder")
    times, figures = {}, []
    root = Root(WORK / "root")
    began = time.monotonic()
    older, newer, tree = build(times)
    centre = None
    try:
        install(root, older, times)
        leave_network()
        password = set_up(root, times)
        centre = Centre(root)
        with step("the units' ExecStart lines", times):
            starts = centre.start()
        prove_work(centre, password, times)
        prove_watchdog(centre, figures)
        upgrade(root, centre, newer, figures)
        centre.stop()
        purge(root)
    finally:
        if centre:
            centre.stop()
        root.run("sh", "-c", "pg_ctlcluster 15 main stop -m immediate || true", check=False)
        root.clear()
    if tree:
        run("rm", "-rf", tree)
    for name, seconds in starts.items():
        if name != "nats":
            figures.append((f"picket-{name}: from ExecStart to READY=1", f"{seconds:.2f} s"))
    figures += [(f"{package.name}", f"{package.stat().st_size / 1024:.0f} KiB") for package in newer]
    figures += [(what, f"{seconds:.1f} s") for what, seconds in times.items()]
    figures.append(("whole test", f"{time.monotonic() - began:.0f} s"))
    write_figures("long deb", figures)
    print(json.dumps(dict(figures), indent=1))
    print("long deb: all well")


if __name__ == "__main__":
    sys.exit(main())
