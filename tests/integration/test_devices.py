"""Devices and probes from end to end: defined at the centre, asked by an agent, shown by the API."""

import os
import socket
import threading
import time

import pytest

from devices import Snmpd, Snmpsim, Switch
from lab import free_port, wait_for
from packets import write_load
from schema import Contract
from space import Space


CONTRACT = Contract()


def start(lab, name="pisa-1"):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=20, seconds=20)
    lab.agent(name, f"file:{capture}?loop&pace=1")
    wait_for(lambda: (api.instance(name) or {}).get("state") == "up", 30, f"{name} is up")
    return api


def add(api, section, name, body, scope="fleet"):
    return str(api.post(f"/config/{section}", {"scope": scope, "name": name, "body": body})["id"])


def device(api, name):
    rows = api.get("/snmp/devices")["items"]
    return next((row for row in rows if row["name"] == name), None)


def in_state(api, name, state, timeout=30):
    return wait_for(lambda: (device(api, name) or {}).get("state") == state and device(api, name),
                    timeout, f"{name} is {state}: {device(api, name)}")


def engaged(api, kind, *words):
    rows = api.get("/alerts?state=engaged&limit=200")["items"]
    return [row for row in rows if row["name"] == kind
            and all(word in f"{row['entity_id']} {row['detail']}" for word in words)]


class Drive(threading.Thread):
    """Sends frames of a known size over the wire at a steady pace, and counts them."""

    PAYLOAD, HEADERS = 1400, 8 + 20 + 14  # UDP, IPv4, Ethernet: what ifHCInOctets counts

    def __init__(self, address, bits_per_s):
        super().__init__(daemon=True)
        self.address, self.sent, self.over, self.marks = address, 0, False, []
        self.pause = (self.PAYLOAD + self.HEADERS) * 8 / bits_per_s

    def run(self):
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            while not self.over:
                due = (time.monotonic() - begun) / self.pause
                while self.sent < due:
                    link.sendto(b"x" * self.PAYLOAD, (self.address, 9))
                    self.sent += 1
                self.marks.append((time.time() * 1000, self.sent))
                time.sleep(0.02)

    def bps(self, from_ms, to_ms):
        """What went over the wire between two times."""
        sent = [next(sent for at, sent in self.marks if at >= ms) for ms in (from_ms, to_ms)]
        return (sent[1] - sent[0]) * (self.PAYLOAD + self.HEADERS) * 8000 / (to_ms - from_ms)


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="network namespaces are root's")
def test_the_rates_of_an_interface_are_those_that_were_driven_through_it(lab):
    space = Space()
    switch = Snmpd(lab.dir / "snmpd", prefix=space.inside())
    try:
        switch.start(space.there, wait=False)
        api = start(lab)
        # snmpd looks at its own counters every 3 s, so what it tells is up to 3 s old: polls whose
        # distance is a multiple of that see it equally old, and many of them leave little of it.
        add(api, "snmp", "far switch", switch.v3(host=space.there, interval_s=12))
        row = in_state(api, "far switch", "up")
        drive = Drive(space.there, 8_000_000)
        drive.start()
        begun_ms = time.time() * 1000 - 1  # a range has a length
        where = f"/snmp/devices/pisa-1/{row['device']}"

        def readings():
            """Spans of the far interface that lie within the drive, as the page shows them."""
            points = api.get(f"{where}/series?interface={space.far}&from_ms={int(begun_ms)}")["points"]
            return points[2:] if len(points) >= 8 else None
        points = wait_for(readings, 150, "six spans of the interface", step=1)
        driven_bps = drive.bps(points[0]["at_ms"] - 12_000, points[-1]["at_ms"])
        told_bps = sum(point["in_bps"] for point in points) / len(points)
        assert told_bps == pytest.approx(driven_bps, rel=0.05)
        port = next(one for one in api.get(where)["interface_rows"] if one["key"] == space.far)
        assert port["in_bps"] == pytest.approx(driven_bps, rel=0.3)  # one span alone: 3 of 12 s
        assert port["oper"] == 1 and port["counter_bits"] == 64
        drive.over = True
        fullest = api.get("/snmp/interfaces?limit=500")["items"]
        assert space.far in [one["key"] for one in fullest]
    finally:
        switch.stop()
        space.close()


def test_what_is_wrong_with_a_device_is_told_and_its_secrets_are_not(lab):
    real = Snmpd(lab.dir / "snmpd").start()
    sim = Snmpsim()
    sim.write("core", Switch("core-1").rows())
    sim.start()
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    try:
        api = start(lab)
        quick = {"timeout_ms": 300, "retries": 0}
        add(api, "snmp", "good", real.v3())
        wrong = add(api, "snmp", "wrong key", real.v3(auth_key="some-other-key", **quick))
        add(api, "snmp", "core", sim.v2c("core"))
        add(api, "snmp", "hangs", real.v2c(port=silent.getsockname()[1], **quick))
        for name, state in (("good", "up"), ("core", "up"), ("wrong key", "wrong_digest"),
                            ("hangs", "timeout")):
            in_state(api, name, state)
        assert "authentication key" in device(api, "wrong key")["error"]
        core = device(api, "core")
        assert core["cpu_ratio"] == pytest.approx(0.37)
        assert core["memory_used"] / core["memory_total"] == pytest.approx(0.6)
        whole = api.get(f"/snmp/devices/pisa-1/{core['device']}")
        for schema in ("Device", "DeviceDetail"):
            CONTRACT.check(whole, {"$ref": f"#/components/schemas/{schema}"})
        for kind, rows in (("DeviceInterface", "interface_rows"), ("Neighbour", "neighbour_rows")):
            for one in whole[rows]:
                CONTRACT.check(one, {"$ref": f"#/components/schemas/{kind}"})
        assert [row["sys_name"] for row in whole["neighbour_rows"]] == ["router-1"]
        assert {row["key"] for row in whole["interface_rows"]} == {f"Gi1/0/{i}" for i in range(1, 5)}
        shown = str(api.get("/config/snmp"))
        assert "some-other-key" not in shown and Snmpd.PRIVACY not in shown
        wait_for(lambda: engaged(api, "snmp_auth_failure", "wrong key"), 30, "the alert on the key")
        wait_for(lambda: engaged(api, "snmp_device_unreachable", "hangs"), 45, "the silent one")
        item = next(i for i in api.get("/config/snmp")["items"] if str(i["id"]) == wrong)
        api.call("PUT", f"/api/v1/config/snmp/{wrong}", {
            "scope": "fleet", "name": "wrong key", "version": item["version"],
            "body": real.v3(**quick)})
        in_state(api, "wrong key", "up", 15)
        wait_for(lambda: not engaged(api, "snmp_auth_failure", "wrong key"), 10, "it is released")
    finally:
        real.stop()
        sim.stop()
        silent.close()


def test_a_probe_tells_a_port_that_closes_and_opens_again(lab):
    api = start(lab)
    port = free_port()
    listener = socket.create_server(("127.0.0.1", port))
    item = add(api, "probe", "door", {"kind": "tcp", "host": "127.0.0.1", "port": port, "interval_s": 10})
    add(api, "probe", "echo", {"kind": "icmp", "host": "127.0.0.1", "count": 3, "interval_s": 10})

    def probe(name, *states):
        rows = api.get("/probes")["items"]
        row = next((row for row in rows if row["name"] == name), None)
        return row and row["state"] in states and row

    door = wait_for(lambda: probe("door", "ok"), 30, "the port is open")
    assert 0 < door["rtt_us"] < 1_000_000 and door["up_ratio"] == 1
    if os.getuid() == 0:
        echo = wait_for(lambda: probe("echo", "ok"), 30, "echoes come back")
        assert echo["loss_ratio"] == 0 and echo["rtt_us"] > 0
    listener.close()
    wait_for(lambda: engaged(api, "am_tcp_port_down", str(port)), 40, "the alert on the port")
    assert probe("door", "refused")["up_ratio"] < 1
    listener = socket.create_server(("127.0.0.1", port))
    wait_for(lambda: not engaged(api, "am_tcp_port_down", str(port)), 20, "the alert is released")
    CONTRACT.check(door, {"$ref": "#/components/schemas/Probe"})
    points = api.get(f"/probes/pisa-1/{door['probe']}/series")["points"]
    assert {point["up_ratio"] for point in points} == {0, 1}
    listener.close()
    wait_for(lambda: engaged(api, "am_tcp_port_down", str(port)), 40, "the alert once more")
    api.call("DELETE", f"/api/v1/config/probe/{item}")
    wait_for(lambda: not engaged(api, "am_tcp_port_down", str(port)), 10, "gone with its probe")
