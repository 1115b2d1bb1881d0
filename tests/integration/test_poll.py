"""The poller against real devices: Debian's snmpd and snmpsim, and hosts that answer nothing."""

import json
import os
import queue
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from devices import Snmpd, Snmpsim, Switch
from lab import BUILD, free_port

DRIVER = BUILD / "tests/integration/poll_driver"


class Driver:
    """The poller in a process of its own; its records come as they are told."""

    def __init__(self, folder):
        self.log = open(folder / "driver.log", "ab")
        self.child = subprocess.Popen([DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.log, text=True)
        self.records = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.records.put({"t": time.monotonic(), **json.loads(line)})

    def plan(self, snmp=(), probe=()):
        self.child.stdin.write(json.dumps({"snmp": list(snmp), "probe": list(probe)}) + "\n")
        self.child.stdin.flush()

    def next(self, accept, timeout=25, what="a record"):
        """The next record that accept takes; others are dropped."""
        until = time.monotonic() + timeout
        while True:
            try:
                record = self.records.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {timeout} s: {what}") from None
            if accept(record):
                return record

    def status(self, device, timeout=25, state=None):
        return self.next(lambda r: r.get("kind") == "device" and r["device"] == device
                         and state in (None, r["state"]), timeout, f"the state of {device}")

    def interface(self, device, key, timeout=25, rates=True):
        return self.next(lambda r: r.get("kind") == "interface" and r["device"] == device
                         and r["key"] == key and (not rates or "in" in r), timeout,
                         f"{key} of {device}")

    def close(self):
        self.child.stdin.close()
        status = self.child.wait(10)
        self.log.close()
        return status


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path)
    yield made
    assert made.close() == 0, (tmp_path / "driver.log").read_text()


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory):
    made = Snmpd(tmp_path_factory.mktemp("snmpd")).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def sim():
    made = Snmpsim()
    for name in ("first", "core", "wrap64", "wrap32", "boot"):  # it looks for names only once
        made.write(name, Switch().rows())
    made.start()
    yield made
    made.stop()


def test_snmpd_answers_in_v1_v2c_and_v3_with_sha256_and_aes(driver, snmpd):
    driver.plan([{"id": "one", **snmpd.v2c(version="1")}, {"id": "two", **snmpd.v2c()},
                 {"id": "three", **snmpd.v3()}])
    states = {}
    while len(states) < 3:
        record = driver.next(lambda r: r.get("kind") == "device")
        states[record["device"]] = record
    for record in states.values():
        assert record["state"] == "up", record
        assert record["sys_name"] == os.uname().nodename and record["location"] == "rack 4"
        assert record["memory_total"] > record["memory_used"] > 0
        assert record["interfaces"] >= 1
    assert {record["version"] for record in states.values()} == {1, 2, 3}


@pytest.mark.parametrize("change, state, words", [
    ({"auth_key": "not-the-key"}, "wrong_digest", "authentication key"),
    ({"user": "stranger"}, "unknown_user", "does not know this user"),
    ({"privacy_key": "not-the-key"}, "decryption_error", "privacy key"),
    ({"auth": "sha512"}, "wrong_digest", "hash"),
])
def test_wrong_credentials_of_v3_are_told_as_such(driver, snmpd, change, state, words):
    driver.plan([{"id": "a", **snmpd.v3(timeout_ms=400, retries=1, **change)}])
    record = driver.status("a")
    assert record["state"] == state and words in record["error"]


def test_a_wrong_community_is_no_answer_and_a_closed_port_a_refusal(driver, snmpd):
    driver.plan([{"id": "a", **snmpd.v2c(community="secret", timeout_ms=300, retries=0)},
                 {"id": "b", **snmpd.v2c(port=free_port())}])
    assert driver.status("b")["state"] == "refused"
    assert driver.status("a")["state"] == "timeout"


def test_a_changed_key_counts_from_the_next_poll_on(driver, snmpd):
    driver.plan([{"id": "a", **snmpd.v3(auth_key="not-the-key")}])
    assert driver.status("a")["state"] == "wrong_digest"
    driver.plan([{"id": "a", **snmpd.v3()}])
    assert driver.status("a", 5)["state"] == "up"


def test_snmpsim_shows_a_cisco_switch_in_a_context_of_v3(driver, sim):
    sim.write("core", Switch("core-1").rows())
    driver.plan([{"id": "a", **sim.v3("core")}])
    neighbours = driver.next(lambda r: r.get("kind") == "neighbours")
    record = driver.status("a")
    assert record["state"] == "up" and record["sys_name"] == "core-1"
    assert record["cpu"] == 370
    assert (record["memory_used"], record["memory_total"]) == (600_000_000, 1_000_000_000)
    assert (record["model"], record["serial"]) == ("C9300-48P", "FOC1234X0AB")
    assert neighbours["items"] == [{
        "protocol": "lldp", "local": "Gi1/0/1", "chassis": "00:1b:21:3c:9d:f8", "port": "eth0",
        "port_descr": "uplink", "sys_name": "router-1", "sys_descr": "a router",
        "address": "192.0.2.254"}]


def move(sim, record, switch, octets):
    """Lets octets go in and half of them out of port 1 in ten seconds of the device's time."""
    switch.uptime_s += 10
    switch.counters[1]["in"] += octets
    switch.counters[1]["out"] += octets // 2
    sim.write(record, switch.rows())


@pytest.mark.parametrize("wide, width", [(True, 64), (False, 32)])
def test_a_counter_that_wraps_gives_the_rate_that_was_driven(driver, sim, wide, width):
    name = f"wrap{width}"
    switch = Switch(name, wide=wide)
    key = switch.port(1) if wide else "GigabitEthernet1/0/1"
    octets = 50_000_000
    switch.counters[1] = {"in": 2**width - octets // 2, "out": 2**width - 1, "errors": 0}
    sim.write(name, switch.rows())
    driver.plan([{"id": name, **sim.v2c(name)}])
    driver.status(name, state="up")
    move(sim, name, switch, octets)  # across the end of both counters
    record = driver.interface(name, key)
    assert record["bits"] == width
    assert record["in"][0] == octets and record["out"][0] == octets // 2
    assert record["span_ms"] == 10000


def test_a_restart_gives_no_wrong_rate_and_is_told(driver, sim):
    switch = Switch("boot")
    switch.counters[1]["in"] = 10**12
    sim.write("boot", switch.rows())
    driver.plan([{"id": "boot", **sim.v2c("boot")}])
    driver.status("boot", state="up")
    switch.uptime_s = 8
    switch.counters[1] = {"in": 500, "out": 500, "errors": 0}
    sim.write("boot", switch.rows())
    assert "in" not in driver.interface("boot", "Gi1/0/1", rates=False)
    assert driver.status("boot").get("restarted") is True


@pytest.mark.alone
def test_a_hanging_device_delays_no_other(driver, snmpd, sim, tmp_path):
    stopped = Snmpd(tmp_path / "stopped").start()
    os.kill(stopped.child.pid, signal.SIGSTOP)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    try:
        hanging = [{"id": f"hang{i}", **snmpd.v3(port=port)} for i in range(6)]
        hanging += [{"id": f"stop{i}", **stopped.v3()} for i in range(3)]
        hanging += [{"id": f"mute{i}", **snmpd.v2c(port=port)} for i in range(3)]
        driver.plan(hanging + [{"id": "good", **snmpd.v3()}, {"id": "simulated", **sim.v2c("first")}])
        good, simulated = [], []
        until = time.monotonic() + 36
        while time.monotonic() < until and min(len(good), len(simulated)) < 3:
            record = driver.next(lambda r: r.get("kind") == "device"
                                 and r["device"] in ("good", "simulated"), 15)
            assert record["state"] == "up"
            (good if record["device"] == "good" else simulated).append(record)
        for polls in (good, simulated):
            gaps = [b["t"] - a["t"] for a, b in zip(polls, polls[1:])]
            assert gaps and max(gaps) < 11.5, gaps  # the interval is 10 s
            assert max(poll.get("duration_ms", 0) for poll in polls) < 2000
        hung = driver.next(lambda r: r.get("device", "").startswith(("hang", "stop", "mute")), 15)
        assert hung["state"] == "timeout"
    finally:
        os.kill(stopped.child.pid, signal.SIGCONT)
        stopped.stop()
        silent.close()


# --- probes ------------------------------------------------------------------------------------


def certificate(folder, days):
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", str(days), "-subj", "/CN=localhost"], check=True, capture_output=True)
    return key, cert


class Web:
    """A small web server, with TLS when it has a certificate; answers 200, /missing 404."""

    def __init__(self, tls=None):
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"all is well"
                self.send_response(404 if self.path == "/missing" else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls[1], tls[0])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def probe(driver, name, timeout=20):
    return driver.next(lambda r: r.get("probe") == name, timeout, f"probe {name}")


def test_icmp_and_tcp_probes_measure_and_tell_what_is_closed(driver):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        driver.plan(probe=[
            {"id": "ping", "kind": "icmp", "host": "127.0.0.1", "count": 3, "interval_s": 10},
            {"id": "open", "kind": "tcp", "host": "127.0.0.1", "port": port, "interval_s": 10},
            {"id": "shut", "kind": "tcp", "host": "localhost", "port": free_port(),
             "interval_s": 10}])
        seen = {}
        while len(seen) < 3:
            record = driver.next(lambda r: "probe" in r)
            seen[record["probe"]] = record
    assert seen["ping"]["state"] == "ok" and seen["ping"]["received"] == 3
    assert 0 < seen["ping"]["rtt_min_us"] <= seen["ping"]["rtt_us"] <= seen["ping"]["rtt_max_us"]
    assert seen["open"]["state"] == "ok" and 0 < seen["open"]["rtt_us"] < 1_000_000
    assert seen["shut"]["state"] == "refused" and "refused" in seen["shut"]["error"]


def test_http_probes_see_status_content_and_the_end_of_a_certificate(driver, tmp_path):
    plain, secure = Web(), Web(certificate(tmp_path, 10))
    url, tls = f"http://127.0.0.1:{plain.port}", f"https://127.0.0.1:{secure.port}/"
    driver.plan(probe=[
        {"id": "fine", "kind": "http", "url": f"{url}/", "expect_text": "is well"},
        {"id": "other", "kind": "http", "url": f"{url}/", "expect_text": "is broken"},
        {"id": "gone", "kind": "http", "url": f"{url}/missing"},
        {"id": "lax", "kind": "http", "url": tls, "verify": False},
        {"id": "strict", "kind": "http", "url": tls},
        {"id": "nowhere", "kind": "http", "url": "http://no.such.host.invalid/"}])
    seen = {}
    while len(seen) < 6:
        record = driver.next(lambda r: "probe" in r)
        seen[record["probe"]] = record
    plain.close()
    secure.close()
    assert seen["fine"]["state"] == "ok" and seen["fine"]["status"] == 200
    assert seen["other"]["state"] == "wrong_content"
    assert (seen["gone"]["state"], seen["gone"]["status"]) == ("wrong_status", 404)
    assert seen["lax"]["state"] == "ok" and seen["lax"]["tls_us"] > 0
    assert seen["strict"]["state"] == "bad_certificate"
    assert seen["nowhere"]["state"] == "unknown_name"
    for name in ("lax", "strict"):  # also of one that is refused
        days = (seen[name]["cert_end_s"] - time.time()) / 86400
        assert 9.9 < days < 10.1
