"""Devices for the SNMP tests: Debian's snmpd, and snmpsim with records that a test writes and
rewrites while it runs. A record is a file of numeric OIDs; the community of v2c, or the context of
v3, chooses it."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

SYSTEM = "1.3.6.1.2.1.1"
IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"
LLDP = "1.0.8802.1.1.2.1"
CISCO = "1.3.6.1.4.1.9.9"
INTEGER, TEXT, OID, COUNTER32, GAUGE, TICKS, COUNTER64 = 2, 4, 6, 65, 66, 67, 70
HEX = "4x"


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_answer(port, child, timeout=15):
    """Until something answers v3's discovery on the port."""
    ask = bytes.fromhex("303e0201033011020412345678020300ffe3040104020103"
                        "0410300e0400020100020100040004000400"
                        "301404000400a00e0204123456780201000201003000")
    until = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(0.3)
        link.connect(("127.0.0.1", port))
        while time.monotonic() < until and child.poll() is None:
            try:
                link.send(ask)
                if link.recv(2000):
                    return
            except OSError:
                time.sleep(0.05)
    raise AssertionError(f"no SNMP device answers on port {port}")


class Snmpd:
    """net-snmp's agent, which tells of this very machine."""

    AUTH, PRIVACY = "authpass123", "privpass123"

    def __init__(self, folder, prefix=()):
        self.folder, self.port = pathlib.Path(folder), free_udp_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prefix, self.child = list(prefix), None

    def start(self, address="127.0.0.1", wait=True):
        config = self.folder / "snmpd.conf"
        config.write_text(f"""agentAddress udp:{address}:{self.port}
rocommunity public default
createUser strong SHA-256 {self.AUTH} AES {self.PRIVACY}
rouser strong priv
sysLocation rack 4
""")
        log = open(self.folder / "snmpd.log", "ab")
        self.child = subprocess.Popen(
            self.prefix + ["/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", str(config)], stdout=log,
            stderr=log, env={**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder / "state")})
        if wait:
            _wait_answer(self.port, self.child)
        return self

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait(5)

    def v3(self, **other):
        """The body of a configuration item that asks it with SHA-256 and AES."""
        return {"host": "127.0.0.1", "port": self.port, "version": "3", "user": "strong",
                "auth": "sha256", "auth_key": self.AUTH, "privacy": "aes128",
                "privacy_key": self.PRIVACY, "interval_s": 10, **other}

    def v2c(self, **other):
        return {"host": "127.0.0.1", "port": self.port, "version": "2c", "community": "public",
                "interval_s": 10, **other}


class Snmpsim:
    """Simulated devices, one a record, all on one port."""

    USER, AUTH, PRIVACY = "sim", "simauth123", "simpriv123"

    def __init__(self):
        # Not in pytest's folder, which is closed to the user that snmpsim becomes.
        self.folder, self.port = pathlib.Path(tempfile.mkdtemp(prefix="snmpsim-")), free_udp_port()
        self.data = self.folder / "data"
        self.data.mkdir()
        self.child = None

    def write(self, name, rows):
        """rows: (OID, type, value). Takes effect at once, also while it runs."""
        key = lambda row: [int(part) for part in row[0].split(".")]  # noqa: E731
        text = "".join(f"{oid}|{kind}|{value}\n" for oid, kind, value in sorted(rows, key=key))
        path = self.data / f"{name}.snmprec"
        fresh = path.with_suffix(".fresh")
        fresh.write_text(text)
        os.utime(fresh, (time.time() + 2, time.time() + 2))  # newer than its index for sure
        fresh.rename(path)

    def start(self):
        for folder in (self.folder, self.data):
            os.chmod(folder, 0o777)
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        os.chmod(cache, 0o777)
        log = open(self.folder / "snmpsim.log", "ab")
        self.child = subprocess.Popen(
            ["/usr/bin/snmpsimd", f"--data-dir={self.data}", f"--cache-dir={cache}",
             f"--agent-udpv4-endpoint=127.0.0.1:{self.port}", f"--v3-user={self.USER}",
             f"--v3-auth-key={self.AUTH}", "--v3-auth-proto=SHA256",
             f"--v3-priv-key={self.PRIVACY}", "--v3-priv-proto=AES"]
            + (["--process-user=nobody", "--process-group=nogroup"] if os.getuid() == 0 else []),
            stdout=log, stderr=log)
        _wait_answer(self.port, self.child, 30)
        return self

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def v2c(self, record, **other):
        return {"host": "127.0.0.1", "port": self.port, "version": "2c", "community": record,
                "interval_s": 10, **other}

    def v3(self, record, **other):
        return {"host": "127.0.0.1", "port": self.port, "version": "3", "user": self.USER,
                "auth": "sha256", "auth_key": self.AUTH, "privacy": "aes128",
                "privacy_key": self.PRIVACY, "context": record, "interval_s": 10, **other}


class Switch:
    """A made-up Cisco switch whose clock and counters a test sets."""

    def __init__(self, name="core-1", ports=4, wide=True):
        self.name, self.wide = name, wide
        self.uptime_s = 3600
        self.counters = {index: {"in": 0, "out": 0, "errors": 0} for index in range(1, ports + 1)}
        self.oper = {index: 1 for index in self.counters}
        self.speed_mbps = 1000
        self.cpu, self.memory = 37, (600_000_000, 400_000_000)
        self.neighbours = [(1, "00:1b:21:3c:9d:f8", "eth0", "router-1", "192.0.2.254")]

    def port(self, index):
        return f"Gi1/0/{index}"

    def rows(self):
        ticks = int(self.uptime_s * 100) % 2**32
        rows = [(f"{SYSTEM}.1.0", TEXT, "Cisco IOS Software, made up"),
                (f"{SYSTEM}.2.0", OID, "1.3.6.1.4.1.9.1.2066"), (f"{SYSTEM}.3.0", TICKS, ticks),
                (f"{SYSTEM}.5.0", TEXT, self.name), (f"{SYSTEM}.6.0", TEXT, "basement"),
                (f"{CISCO}.109.1.1.1.1.8.1", GAUGE, self.cpu),
                (f"{CISCO}.48.1.1.1.5.1", GAUGE, self.memory[0]),
                (f"{CISCO}.48.1.1.1.6.1", GAUGE, self.memory[1]),
                ("1.3.6.1.2.1.47.1.1.1.1.5.1001", INTEGER, 3),
                ("1.3.6.1.2.1.47.1.1.1.1.11.1001", TEXT, "FOC1234X0AB"),
                ("1.3.6.1.2.1.47.1.1.1.1.13.1001", TEXT, "C9300-48P")]
        for index, counter in self.counters.items():
            rows += self._port_rows(index, counter)
        for number, (local, mac, port, name, address) in enumerate(self.neighbours, 1):
            rows += self._neighbour_rows(number, local, mac, port, name, address)
        return rows

    def _port_rows(self, index, counter):
        rows = [(f"{IF}.2.{index}", TEXT, f"GigabitEthernet1/0/{index}"),
                (f"{IF}.3.{index}", INTEGER, 6), (f"{IF}.5.{index}", GAUGE, 4294967295
                 if self.speed_mbps > 4294 else self.speed_mbps * 1000000),
                (f"{IF}.6.{index}", HEX, f"0200000000{index:02x}"), (f"{IF}.7.{index}", INTEGER, 1),
                (f"{IF}.8.{index}", INTEGER, self.oper[index]),
                (f"{IF}.10.{index}", COUNTER32, counter["in"] % 2**32),
                (f"{IF}.16.{index}", COUNTER32, counter["out"] % 2**32),
                (f"{IF}.13.{index}", COUNTER32, 0), (f"{IF}.19.{index}", COUNTER32, 0),
                (f"{IF}.14.{index}", COUNTER32, counter["errors"] % 2**32),
                (f"{IF}.20.{index}", COUNTER32, 0)]
        if self.wide:
            rows += [(f"{IFX}.1.{index}", TEXT, self.port(index)),
                     (f"{IFX}.18.{index}", TEXT, f"desk {index}"),
                     (f"{IFX}.15.{index}", GAUGE, self.speed_mbps),
                     (f"{IFX}.19.{index}", TICKS, 0),
                     (f"{IFX}.6.{index}", COUNTER64, counter["in"] % 2**64),
                     (f"{IFX}.10.{index}", COUNTER64, counter["out"] % 2**64)]
            rows += [(f"{IFX}.{column}.{index}", COUNTER64, counter["in"] // 1000 % 2**64)
                     for column in (7, 11)]
        return rows

    @staticmethod
    def _neighbour_rows(number, local, mac, port, name, address):
        at = f"{LLDP}.4.1.1.{{}}.0.{local}.{number}"
        return [(at.format(4), INTEGER, 4), (at.format(5), HEX, mac.replace(":", "")),
                (at.format(6), INTEGER, 5), (at.format(7), TEXT, port),
                (at.format(8), TEXT, "uplink"), (at.format(9), TEXT, name),
                (at.format(10), TEXT, "a router"),
                (f"{LLDP}.3.7.1.2.{local}", INTEGER, 5),
                (f"{LLDP}.3.7.1.3.{local}", TEXT, f"Gi1/0/{local}"),
                (f"{LLDP}.4.2.1.3.0.{local}.{number}.1.4.{address}", INTEGER, 2)]
