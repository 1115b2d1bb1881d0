"""Clients that mean ill: sockets that ask for nothing, requests that trickle in, bytes that are no
HTTP, WebSockets that never read. Others are answered meanwhile, and memory stays bounded."""

import contextlib
import errno
import os
import pathlib
import random
import re
import resource
import socket
import time

import pytest

from client import Live
from lab import wait_for

CROWD_MAX = 768  # of aggregator/http/crowd.h
ANSWER_S = 1.0  # for somebody else's request, whatever the others do


@pytest.fixture(scope="module")
def site(shared_lab):
    # What was freed must not count as held: the sanitizer keeps 256 MB of it by default.
    os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=4"
    shared_lab.api = shared_lab.start_centre()
    return shared_lab


@pytest.fixture
def sockets():
    """Opens connections that are closed at the end of the test."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(connect(port))


def connect(port):
    link = socket.socket()
    link.setblocking(False)
    if link.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
        raise OSError("cannot connect")
    return link


def resident_bytes(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def metric(site, name):
    text = site.api.request("GET", "/metrics")[2].decode()
    return float(re.search(rf"(?m)^picket_http_{name}(?:_total)? (\S+)$", text)[1])


def assert_others_are_answered(site, times=20, limit=ANSWER_S):
    slowest = 0
    for _ in range(times):
        begun = time.monotonic()
        assert "instances" in site.api.get("/fleet")
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < limit, f"an answer took {slowest:.2f} s"


def is_closed(link):
    try:
        return link.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.alone
def test_ten_thousand_idle_sockets_keep_nobody_out(site, sockets):
    pid = site.aggregator.pid
    before = resident_bytes(pid)
    links = []
    for number in range(10000):
        links.append(sockets(site.http_port))
        if number % 500 == 499:
            assert_others_are_answered(site, times=1)
    wait_for(lambda: metric(site, "hung_up") >= len(links) - CROWD_MAX - 64, 20,
             "the longest waiting are hung up on")
    assert_others_are_answered(site)
    assert metric(site, "waiting") <= CROWD_MAX
    assert len(os.listdir(f"/proc/{pid}/fd")) < CROWD_MAX + 128
    grown = resident_bytes(pid) - before
    print(f"grown by {grown / 1e6:.1f} MB")
    assert grown < 96e6
    assert "connections ask for nothing" in site.aggregator.text()


@pytest.mark.alone
def test_requests_that_trickle_in_delay_nobody_and_end(site, sockets):
    links = [sockets(site.http_port) for _ in range(1500)]
    start = b"GET /api/v1/fleet HTTP/1.1\r\nHost: x\r\nX-Slow: "
    time.sleep(0.2)
    begun = time.monotonic()
    for step in range(24):
        for link in links:
            with contextlib.suppress(OSError):
                link.send(start[step * 2:step * 2 + 2] or b"a")
        assert_others_are_answered(site, times=2)
        if all(map(is_closed, links)):
            break
        time.sleep(max(0, begun + step * 0.6 - time.monotonic()))
    wait_for(lambda: all(map(is_closed, links)), 20, "none may take longer for its headers")


@pytest.mark.alone
def test_bodies_that_never_come_keep_nobody_out(site, sockets):
    head = (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000\r\n\r\n{")
    before = resident_bytes(site.aggregator.pid)
    for _ in range(3000):
        link = sockets(site.http_port)
        with contextlib.suppress(OSError):
            link.setblocking(True)
            link.sendall(head)
    assert_others_are_answered(site, times=1, limit=5)  # those in the queue come first
    assert_others_are_answered(site)
    assert metric(site, "exchanges") <= CROWD_MAX + 16
    assert resident_bytes(site.aggregator.pid) - before < 64e6


def junk(dice):
    """Name and bytes of what is no proper request."""
    big = b"a" * 100_000
    line = b"GET / HTTP/1.1\r\nHost: x\r\n"
    yield "nothing but line ends", b"\r\n" * 5000
    yield "zero bytes", b"\0" * 4096
    yield "a giant path", b"GET /" + big + b" HTTP/1.1\r\n\r\n"
    yield "a giant header", line + b"X: " + big + b"\r\n\r\n"
    yield "very many headers", line + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n"
    yield "a giant cookie", line + b"Cookie: picket_session=" + big[:7000] + b"\r\n\r\n"
    yield "a header without colon", line + b"no colon here\r\n\r\n"
    yield "a zero byte in a header", line + b"X-A: b\0c\r\n\r\n"
    yield "an unknown method", b"BREW / HTTP/1.1\r\n\r\n"
    yield "HTTP/0.9", b"GET /\r\n"
    yield "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
    yield "TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + dice.randbytes(500)
    yield "a broken escape", b"GET /%zz%2 HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "a way out of the folder", b"GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "a negative length", line.replace(b"GET", b"POST") + b"Content-Length: -1\r\n\r\n"
    yield "a giant length", (line.replace(b"GET", b"POST") +
                             b"Content-Length: 99999999999999999999\r\n\r\n")
    yield "two lengths", (line.replace(b"GET", b"POST") +
                          b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n{")
    yield "a thousand requests in one go", (line + b"\r\n") * 1000
    yield "a query of many parts", b"GET /api/v1/fleet?" + b"a=1&" * 2000 + b" HTTP/1.1\r\n\r\n"
    yield "a broken upgrade", line + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    for number in range(40):
        yield f"random bytes {number}", dice.randbytes(dice.randrange(1, 3000))
        cut = bytearray(line + b"Cookie: a=b; picket_session=x\r\nOrigin: http://x\r\n\r\n")
        for _ in range(dice.randrange(1, 9)):
            cut[dice.randrange(len(cut))] = dice.randrange(256)
        yield f"a damaged request {number}", bytes(cut)


def test_what_is_no_http_does_no_harm(site):
    pid = site.aggregator.pid
    for name, data in junk(random.Random(20261125)):
        with socket.create_connection(("127.0.0.1", site.http_port), timeout=2) as link:
            with contextlib.suppress(OSError):
                link.sendall(data)
                link.shutdown(socket.SHUT_WR)
                while link.recv(65536):
                    pass
        assert "instances" in site.api.get("/fleet"), name
    assert site.aggregator.child.poll() is None and site.aggregator.pid == pid


def test_what_is_no_websocket_message_closes_that_socket_alone(site):
    dice = random.Random(20261126)
    good = Live(site.api, ["fleet"])
    for number in range(40):
        bad = Live(site.api)
        with contextlib.suppress(OSError):
            bad.socket.sendall(dice.randbytes(dice.randrange(1, 2000)))
        bad.close()
        deep = Live(site.api)
        with contextlib.suppress(OSError):
            deep.send({"op": "sub", "topic": "x" * number * 100})
        deep.close()
    deep = Live(site.api)
    deep._send_frame(1, b"[" * 4000)
    assert deep.wait(lambda frame: frame["t"] == "error", 5)
    deep.close()
    assert good.wait(lambda frame: frame["t"] in ("snap", "delta"), 10)
    good.close()


@pytest.mark.slow
def test_a_websocket_that_never_reads_costs_little_and_is_hung_up_on(site):
    before = resident_bytes(site.aggregator.pid)
    opened = metric(site, "sockets")
    never = [Live(site.api, ["fleet", "alerts"]) for _ in range(50)]
    assert metric(site, "sockets") == opened + len(never)
    assert_others_are_answered(site)
    wait_for(lambda: metric(site, "sockets") <= opened, 75, "they are hung up on", step=1)
    assert resident_bytes(site.aggregator.pid) - before < 32e6
    for live in never:
        live.close()
