"""A whole Picket on this machine for one test: private PostgreSQL and nats-server, a centre, and
agents, all real, all in one temporary folder, all gone at the end."""

import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg2

from client import Api

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PICKET_BUILD", TOP / "build/asan"))
AGENT = BUILD / "agent/picket-agent"
AGGREGATOR = BUILD / "aggregator/picket-aggregator"
PICKETCTL = BUILD / "aggregator/picketctl"
NOBODY = 65534
# The aggregator does not wait for a thread that hangs in a dead database; what OpenSSL keeps for
# such a thread then looks lost at the end.
LSAN = f"suppressions={TOP}/tests/presets/lsan.supp:print_suppressions=0"


def postgres_bin():
    return sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(check, timeout, what, step=0.05):
    """The first true answer of check(); fails the test with `what` when there is none in time."""
    until = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(step)


class Process:
    """One program of the lab, restartable with the same command; its output goes to a log."""

    def __init__(self, lab, name, command, stop=signal.SIGTERM, user=None, env=None):
        self.lab, self.name, self.command, self.stop_signal = lab, name, command, stop
        self.user, self.env, self.child = user, env, None
        self.log = lab.dir / f"{name}.log"
        lab.processes.append(self)

    def start(self):
        options = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(word) for word in self.command], stdout=log,
                                          stderr=log, stdin=subprocess.DEVNULL, cwd=self.lab.dir,
                                          env={**os.environ, "LSAN_OPTIONS": LSAN,
                                               **(self.env or {})}, **options)
        return self

    @property
    def pid(self):
        return self.child.pid

    def kill(self, number=signal.SIGKILL):
        self.child.send_signal(number)
        if number == signal.SIGKILL:
            self.child.wait(10)

    def stop(self, timeout=15):
        """Stops it in its own way; returns its exit status. A hang is a failure."""
        if self.child is None or self.child.poll() is not None:
            return self.child and self.child.returncode
        self.child.send_signal(self.stop_signal)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(5)
            raise AssertionError(f"{self.name} did not stop within {timeout} s") from None

    def children(self):
        """Process ids of its direct children, by the name of their first thread."""
        found = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").glob("*/children"):
            for pid in task.read_text().split():
                found[pathlib.Path(f"/proc/{pid}/comm").read_text().strip()] = int(pid)
        return found

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Lab:
    def __init__(self, folder, tls=False):
        self.dir, self.tls = pathlib.Path(folder), tls
        self.dir.chmod(0o755)
        for above in self.dir.parents:  # pytest's own are closed to the user of PostgreSQL
            if above.is_relative_to(tempfile.gettempdir()) and above.stat().st_uid == os.getuid():
                above.chmod(above.stat().st_mode | 0o011)
        self.database = self.nats = self.aggregator = None
        self.agents, self.ledgers, self.processes = {}, {}, []
        self.nats_port, self.http_port = free_port(), free_port()
        self.listen = "127.0.0.1"  # 0.0.0.0: for clients of other networks too
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.http_port}"
        self.nats_url = f"{'tls' if tls else 'nats'}://127.0.0.1:{self.nats_port}"
        self.ca = self.dir / "centre/ca.pem" if tls else None
        self.settings = {"PICKET_NATS_CA": str(self.ca)} if tls else {}
        self.conninfo = f"host={self.dir}/postgres dbname=picket user=picket"
        self.database_url = self.conninfo  # the aggregator's: another way there, if a test has one

    # --- the centre -----------------------------------------------------------------------

    def start_postgres(self):
        data = self.dir / "postgres"
        data.mkdir()
        os.chown(data, NOBODY, NOBODY)
        run = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/", "check": True,
               "stdout": subprocess.DEVNULL}
        subprocess.run([postgres_bin() / "initdb", "-D", data, "-U", "picket", "-A", "trust",
                        "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], **run)
        self.database = Process(self, "postgres", [
            postgres_bin() / "postgres", "-D", data, "-k", data, "-c", "listen_addresses=",
            "-c", "shared_buffers=64MB"], stop=signal.SIGINT, user=NOBODY).start()
        wait_for(self.database_answers, 20, "PostgreSQL is up")
        link = psycopg2.connect(f"host={data} dbname=postgres user=picket")
        link.autocommit = True
        link.cursor().execute("CREATE DATABASE picket")
        link.close()

    def database_answers(self):
        try:
            psycopg2.connect(f"host={self.dir}/postgres dbname=postgres user=picket").close()
            return True
        except psycopg2.OperationalError:
            return False

    def start_nats(self):
        include = sorted((self.dir / "centre/nats").glob("*.conf"))[0]
        config = self.dir / "centre/nats/lab.cfg"
        config.write_text(f"""
host: 127.0.0.1
port: {self.nats_port}
ping_interval: "3s"
ping_max: 2
max_payload: 262144
include {include.name}
{self.nats_tls()}
""")
        self.nats = Process(self, "nats", ["/usr/sbin/nats-server", "-c", config]).start()
        wait_for(self.nats_answers, 10, "nats-server is up")

    def nats_tls(self):
        pair = self.dir / "centre/server"
        return f'tls {{ cert_file: "{pair}.pem", key_file: "{pair}.key" }}' if self.tls else ""

    def http_tls(self):
        pair = self.dir / "centre/server"
        return f"cert = {pair}.pem\nkey = {pair}.key" if self.tls else ""

    def nats_answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.nats_port)) == 0

    def picketctl(self, *words, check=True):
        done = subprocess.run([PICKETCTL, "--dir", self.dir / "centre", "--database",
                               self.conninfo, *words], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.settings})
        if check and done.returncode != 0:
            raise AssertionError(f"picketctl {' '.join(map(str, words))}: {done.stderr}")
        return done

    def start_centre(self, extra=""):
        """init, database, broker, aggregator, one admin; returns a logged-in client."""
        subprocess.run([PICKETCTL, "init", "--dir", self.dir / "centre"], check=True,
                       capture_output=True, timeout=60)
        self.start_postgres()
        self.start_nats()
        password = secrets.token_urlsafe(16)
        secret = self.dir / "admin.password"
        secret.write_text(password + "\n")
        secret.chmod(0o600)
        self.picketctl("user", "add", "admin", "--role", "admin", "--password-file", secret)
        config = self.dir / "aggregator.conf"
        config.write_text(f"""
dir = {self.dir}/centre
[database]
url = {self.database_url}
[nats]
urls = {self.nats_url}
[http]
listen = {self.listen}:{self.http_port}
web = {TOP}/web/dist
{self.http_tls()}
{extra}
""")
        self.aggregator = Process(self, "aggregator", [AGGREGATOR, "--config", config],
                                  env=self.settings).start()
        self.password_file, api = secret, Api(self.url, self.ca)
        wait_for(lambda: self.ready(api), 20, f"the aggregator answers:\n{self.aggregator.text()}")
        api.login("admin", password)
        return api

    @staticmethod
    def ready(api):
        try:
            return api.request("GET", "/readyz", timeout=2)[0] == 200
        except OSError:
            return False

    # --- agents ---------------------------------------------------------------------------

    def token(self, name, site):
        out = self.dir / f"{name}.token"
        out.unlink(missing_ok=True)
        self.picketctl("agent", "add", name, "--site", site, "--out", out)
        return out

    def agent(self, name, sources, site="pisa", token=None, extra="", capture="", ledger=True,
              cap="256MiB"):
        """Starts an agent, with a ledger of its records; its token is made unless a file is given."""
        token = token or self.token(name, site)
        config = self.dir / f"{name}.conf"
        config.write_text(f"""
name = {name}
site = {site}
token_file = {token}
[nats]
urls = {self.nats_url}
[capture]
sources = {sources}
{capture}
[spool]
dir = {self.dir}/{name}.spool
cap = {cap}
{extra}
""")
        self.ledgers[name] = self.dir / f"{name}.ledger"
        kept = ["--ledger", self.ledgers[name]] if ledger else []
        self.agents[name] = Process(self, name, [AGENT, "--config", config, *kept]).start()
        return self.agents[name]

    # --- looking --------------------------------------------------------------------------

    def sql(self, text, *values):
        with psycopg2.connect(self.conninfo) as link:
            cursor = link.cursor()
            cursor.execute(text, values)
            return cursor.fetchall()

    def state_changes(self, name):
        return self.sql("SELECT c.to_state, c.cause FROM instance_state_change c JOIN instance i"
                        " ON i.id = c.instance_id WHERE i.name = %s ORDER BY c.at, c.id", name)

    def close(self):
        """Stops everything; raises when something of ours crashed or left a sanitizer report."""
        faults = []
        for process in reversed(self.processes):
            try:
                process.stop()
            except AssertionError as error:
                faults.append(str(error))
        for log in self.dir.glob("*.log"):
            reports = re.findall(r"(?m)^.*(?:ERROR: \w+Sanitizer|runtime error:).*$",
                                 log.read_text(errors="replace"))
            faults += [f"{log.name}: {line}" for line in reports]
        keep = os.environ.get("PICKET_KEEP")
        if keep:
            shutil.copytree(self.dir, pathlib.Path(keep) / self.dir.name, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("postgres"), symlinks=True)
        if faults:
            raise AssertionError("\n".join(faults))
