"""Flows that real exporters tell reach the centre with the very counts that were sent.

softflowd reads capture files of our own making and exports them; nfreplay sends again what nfcapd
took down. The truth is counted from the frames themselves, never from what an exporter says.
"""

import collections
import ipaddress
import pathlib
import socket
import struct
import subprocess
import time

import pytest

import packets
from lab import Process, free_port, wait_for

SOFTFLOWD, NFCAPD, NFREPLAY = "/usr/sbin/softflowd", "/usr/bin/nfcapd", "/usr/bin/nfreplay"
START = 1_700_000_000
ETHERTYPE_IPV6 = 0x86DD


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre and one agent that hears exporters on one port and refuses all on another."""
    lab = shared_lab
    api = lab.start_centre()
    port, closed = free_udp_port(), free_udp_port()
    lab.agent("edge-1", f"netflow:udp://127.0.0.1:{port}?name=routers "
                        f"netflow:udp://127.0.0.1:{closed}?name=strangers&allow=192.0.2.0/24")
    wait_for(lambda: (api.instance("edge-1") or {}).get("state") == "up", 20, "edge-1 is up")
    wait_for(lambda: status(api)["sources"] and all(
        source["state"] == "running" for source in status(api)["sources"]), 10, "it listens")
    return lab, api, port, closed


def status(api):
    return api.get("/instances/edge-1/query?op=status")["rows"][0]


def exporter(api):
    """How the agent says our exporter on loopback fares."""
    rows = wait_for(lambda: [row for row in status(api)["exporters"] if not row["refused"]], 5,
                    "the agent tells of an exporter")
    return rows[0]


def udp6(source, sport, target, dport, payload):
    body = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    head = struct.pack(">IHBB", 6 << 28, len(body), 17, 64)
    packet = (head + ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed
              + body)
    return packets.ethernet(packet)[:12] + struct.pack(">H", ETHERTYPE_IPV6) + packet


def traffic(network, ipv6=False):
    """Frames with their times: connections, a refused one, and datagrams both ways."""
    frames = []
    client, server = f"10.{network}.0.1", f"10.{network}.1.1"
    for i in range(40):
        frames += packets.tcp_conversation(client, 40000 + i, server, 443, b"x" * (50 + i),
                                           b"y" * (700 + 3 * i), START + i * 0.01)
    for i in range(5):
        frames.append((START + i, packets.tcp(client, 50000 + i, server, 81, 7, 0, packets.SYN)))
        frames.append((START + i + 0.001, packets.tcp(server, 81, client, 50000 + i, 0, 8,
                                                      packets.RST | packets.ACK)))
    for i in range(300):
        frames.append((START + i * 0.01, packets.udp(client, 5000, server, 53, b"q" * 40)))
        if i % 3:
            frames.append((START + i * 0.01 + 0.001,
                           packets.udp(server, 53, client, 5000, b"r" * 400)))
        if ipv6:
            frames.append((START + i * 0.01, udp6("2001:db8::1", 6000 + network, "2001:db8::2",
                                                  4500, b"6" * 100)))
    return frames


def counted(frames):
    """(source, port, target, port, protocol) -> [packets, IP bytes] of these frames."""
    truth = collections.defaultdict(lambda: [0, 0])
    for _, frame in frames:
        if frame[12:14] == b"\x08\x00":
            ends, at, protocol = (frame[26:30], frame[30:34]), 34, frame[23]
            length = struct.unpack(">H", frame[16:18])[0]
        else:
            ends, at, protocol = (frame[22:38], frame[38:54]), 54, frame[20]
            length = 40 + struct.unpack(">H", frame[18:20])[0]
        ports = struct.unpack(">HH", frame[at:at + 4])
        key = (str(ipaddress.ip_address(ends[0])), ports[0], str(ipaddress.ip_address(ends[1])),
               ports[1], protocol)
        truth[key][0] += 1
        truth[key][1] += length
    return dict(truth)


def stored(lab, where):
    """The same of the rows at the centre, both directions apart."""
    rows = lab.sql("SELECT host(client), client_port, host(server), server_port, protocol_l4,"
                   " sum(packets_c2s), sum(bytes_c2s), sum(packets_s2c), sum(bytes_s2c) FROM flow"
                   f" WHERE exporter = '127.0.0.1' AND {where} GROUP BY 1, 2, 3, 4, 5")
    found = {}
    for client, cport, server, sport, protocol, out_packets, out_bytes, in_packets, in_bytes in rows:
        if out_packets:
            found[(client, cport, server, sport, protocol)] = [int(out_packets), int(out_bytes)]
        if in_packets:
            found[(server, sport, client, cport, protocol)] = [int(in_packets), int(in_bytes)]
    return found


def of_network(network):
    return (f"(client << '10.{network}.0.0/16' OR client_port = {6000 + network}"
            f" OR server_port = {6000 + network})")


def softflowd(lab, frames, port, *options):
    """Exports these frames; returns what softflowd says in the end."""
    capture = lab.dir / f"export-{time.monotonic_ns()}.pcap"
    packets.write_pcap(capture, frames)
    done = subprocess.run([SOFTFLOWD, "-r", capture, "-n", f"127.0.0.1:{port}", *options],
                          capture_output=True, text=True, timeout=60, cwd=lab.dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_reaches_the_centre(lab, truth, where):
    found = {}

    def all_there():
        nonlocal found
        found = stored(lab, where)
        return found == truth

    try:
        wait_for(all_there, 20, "every count is at the centre", step=0.3)
    except AssertionError:
        differences = {key: (truth.get(key), found.get(key)) for key in truth.keys() | found.keys()
                       if truth.get(key) != found.get(key)}
        raise AssertionError(f"wanted and found differ: {differences}") from None


@pytest.mark.parametrize("version, network", [("5", 5), ("9", 9), ("10", 10)])
def test_softflowds_flows_are_at_the_centre_as_they_were_sent(site, version, network):
    lab, api, port, _ = site
    frames = traffic(network, ipv6=version != "5")
    softflowd(lab, frames, port, "-v", version)
    assert_reaches_the_centre(lab, counted(frames), of_network(network))
    name = {"5": "NetFlow v5", "9": "NetFlow v9", "10": "IPFIX"}[version]
    wait_for(lambda: name in exporter(api)["versions"], 5, "the version is told")
    row = exporter(api)
    assert row["malformed"] == 0 and row["untemplated"] == 0, row
    assert row["lost_flows"] == 0 and row["lost_datagrams"] == 0, row
    rows = lab.sql("SELECT DISTINCT sampling, source FROM flow WHERE " + of_network(network))
    assert rows == [(1, "routers")]


def test_a_flow_is_both_directions_and_knows_client_status_and_application(site):
    lab, _, port, _ = site
    softflowd(lab, traffic(21), port, "-v", "9")
    wait_for(lambda: lab.sql("SELECT 1 FROM flow WHERE server = '10.21.1.1' AND server_port = 53"),
             15, "the flow is stored", step=0.3)
    rows = lab.sql("SELECT host(client), app, confidence, packets_c2s, packets_s2c FROM flow"
                   " WHERE server = '10.21.1.1' AND server_port = 53 AND packets_c2s > 0")
    assert rows == [("10.21.0.1", "DNS", 1, 300, 200)]
    wait_for(lambda: lab.sql("SELECT 1 FROM flow WHERE server = '10.21.1.1' AND server_port = 443"
                             " AND status = 3 AND final HAVING count(DISTINCT flow_id) = 40"),
             15, "forty connections that closed", step=0.3)
    wait_for(lambda: lab.sql("SELECT 1 FROM flow WHERE server = '10.21.1.1' AND server_port = 81"
                             " AND status = 5 AND final HAVING count(DISTINCT flow_id) = 5"),
             15, "five connections that were refused", step=0.3)


@pytest.mark.parametrize("version, network", [("5", 105), ("9", 109), ("10", 110)])
def test_sampled_flows_are_scaled_and_say_so(site, version, network):
    lab, api, port, _ = site
    # One flow of equal packets: what is sampled of it, scaled, is what it had.
    frames = [(START + i * 0.001, packets.udp(f"10.{network}.0.1", 7000, f"10.{network}.1.1", 9000,
                                              b"s" * 472)) for i in range(2000)]
    softflowd(lab, frames, port, "-v", version, "-s", "10")
    assert_reaches_the_centre(lab, counted(frames), of_network(network))
    assert lab.sql("SELECT DISTINCT sampling FROM flow WHERE " + of_network(network)) == [(10,)]
    wait_for(lambda: exporter(api)["sampling"] == 10, 5, "the agent tells the rate")


@pytest.mark.parametrize("version, network", [("5", 205), ("9", 209)])
def test_nfreplays_flows_are_at_the_centre_as_they_were_sent(site, version, network):
    lab, _, port, _ = site
    frames = traffic(network, ipv6=version != "5")
    between, folder = free_udp_port(), lab.dir / f"nfcapd-{network}"
    folder.mkdir()
    nfcapd = Process(lab, f"nfcapd-{network}", [NFCAPD, "-w", folder, "-p", str(between), "-b",
                                                "127.0.0.1", "-t", "3600"]).start()
    wait_for(lambda: udp_is_bound(between), 10, "nfcapd listens")
    softflowd(lab, frames, between, "-v", "9")
    wait_for(lambda: not udp_waits(between), 5, "nfcapd has taken what was sent")
    nfcapd.stop()
    taken = next(folder.glob("nfcapd.*"))
    done = subprocess.run([NFREPLAY, "-r", taken, "-H", "127.0.0.1", "-p", str(port), "-v", version],
                          capture_output=True, text=True, timeout=60, cwd=lab.dir)
    assert done.returncode == 0, done.stderr
    assert_reaches_the_centre(lab, counted(frames), of_network(network))


def udp_rows(port):
    """Sockets on this port of loopback: bytes that wait in each."""
    found = []
    for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].split(":")[1], 16) == port:
            found.append(int(words[4].split(":")[1], 16))
    return found


def udp_is_bound(port):
    return bool(udp_rows(port))


def udp_waits(port):
    return any(udp_rows(port))


# ---- an exporter that lives, and ones that do not fare well ----

class V5Exporter:
    """Pieces of one flow, as a router with an active time-out tells them."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.sequence = 0

    def send(self, source, target, sport, dport, count, octets, skip=0, interfaces=(3, 4)):
        self.sequence += skip
        now, uptime = time.time(), 10_000_000
        head = struct.pack(">HHIIIIHH", 5, 1, uptime, int(now), int(now % 1 * 1e9), self.sequence,
                           3, 0)
        record = struct.pack(">4s4s4sHHIIIIHHBBBB8s", ipaddress.IPv4Address(source).packed,
                             ipaddress.IPv4Address(target).packed, b"", *interfaces, count,
                             octets, uptime - 60_000, uptime, sport, dport, 0, 0x18, 6, 0, b"")
        self.sequence += 1
        self.socket.send(head + record)


def test_pieces_of_a_long_flow_add_up_to_one_flow(site):
    lab, api, port, _ = site
    router = V5Exporter(port)
    for piece in range(4):
        router.send("10.30.0.1", "10.30.1.1", 45000, 5432, 100, 150_000)
        router.send("10.30.1.1", "10.30.0.1", 5432, 45000, 200, 3_000_000_000,
                    interfaces=(4, 3))
        row = wait_for(lambda: [r for r in api.get("/instances/edge-1/query?op=flows&port=5432")
                       ["rows"] if r["packets"] == 300 * (piece + 1)], 5, f"piece {piece} is live")
        assert row[0]["exporter"] == "127.0.0.1" and row[0]["input_if"] == 3
        assert row[0]["output_if"] == 4 and row[0]["status"] == "active"
    wait_for(lambda: lab.sql("SELECT 1 FROM flow WHERE server_port = 5432 HAVING"
                             " sum(packets_c2s) = 400 AND sum(packets_s2c) = 800 AND"
                             " sum(bytes_s2c) = 12000000000 AND count(DISTINCT flow_id) = 1"), 15,
             "its sums are stored", step=0.3)
    wait_for(lambda: [row["bytes_in"] for row in api.get(
        "/instances/edge-1/query?op=hosts&host=10.30.0.1")["rows"]] == [12_000_000_000], 5,
        "its client got all of it")
    wait_for(lambda: lab.sql("SELECT 1 FROM counter_interface WHERE name = 'routers' HAVING"
                             " sum(bytes_in) >= 12000000000"), 30, "the source's counters have it",
             step=0.5)


def test_gaps_in_the_sequence_are_lost_flows_and_an_alert(site):
    _, api, port, _ = site
    router = V5Exporter(port)
    lost = exporter(api)["lost_flows"]
    router.send("10.31.0.1", "10.31.1.1", 1, 2, 1, 40)
    router.send("10.31.0.1", "10.31.1.1", 1, 2, 1, 40, skip=50_000)
    wait_for(lambda: exporter(api)["lost_flows"] == lost + 50_000, 5, "the gap is counted")

    def lose_more():  # what was lost before the first look at an exporter is not judged
        router.send("10.31.0.1", "10.31.1.1", 1, 2, 1, 40, skip=1000)
        return engaged(api, "exporter_sequence_loss")

    wait_for(lose_more, 40, "the alert is engaged", step=1)


def test_data_that_cannot_be_read_and_strangers_are_told(site):
    _, api, port, closed = site
    row = exporter(api)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.sendto(b"\x00\x09\x00\x01" + b"\xff" * 30, ("127.0.0.1", port))
        noise.sendto(b"hello", ("127.0.0.1", port))
        noise.sendto(b"hello", ("127.0.0.1", closed))
    wait_for(lambda: exporter(api)["malformed"] == row["malformed"] + 2, 5, "malformed is counted")
    refused = wait_for(lambda: [r for r in status(api)["exporters"] if r["refused"]], 5,
                       "the stranger is listed")
    assert refused[0]["source"] == "strangers" and refused[0]["address"] == "127.0.0.1"
    wait_for(lambda: engaged(api, "exporter_unknown"), 25, "the alert is engaged", step=0.5)


def engaged(api, name):
    return [row for row in api.get("/alerts?state=engaged")["items"] if row["name"] == name]


@pytest.mark.slow
def test_an_exporter_that_falls_silent_is_an_alert(site):
    _, api, port, _ = site
    router = V5Exporter(port)
    for i in range(10):
        router.send("10.32.0.1", "10.32.1.1", 1, 2, 1, 40)
    alert = wait_for(lambda: engaged(api, "exporter_silent"), 120, "the alert is engaged", step=1)
    assert alert[0]["entity"] == "host" and alert[0]["entity_id"] == "127.0.0.1"
    wait_for(lambda: send_and_look(api, router), 30, "it is released when it comes back", step=1)


def send_and_look(api, router):
    router.send("10.32.0.1", "10.32.1.1", 1, 2, 1, 40)
    return not engaged(api, "exporter_silent")
