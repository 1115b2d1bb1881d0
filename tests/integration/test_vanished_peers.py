"""Peers whose link is cut: no end of stream ever comes, nothing is answered. The centre notices by
itself, gives back what they held, and serves the others all along."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import psycopg2
import pytest

from lab import NOBODY, TOP, Lab, Process, wait_for
from space import Space

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="network namespaces are root's")
EACH = 20  # clients of each kind
GONE_S = 100  # the longest patience of ours is 70 s, for a request to begin
ANSWER_S = 1.0
DATABASE_S = 45
SHED_BYTES = 16e6


@pytest.fixture
def space():
    made = Space()
    yield made
    made.close()


@pytest.fixture
def tls_lab(tmp_path, monkeypatch):
    # What was freed must not count as held: the sanitizer keeps 256 MB of it by default.
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=4")
    made = Lab(tmp_path, tls=True)
    made.listen = "0.0.0.0"
    yield made
    made.close()


def held(pid):
    """Descriptors and resident bytes of a process."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), pages * os.sysconf("SC_PAGE_SIZE")


def http_metrics(api):
    text = api.request("GET", "/metrics")[2].decode()
    return {name: float(value) for name, value in
            re.findall(r"(?m)^picket_http_(sockets|waiting|exchanges) (\S+)$", text)}


def largest_file():
    name = max((TOP / "web/dist/assets").glob("*.js"), key=lambda path: path.stat().st_size)
    return f"/assets/{name.name}"


def vanishing_clients(lab, space, api, number):
    """So many clients of each kind in the namespace, all connected; and how many that makes."""
    clients = subprocess.Popen(space.inside(
        sys.executable, TOP / "tests/integration/vanish.py", space.here, str(lab.http_port),
        api.cookie, largest_file(), str(number)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True)
    return clients, int(clients.stdout.readline())


@pytest.mark.slow
def test_clients_that_vanish_are_noticed_and_others_are_served_meanwhile(tls_lab, space):
    api = tls_lab.start_centre()
    pid = tls_lab.aggregator.pid
    first, _ = vanishing_clients(tls_lab, space, api, 1)  # what is made once stays made
    first.communicate()
    wait_for(lambda: http_metrics(api)["waiting"] <= 1, 20, "the first ones are gone")
    time.sleep(1)
    fds_before, bytes_before = held(pid)
    clients, count = vanishing_clients(tls_lab, space, api, EACH)
    try:
        assert http_metrics(api)["sockets"] == EACH
        assert held(pid)[0] >= fds_before + count
        space.cut()
        cut = time.monotonic()
        slowest = 0
        while (fds := held(pid)[0]) > fds_before + 1:  # one is for who asks
            begun = time.monotonic()
            assert begun - cut < GONE_S, f"{fds - fds_before} of {count} are still held"
            assert "instances" in api.get("/fleet")
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.5)
        print(f"gone after {time.monotonic() - cut:.0f} s, slowest answer {slowest:.2f} s, grown by "
              f"{(held(pid)[1] - bytes_before) / 1e6:.1f} MB")
        assert slowest < ANSWER_S
        assert held(pid)[1] - bytes_before < SHED_BYTES
        told = http_metrics(api)
        assert told["sockets"] == 0 and told["waiting"] <= 1 and told["exchanges"] <= 1, told
    finally:
        clients.kill()
        clients.communicate()


def established(pid, address):
    """Connections of a process to that IPv4 address."""
    done = subprocess.run(["ss", "-Htnp", "state", "established", "dst", address], text=True,
                          capture_output=True, check=True)
    return [line for line in done.stdout.splitlines() if f"pid={pid}," in line]


def move_database(lab, space):
    """PostgreSQL goes to the other side of the wire; the aggregator asks it there over TCP."""
    lab.aggregator.stop()
    lab.database.stop()
    with open(lab.dir / "postgres/pg_hba.conf", "a") as rules:
        rules.write(f"host all all {space.here}/32 trust\n")
    lab.database = Process(lab, "postgres", space.inside(
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        *lab.database.command, "-c", f"listen_addresses={space.there}"),
        stop=signal.SIGINT).start()
    wait_for(lab.database_answers, 20, "PostgreSQL is up again")
    config = lab.dir / "aggregator.conf"
    config.write_text(config.read_text().replace(
        lab.conninfo, f"host={space.there} dbname=picket user=picket"))
    lab.aggregator.start()


def test_a_database_that_vanishes_in_the_middle_of_a_query_is_given_up_and_found_again(lab, space):
    api = lab.start_centre()
    move_database(lab, space)
    wait_for(lambda: lab.ready(api), 20, "the aggregator is ready")
    pid = lab.aggregator.pid
    lock = psycopg2.connect(lab.conninfo)
    lock.cursor().execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
    asking = threading.Thread(target=api.request, args=("GET", "/api/v1/alerts"),
                              kwargs={"timeout": 90}, daemon=True)
    asking.start()
    wait_for(lambda: lab.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), 10,
             "a query waits for its answer")
    space.cut()
    cut = time.monotonic()
    wait_for(lambda: not established(pid, space.there), DATABASE_S, "its connections are given up",
             step=0.5)
    print(f"given up after {time.monotonic() - cut:.0f} s")
    begun = time.monotonic()
    assert "instances" in api.get("/fleet")
    assert time.monotonic() - begun < ANSWER_S
    lock.close()
    space.mend()
    wait_for(lambda: lab.ready(api), 40, "the database is found again")
    wait_for(lambda: api.request("GET", "/api/v1/alerts")[0] == 200, 20, "it answers again")
    asking.join()
