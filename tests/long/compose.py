#!/usr/bin/python3
"""tests/run long compose: the centre and two agents in containers, as docs/operations.md tells it. One
agent watches this machine's own traffic, one replays a capture. Then all goes down and up again, is
upgraded from an older version, and is restored from a backup after its volumes are gone: data,
identities and the sessions of browsers must live through each.

As root. Uses the engine that DOCKER_HOST names, else starts one of its own with its data in
build/long/docker. Images are built on a Debian 12 made by debootstrap; apt-get uses the network."""

import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from engine import Engine, Project
from steps import TOP, WORK, run, step, write_figures

from client import Api, Refused  # noqa: E402 (steps.py adds the path)
from lab import free_port, wait_for  # noqa: E402

OLDER = "0.0.9"
COMPOSE = TOP / "deploy/compose"


class Site:
    """The centre, its two agents, and a signed-in browser."""

    def __init__(self, base, folder):
        self.folder = folder
        self.https, self.nats = free_port(), free_port()
        self.centre = Project("picket-long", [COMPOSE / "centre.yml"], {
            "BASE": base, "PICKET_CENTRE": "picket.test 127.0.0.1",
            "PICKET_HTTPS_PORT": str(self.https), "PICKET_NATS_PORT": str(self.nats)})
        self.host = self.agent(base, "host-1", "any", [])
        self.replay = self.agent(base, "replay-1", "file:/captures/warehouse.pcap?loop&pace=1",
                                 [TOP / "tests/long/replay.yml"])
        self.api = None

    def agent(self, base, name, sources, files):
        return Project(f"picket-long-{name}", [COMPOSE / "agent.yml", *files], {
            "BASE": base, "PICKET_NAME": name, "PICKET_SITE": "pisa",
            "PICKET_NATS_URLS": f"tls://127.0.0.1:{self.nats}", "PICKET_CAPTURE_SOURCES": sources,
            "PICKET_CAPTURES": str(TOP / "deploy/captures"),
            "TOKEN_FILE": str(self.folder / f"{name}.token")})

    def projects(self):
        return self.centre, self.host, self.replay

    def names(self):
        return "host-1", "replay-1"

    def picketctl(self, *words):
        return self.centre.exec("aggregator", "picketctl", *words).stdout

    def sql(self, text):
        return self.centre.exec("postgres", "psql", "-qAt", "-h", "/run/postgresql", "-U",
                                "postgres", "-d", "picket", "-c", text).stdout.strip()

    def ready(self):
        try:
            return self.api.request("GET", "/readyz", timeout=3)[0] == 200
        except OSError:
            return False

    def all_up(self):
        try:
            states = {row["name"]: row["state"] for row in self.api.get("/fleet")["instances"]}
        except (OSError, Refused):
            return False
        return all(states.get(name) == "up" for name in self.names())

    def up(self, seconds=180):
        for project in self.projects():
            project.run("up", "-d")
        self.await_up(seconds)

    def await_up(self, seconds=180):
        wait_for(self.all_up, seconds, "both agents are up", step=0.5)

    def down(self, *words):
        for project in reversed(self.projects()):
            project.run("down", *words, check=False)


def build_packages(*words):
    run(TOP / "deploy/deb/build", "--no-install", *words)


def first_start(site, figures):
    """The commands that docs/operations.md gives for a new centre."""
    with step(f"packages, as version {OLDER}"):
        build_packages("--version", OLDER)
    began = time.monotonic()
    with step("centre: images"):
        site.centre.run("build")
    figures.append(("images of the centre built", f"{time.monotonic() - began:.0f} s"))
    began = time.monotonic()
    with step("centre: up"):
        site.centre.run("up", "-d")
        wait_for(lambda: site.centre.health("aggregator") == "healthy", 120, "healthy", step=0.5)
    figures.append(("centre: `up` to healthy, keys and database made",
                    f"{time.monotonic() - began:.1f} s"))
    said = site.picketctl("user", "add", "admin", "--role", "admin", "--generate")
    password = re.search(r"password (\S+)", said)[1]
    ca = site.folder / "ca.pem"
    ca.write_text(site.centre.exec("aggregator", "cat", "/var/lib/picket/centre/ca.pem").stdout)
    site.api = Api(f"https://127.0.0.1:{site.https}", str(ca))
    site.api.login("admin", password)
    return password


def start_agents(site, figures):
    for name, project in (("host-1", site.host), ("replay-1", site.replay)):
        (site.folder / f"{name}.token").write_text(
            site.picketctl("agent", "add", name, "--site", "pisa"))
        with step(f"agent {name}: image"):
            project.run("build")
    began = time.monotonic()
    with step("both agents: up"):
        site.up()
    figures.append(("two agents: `up` to Up in the fleet", f"{time.monotonic() - began:.1f} s"))


def prove_walls(site):
    """What the files promise, as the engine and the kernel see it."""
    with step("rights of the containers"):
        for project, service in ((site.centre, "nats"), (site.centre, "postgres"),
                                 (site.centre, "aggregator"), (site.host, "agent")):
            config = json.loads(run("docker", "inspect", project.container(service)).stdout)[0]
            host = config["HostConfig"]
            assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], (service, host)
            assert not host["Privileged"] and config["Config"]["User"] not in ("", "root", "0")
            allowed = {"NET_RAW", "NET_ADMIN"} if service == "agent" else set()
            added = {cap.removeprefix("CAP_") for cap in host["CapAdd"] or []}
            assert added == allowed, (service, added)
            wait_for(lambda: project.health(service) == "healthy", 60, f"{service} is healthy",
                     step=1)
        status = site.host.exec("agent", "cat", "/proc/1/status").stdout
        assert int(re.search(r"CapEff:\s+(\w+)", status)[1], 16) == 1 << 13, status  # NET_RAW
        said = site.host.logs("agent")
        assert "engine runs" in said and "no capabilities" in said and "seccomp" in said, said


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"traffic of this machine\n")

    def log_message(self, *_):
        pass


def prove_capture(site):
    """A page fetched on this machine is in the live flows of the agent that watches it."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def seen():
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
        answer = site.api.get(f"/instances/host-1/query?op=flows&server=127.0.0.1&port={port}&limit=5")
        return any(row["protocol"] == "HTTP" for row in answer.get("rows", []))

    with step("this machine's own traffic, live"):
        wait_for(seen, 60, "an HTTP flow at host-1", step=0.5)
    server.shutdown()
    with step("flows of both agents in the database"):
        wait_for(lambda: site.sql("SELECT count(DISTINCT instance_id) FROM flow") == "2", 120,
                 "flows of both", step=1)


def prove_page(site):
    with step("the page over TLS"):
        status, headers, page = site.api.request("GET", "/")
        assert status == 200 and b'<div id="app"' in page, page[:200]
        assert "Content-Security-Policy" in headers, headers
        script = re.search(rb'src="(/assets/[^"]+\.js)"', page)[1].decode()
        assert site.api.request("GET", script)[0] == 200
        try:
            urllib.request.urlopen(f"https://127.0.0.1:{site.https}/", timeout=5)
        except urllib.error.URLError as error:
            assert "CERTIFICATE_VERIFY_FAILED" in str(error), error
        else:
            raise AssertionError("the page is served under an authority that everyone trusts")


def memory(site, figures):
    for project, service in ((site.centre, "nats"), (site.centre, "postgres"),
                             (site.centre, "aggregator"), (site.host, "agent")):
        figures.append((f"memory of {service}", project.memory(service)))
    for image in ("picket-nats", "picket-postgres", "picket-aggregator", "picket-agent"):
        size = int(run("docker", "image", "inspect", "-f", "{{.Size}}", image).stdout)
        figures.append((f"image {image}", f"{size / 2**20:.0f} MiB"))


class Kept:
    """What must be the same before and after."""

    def __init__(self, site):
        self.flows = int(site.sql("SELECT count(*) FROM flow"))
        self.identities = {name: project.exec("agent", "sha256sum",
                                              "/var/lib/picket/agent/identity/agent.nk",
                                              "/var/lib/picket/agent/identity/agent.jwt").stdout
                           for name, project in (("host-1", site.host), ("replay-1", site.replay))}
        self.keys = site.centre.exec("aggregator", "sha256sum",
                                     "/var/lib/picket/centre/operator.nk").stdout

    def check(self, site):
        now = Kept(site)
        assert now.identities == self.identities and now.keys == self.keys
        assert now.flows >= self.flows > 0, (self.flows, now.flows)
        site.api.get("/fleet")  # by the session of before


def down_and_up(site, figures):
    kept = Kept(site)
    for name in site.names():
        (site.folder / f"{name}.token").write_text("used up\n")  # the identity must do
    with step("everything down and up"):
        site.down()
        began = time.monotonic()
        site.up()
        figures.append(("down, then `up` of all to Up", f"{time.monotonic() - began:.1f} s"))
    kept.check(site)


def centre_away(site, figures):
    """While the centre is down the agents go on; afterwards nothing of that time is missing."""
    with step("the centre away for 30 s"):
        gone = site.sql("SELECT now()")
        site.centre.run("down")
        time.sleep(30)  # time is what is tested: flows have to come to be meanwhile
        site.centre.run("up", "-d")
        back = site.sql("SELECT now()")
        site.await_up()

        def told():
            return int(site.sql("SELECT count(*) FROM flow f JOIN instance i ON i.id = instance_id"
                                f" WHERE i.name = 'replay-1' AND last_at > '{gone}'"
                                f" AND last_at < '{back}'")) > 0
        wait_for(told, 60, "flows of the time without a centre", step=1)
    figures.append(("centre away", "30 s, its flows stored afterwards"))


def upgrade(site, figures):
    kept = Kept(site)
    with step("packages and images of the present version"):
        build_packages()
        for project in site.projects():
            project.run("build")
    with step("upgrade"):
        began = time.monotonic()
        site.centre.run("up", "-d")
        wait_for(site.ready, 120, "the new centre is ready", step=0.2)
        figures.append(("upgrade of the centre: `up` to ready", f"{time.monotonic() - began:.1f} s"))
        site.up()
    version = site.centre.exec("aggregator", "dpkg-query", "-W", "-f", "${Version}",
                               "picket-aggregator").stdout
    assert version != OLDER, version
    kept.check(site)


def restore(site, figures):
    """Backup, loss of every volume of the centre, restore; as in docs/operations.md."""
    kept = Kept(site)
    dump, keys = site.folder / "picket.dump", site.folder / "keys.tar"
    with step("backup"):
        with open(dump, "wb") as out:
            subprocess.run([*site.centre.words, "exec", "-T", "postgres", "pg_dump", "-Fc", "-h",
                            "/run/postgresql", "-U", "postgres", "picket"], env=site.centre.env,
                           stdout=out, check=True)
        with open(keys, "wb") as out:
            subprocess.run([*site.centre.words, "run", "--rm", "-T", "init", "tar", "-C",
                            "/var/lib/picket", "-cf", "-", "centre", "nats"], env=site.centre.env,
                           stdout=out, stderr=subprocess.DEVNULL, check=True)
    figures.append(("backup", f"{dump.stat().st_size / 1024:.0f} KiB of database, "
                              f"{keys.stat().st_size / 1024:.0f} KiB of keys"))
    with step("all volumes of the centre lost, restore"):
        site.centre.run("down", "-v")
        began = time.monotonic()
        with open(keys, "rb") as given:
            subprocess.run([*site.centre.words, "run", "--rm", "-T", "init", "tar", "-C",
                            "/var/lib/picket", "-xf", "-"], env=site.centre.env, stdin=given,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        site.centre.run("up", "-d", "postgres")
        wait_for(lambda: site.centre.health("postgres") == "healthy", 120, "PostgreSQL", step=0.5)
        with open(dump, "rb") as given:
            subprocess.run([*site.centre.words, "exec", "-T", "postgres", "pg_restore", "-h",
                            "/run/postgresql", "-U", "postgres", "-d", "picket"],
                           env=site.centre.env, stdin=given, check=True)
        site.centre.run("up", "-d")
        site.await_up()
        figures.append(("restore to both agents Up", f"{time.monotonic() - began:.1f} s"))
    kept.check(site)


def main():
    if os.getuid() != 0:
        raise SystemExit("tests/run long compose wants root: it starts a Docker engine")
    figures, engine, site = [], Engine(), None
    WORK.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="picket-compose-"))
    began = time.monotonic()
    try:
        with step("a Docker engine and a plain Debian 12"):
            engine.start()
            base = engine.base_image()
        site = Site(base, folder)
        site.down("-v")
        first_start(site, figures)
        start_agents(site, figures)
        prove_page(site)
        prove_walls(site)
        prove_capture(site)
        memory(site, figures)
        down_and_up(site, figures)
        centre_away(site, figures)
        upgrade(site, figures)
        restore(site, figures)
    except BaseException:
        for project, service in (() if site is None else
                                 ((site.centre, "aggregator"), (site.centre, "postgres"),
                                  (site.host, "agent"), (site.replay, "agent"))):
            print(f"--- {project.name} {service}\n{project.logs(service)[-1500:]}")
        raise
    finally:
        if site:
            site.down("-v")
        engine.stop()
        shutil.rmtree(folder)
    figures.append(("whole test", f"{time.monotonic() - began:.0f} s"))
    write_figures("long compose", figures)
    print(json.dumps(dict(figures), indent=1))
    print("long compose: all well")


sys.exit(main())
