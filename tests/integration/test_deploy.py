"""What is deployed, as far as it can be told without installing: the units as systemd reads them, the
scripts as a shell reads them, and that the programs tell systemd of their life."""

import os
import re
import shutil
import socket
import subprocess

import pytest
import yaml

from lab import TOP, wait_for
from packets import write_load

UNITS = sorted((TOP / "deploy/systemd").glob("*.service"))
SCRIPTS = [path for path in sorted((TOP / "deploy").rglob("*"))
           if path.is_file() and path.read_bytes()[:2] == b"#!" and b"sh" in
           path.read_bytes().split(b"\n", 1)[0]]
EXPOSURE_MAX = 2.0
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_reads_the_unit_without_a_word(unit):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                          text=True, timeout=30)
    # The programs of the package are not installed here; all else would be a fault of ours.
    words = [line for line in done.stderr.splitlines()
             if line.startswith(unit.name) and "is not executable" not in line]
    assert words == []


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_finds_the_unit_little_exposed(unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", unit],
                          capture_output=True, text=True, timeout=30)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert level and float(level[1]) <= EXPOSURE_MAX, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(TOP)))
def test_a_shell_can_read_the_script(script):
    shell = "bash" if b"bash" in script.read_bytes().split(b"\n", 1)[0] else "sh"
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, done.stderr


def test_a_newer_compiler_s_warning_does_not_end_a_user_s_build():
    cache = {line.split()[0] for line in (TOP / "tests/presets/release.cmake").read_text()
             .splitlines() if line.startswith("set(")}
    assert "set(CMAKE_BUILD_TYPE" in cache and "set(PICKET_WERROR" not in cache
    builders = [path for path in (TOP / "deploy").rglob("*")
                if path.is_file() and "cmake -G" in path.read_text(errors="replace")]
    assert len(builders) >= 2
    assert [path.name for path in builders if "WERROR" in path.read_text(errors="replace")] == []


COMPOSE = sorted((TOP / "deploy/compose").glob("*.yml"))
AGENT_ENV = {"PICKET_NAME": "pisa-1", "PICKET_NATS_URLS": "tls://centre:4222",
             "TOKEN_FILE": "/dev/null"}


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="no docker-compose")
@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: path.name)
def test_compose_reads_the_file(file):
    done = subprocess.run(["docker-compose", "-f", file, "config", "-q"], capture_output=True,
                          text=True, timeout=60, env={**os.environ, **AGENT_ENV})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: path.name)
def test_no_container_has_more_rights_than_it_needs(file):
    for name, service in yaml.safe_load(file.read_text())["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_RAW", "NET_ADMIN"] if name == "agent" else [])
        assert not service.get("privileged") and service.get("user") != "root", name
        assert service["logging"]["options"]["max-size"], name


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}
        self.words = []

    def heard(self):
        try:
            while True:
                self.words.append(self.socket.recv(4096).decode().split("\n")[0])
        except BlockingIOError:
            return self.words


def test_both_programs_tell_systemd_of_start_life_and_end(lab):
    lab.start_centre()
    write_load(lab.dir / "load.pcap", flows=5, seconds=5)
    lab.agent("pisa-1", f"file:{lab.dir}/load.pcap?loop")
    for process in (lab.agents["pisa-1"], lab.aggregator):
        process.stop()
        systemd = Systemd(lab.dir / f"{process.name}.notify")
        process.env = {**(process.env or {}), **systemd.env}
        process.start()
        wait_for(lambda: systemd.heard().count("WATCHDOG=1") >= 3, 20, "three signs of life")
        process.stop()
        assert systemd.heard()[0] == "READY=1" and systemd.words[-1] == "STOPPING=1"
