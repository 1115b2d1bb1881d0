"""What an agent learns of a site from its packets: a laptop that asks for an address, a printer that
tells its name and then falls silent, a server that is asked by name. Real bytes through a real
agent; the capture is 40 s long and begins again."""

import ipaddress
import pathlib
import struct
import sys

import pytest

from lab import wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from packets import dns_query, ipv4, tcp_conversation, write_pcap  # noqa: E402

START = 1_700_000_000.0
GATEWAY, SERVER, LAPTOP, PRINTER = (f"192.168.7.{i}" for i in (1, 10, 33, 40))
MACS = {GATEWAY: "00:1b:21:00:00:01", SERVER: "00:1b:21:00:00:10", LAPTOP: "b8:27:eb:00:00:33",
        PRINTER: "00:80:77:00:00:40", "0.0.0.0": "b8:27:eb:00:00:33"}
# Short, so that a test need not wait for days; learning is the agent's own test.
RULES = """
[assets]
learn = 0s
offline_after = 10s
always_on = 12s
"""


def mac(address):
    return bytes.fromhex(MACS.get(address, "ff:ff:ff:ff:ff:ff").replace(":", ""))


def on_wire(frame):
    """The frame between the cards of its two addresses."""
    source, target = (str(ipaddress.IPv4Address(frame[at:at + 4])) for at in (26, 30))
    return mac(target) + mac(source) + frame[12:]


def udp(source, sport, target, dport, payload):
    head = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
    return on_wire(bytes(12) + b"\x08\0" + ipv4(source, target, 17, head + payload))


def labels(name):
    return b"".join(bytes([len(word)]) + word.encode() for word in name.split(".")) + b"\0"


def dhcp(kind, given="0.0.0.0", asked=None, name=""):
    options = b"\x35\x01" + bytes([kind])
    if asked:
        options += b"\x32\x04" + ipaddress.IPv4Address(asked).packed
    if name:
        options += b"\x0c" + bytes([len(name)]) + name.encode()
    if kind == 3:  # as Windows asks
        options += bytes([55, 14, 1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252])
        options += b"\x3c\x08MSFT 5.0"
    return (b"\x01\x01\x06\0" + b"\0\0\0\x07" + bytes(8) + ipaddress.IPv4Address(given).packed
            + bytes(8) + mac(LAPTOP) + bytes(10 + 192) + b"\x63\x82\x53\x63" + options + b"\xff")


def announcement(name, address):
    """A multicast DNS response with one address record."""
    return struct.pack(">HHHHHH", 0, 0x8400, 0, 1, 0, 0) + labels(name) + struct.pack(
        ">HHIH", 1, 0x8001, 120, 4) + ipaddress.IPv4Address(address).packed


def lookup(at, port):
    query = dns_query("files.lan", port)
    answer = struct.pack(">HHHHHH", port, 0x8180, 1, 1, 0, 0) + query[12:] + struct.pack(
        ">HHHIH", 0xC00C, 1, 1, 60, 4) + ipaddress.IPv4Address(SERVER).packed
    return [(at, udp(LAPTOP, port, GATEWAY, 53, query)),
            (at + 0.01, udp(GATEWAY, 53, LAPTOP, port, answer))]


def visit(at, port, service, request, answer):
    return [(when, on_wire(frame)) for when, frame in tcp_conversation(
        LAPTOP, port, SERVER, service, request, answer, at)]


def write_site(path):
    frames = [(START, udp("0.0.0.0", 68, "255.255.255.255", 67,
                          dhcp(3, asked=LAPTOP, name="laptop-7"))),
              (START + 0.1, udp(GATEWAY, 67, "255.255.255.255", 68, dhcp(5, given=LAPTOP))),
              (START + 1, udp(PRINTER, 5353, "224.0.0.251", 5353,
                              announcement("printer.local", PRINTER)))]
    for second in range(1, 39):
        frames += lookup(START + second, 50000 + second)
    for second in range(0, 20):
        frames.append((START + second + 0.5, udp(PRINTER, 33000 + second, GATEWAY, 514, b"<14>ok")))
    banner = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
    for i in range(2):
        frames += visit(START + 3 + i, 51000 + i, 22, banner, banner)
        frames += visit(START + 5 + i, 52000 + i, 80,
                        b"GET / HTTP/1.1\r\nHost: intranet.lan\r\nUser-Agent: curl/7.88.1\r\n\r\n",
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    write_pcap(path, frames)


@pytest.fixture(scope="module")
def site(shared_lab):
    lab = shared_lab
    lab.api = lab.start_centre()
    capture = lab.dir / "site.pcap"
    write_site(capture)
    lab.agent("pisa-1", f"file:{capture}?loop&pace=1", extra=RULES)
    wait_for(lambda: lab.api.get("/assets")["total"] == 4, 40, "four assets")
    return lab


def asset(lab, host):
    """Everything that the centre says of the one asset with this address."""
    row = lab.api.get(f"/assets?network={host}")["items"][0]
    return lab.api.get(f"/assets/{row['id']}")


def names(lab, host):
    return {(n["source"], n["name"]) for n in asset(lab, host)["names"]}


def services(lab, host):
    return {(s["transport"], s["port"], s["name"], s["protocol"])
            for s in asset(lab, host)["asset"]["services"]}


def alerts(lab, kind):
    return {a["entity_id"]: a for a in lab.api.get(f"/alerts?kind={kind}&limit=500")["items"]}


def test_only_the_hosts_of_the_site_that_speak_are_assets(site):
    rows = site.api.get("/assets?sort=host&desc=false")["items"]
    assert [row["host"] for row in rows] == [GATEWAY, SERVER, LAPTOP, PRINTER]
    assert {row["host"]: row["state"] for row in rows}[LAPTOP] == "online"
    assert {row["host"]: row["mac"] for row in rows} == {host: MACS[host] for host in (
        GATEWAY, SERVER, LAPTOP, PRINTER)}


def test_a_laptop_has_the_name_that_it_gave_when_it_asked_for_its_address(site):
    wait_for(lambda: ("dhcp", "laptop-7") in names(site, LAPTOP), 30, "its name")
    assert asset(site, LAPTOP)["asset"]["name"] == "laptop-7"


def test_the_maker_of_a_card_is_known(site):
    assert asset(site, PRINTER)["asset"]["vendor"].lower().startswith("brother")
    assert "raspberry" in asset(site, LAPTOP)["asset"]["vendor"].lower()


def test_a_laptop_is_known_by_what_it_asks_of_dhcp(site):
    found = wait_for(lambda: asset(site, LAPTOP)["asset"]["os"], 30, "its system")
    assert found == {"is": "windows", "score": 60}
    laptop = asset(site, LAPTOP)["asset"]
    assert laptop["device"]["is"] == "computer"
    clues = {clue["kind"]: clue for clue in laptop["clues"]}
    assert clues["dhcp_options"]["value"] == "1,3,6,15,31,33,43,44,46,47,119,121,249,252"
    assert (clues["dhcp_class"]["value"], clues["dhcp_class"]["says"]) == ("MSFT 5.0", "Windows")
    assert clues["vendor"]["says"] == "Linux" and clues["vendor"]["weight"] == 40
    assert [row["host"] for row in site.api.get("/assets?os=windows")["items"]] == [LAPTOP]


def test_a_printer_is_known_by_its_maker(site):
    assert asset(site, PRINTER)["asset"]["device"] == {"is": "printer", "score": 40}
    assert asset(site, PRINTER)["asset"]["os"] is None
    assert [row["host"] for row in site.api.get("/assets?device=printer")["items"]] == [PRINTER]


def test_a_printer_announces_its_name(site):
    wait_for(lambda: ("mdns", "printer.local") in names(site, PRINTER), 30, "its name")


def test_a_server_is_known_by_what_others_call_it_and_what_it_serves(site):
    wait_for(lambda: names(site, SERVER) >= {("dns", "files.lan"), ("http", "intranet.lan")}, 60,
             "its names")
    wait_for(lambda: services(site, SERVER) >= {("tcp", 22, "ssh", "SSH"),
                                                ("tcp", 80, "http", "HTTP")}, 60, "its services")
    wait_for(lambda: services(site, GATEWAY) >= {("udp", 53, "dns", "DNS"),
                                                 ("udp", 67, "dhcp", "DHCP")}, 60, "the gateway's")
    assert services(site, LAPTOP) == set()


def test_each_device_was_told_as_new_once(site):
    found = wait_for(lambda: (lambda a: a if len(a) == 4 else None)(alerts(site, "new_device")), 20,
                     "four alerts")
    assert set(found) == {GATEWAY, SERVER, LAPTOP, PRINTER}
    assert MACS[PRINTER] in found[PRINTER]["detail"]
    assert {a["count"] for a in found.values()} == {1}


@pytest.mark.slow
def test_a_printer_that_falls_silent_is_missed_until_it_is_heard_again(site):
    gone = wait_for(lambda: alerts(site, "device_offline").get(PRINTER), 60, "it is missed")
    assert gone["state"] == "engaged" and "printer.local" in gone["detail"]
    wait_for(lambda: asset(site, PRINTER)["asset"]["missing"], 20, "the asset says so")
    assert asset(site, PRINTER)["asset"]["state"] == "offline"
    wait_for(lambda: alerts(site, "device_offline")[PRINTER]["state"] == "released", 60,
             "it is back")
    back = wait_for(lambda: alerts(site, "device_back_online").get(PRINTER), 10, "that is told")
    assert "of silence" in back["detail"]
    wait_for(lambda: [c["what"] for c in asset(site, PRINTER)["changes"]][:2] == [
        "online", "offline"], 20, "its history")


def test_the_agent_says_what_it_knows(site):
    status = site.api.get("/instances/pisa-1/query?op=status")["rows"][0]["assets"]
    assert status["known"] == 4 and status["refused"] == 0
    assert status["vendor_prefixes"] > 30_000 and status["learning_until_ms"] == 0


def test_a_killed_agent_knows_its_hosts_when_it_is_back(site):
    agent = site.agents["pisa-1"]
    wait_for(lambda: (site.dir / "pisa-1.spool/assets.jsonl").read_text().count("\n") == 5, 60,
             "the state is on disk")
    agent.kill()
    wait_for(lambda: site.api.get("/assets")["counts"]["unknown"] == 4, 20, "nobody knows now")
    agent.start()
    wait_for(lambda: site.api.get("/assets")["counts"]["online"] >= 3, 30, "it is back")
    changes = len(asset(site, SERVER)["changes"])
    wait_for(lambda: site.sql("SELECT max(last_at) > now() - interval '5 s' FROM flow")[0][0], 90,
             "flows of the new run")
    assert {a["count"] for a in alerts(site, "new_device").values()} == {1}
    assert len(asset(site, SERVER)["changes"]) == changes
