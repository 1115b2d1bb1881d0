"""A person's way through the console, in Chromium, before a whole and real Picket."""

import os
import pathlib
import shutil
import subprocess
import time

import pytest

from devices import Snmpd
from furnish import furnish
from lab import TOP, wait_for
from packets import write_load, write_scan

SHOTS = pathlib.Path(os.environ.get("PICKET_SHOTS", TOP / "build/shots"))
LIMIT_S = 600  # it takes some four minutes on a quiet machine
FRESH_LIMIT_S = 150


def command_of(lab, *words):
    return [shutil.which("node"), TOP / "tests/browser/run.mjs", "--url", lab.url, "--user",
            "admin", "--password-file", lab.password_file, "--shots", SHOTS, *words]


def look_at_the_fresh_centre(lab):
    done = subprocess.run(command_of(lab, "--fresh"), capture_output=True, text=True, cwd=TOP,
                          timeout=FRESH_LIMIT_S, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def start_three(lab, api):
    load, scan = lab.dir / "load.pcap", lab.dir / "scan.pcap"
    write_load(load, flows=1500, seconds=60)
    write_scan(scan)
    sources = {"pisa-1": f"file:{load}?loop&pace=1, file:{scan}?loop&pace=1",
               "lucca-1": f"file:{load}?loop&pace=1", "siena-1": f"file:{load}?loop&pace=1"}
    for name, source in sources.items():
        lab.agent(name, source, site=name.split("-")[0])
    for name in sources:
        wait_for(lambda: ((api.instance(name) or {}).get("throughput_bps") or 0) > 0, 40,
                 f"{name} tells its throughput")
    wait_for(lambda: api.get("/assets?instance=siena-1&limit=1")["items"], 60,
             "the one that is going to die has told its assets")
    return list(sources)


@pytest.fixture
def snmpd(tmp_path):
    device = Snmpd(tmp_path / "snmpd").start()
    yield device
    device.stop()


def test_a_person_signs_in_watches_one_die_and_drills_down(lab, snmpd):
    api = lab.start_centre()
    look_at_the_fresh_centre(lab)
    names = start_three(lab, api)
    furnish(api, snmpd, names[0], lab.http_port)
    victim = lab.agents[names[-1]]
    again = lab.dir / "start-again"
    command = command_of(lab, "--instances", ",".join(names), "--kill-command",
                         f"kill -9 {victim.pid}", "--start-command", f"touch {again}")
    log = lab.dir / "browser.log"
    with open(log, "wb") as out:
        browser = subprocess.Popen(command, stdout=out, stderr=out, cwd=TOP)
    until = time.monotonic() + LIMIT_S
    try:
        while browser.poll() is None and time.monotonic() < until:
            if again.exists():
                again.unlink()
                victim.start()
            time.sleep(0.1)
    finally:
        browser.kill()
        browser.wait(10)
    said = log.read_text()
    print(said)
    assert browser.returncode == 0, said
    assert " passed, 0 failed" in said
