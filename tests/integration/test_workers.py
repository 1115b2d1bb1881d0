"""Two capture threads on one interface: all between two hosts goes to one of them, both have work,
and every packet is received or counted as dropped."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

from lab import Process, wait_for
from space import Space

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="network namespaces are root's")
HOSTS = 40  # pairs of addresses: that one thread has all of them happens once in 2**39 times
ECHO, FLOOD = 7, 9
LARGE = 4000  # bytes, so that a datagram goes in fragments
FLOODED = 500  # datagrams to each host
SERVER = f"""
import socket, socketserver, threading
class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(100)[::-1])
server = socketserver.ThreadingTCPServer(("0.0.0.0", {ECHO}), Tcp)
threading.Thread(target=server.serve_forever, daemon=True).start()
links = []
for host in range({HOSTS}):
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((f"<net>.{{100 + host}}", {ECHO}))
    links.append(link)
    def serve(link=link):
        while True:
            data, sender = link.recvfrom(65536)
            link.sendto(data, sender)
    threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def wire():
    """A wire to a namespace of many hosts, without IPv6, which speaks of itself now and then."""
    space = Space()
    pathlib.Path(f"/proc/sys/net/ipv6/conf/{space.near}/disable_ipv6").write_text("1")
    subprocess.run(space.inside("sysctl", "-qw", f"net.ipv6.conf.{space.far}.disable_ipv6=1"),
                   check=True)
    space.net = space.here.rpartition(".")[0]
    space.hosts = [f"{space.net}.{100 + i}" for i in range(HOSTS)]
    for host in space.hosts:
        ip("-n", space.name, "addr", "add", f"{host}/24", "dev", space.far)
    server = subprocess.Popen(space.inside(sys.executable, "-c", SERVER.replace("<net>", space.net)),
                              stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    yield space
    server.kill()
    server.wait(5)
    space.close()


def passed(device):
    """Packets that the interface has received and sent."""
    done = subprocess.run(["ip", "-json", "-stats", "link", "show", device], check=True,
                          capture_output=True)
    (row,) = json.loads(done.stdout)
    return sum(row["stats64"][way]["packets"] for way in ("rx", "tx"))


def ask(api, what):
    return api.get(f"/instances/pisa-1/query?{what}")["rows"]


def captured(api):
    """Packets of its one source: received, and dropped by the kernel."""
    source = ask(api, "op=status")[0]["sources"][0]
    return source["packets"], source["dropped"]


def count_when_quiet(api):
    """What was captured once nothing more comes; the agent reads its counts every second."""
    before = None
    while before != (now := sum(captured(api))):
        before = now
        time.sleep(2.5)
    return now


def talk(host):
    """A connection and large datagrams, each answered by the same host; the ports on our side."""
    with socket.create_connection((host, ECHO), timeout=5) as link:
        tcp_port = link.getsockname()[1]
        link.sendall(b"hello")
        assert link.recv(100) == b"olleh"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(5)
        link.connect((host, ECHO))
        for _ in range(3):
            link.send(bytes(LARGE))
            assert len(link.recv(65536)) == LARGE
        return tcp_port, link.getsockname()[1]


def flood(hosts):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for _ in range(FLOODED):
            for host in hosts:
                link.sendto(b"x" * 100, (host, FLOOD))


def test_two_workers_share_a_wire_by_its_hosts_and_lose_count_of_nothing(lab, wire):
    api = lab.start_centre()
    lab.agent("pisa-1", wire.near, capture="workers = 2")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
    wait_for(lambda: talk(wire.hosts[0]) and sum(captured(api)) > 0, 20, "it captures", step=0.5)
    for host in wire.hosts:  # who has this address, once
        talk(host)
    settled = count_when_quiet(api)
    before = passed(wire.near)

    ports = {host: talk(host) for host in wire.hosts}
    flood(wire.hosts)
    sent = passed(wire.near) - before
    assert sent > HOSTS * FLOODED
    wait_for(lambda: sum(captured(api)) - settled >= sent, 20,
             f"{sent} packets are received or dropped")
    assert sum(captured(api)) - settled == passed(wire.near) - before
    engine = ask(api, "op=status")[0]["engine"]
    assert len(engine["workers"]) == 2 and min(w["packets"] for w in engine["workers"]) > 0
    assert sum(w["packets"] for w in engine["workers"]) == engine["packets"]

    for host, (tcp_port, udp_port) in ports.items():
        rows = ask(api, f"op=flows&host={host}&limit=100")
        for port, transport in ((tcp_port, "tcp"), (udp_port, "udp")):
            (row,) = [row for row in rows if row["client_port"] == port
                      and row["transport"] == transport]
            assert row["server"] == host and row["packets_c2s"] > 0 and row["packets_s2c"] > 0
            assert not (transport == "udp") or row["bytes_c2s"] == row["bytes_s2c"], row
    assert {row["server_port"] for row in rows} == {ECHO, FLOOD}
