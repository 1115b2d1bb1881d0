"""A person's way through the console, in Chromium, before a whole and real Picket."""

import os
import pathlib
import shutil
import subprocess
import time

from lab import TOP, wait_for
from packets import write_load, write_scan

SHOTS = pathlib.Path(os.environ.get("PICKET_SHOTS", TOP / "build/shots"))
LIMIT_S = 300


def start_three(lab):
    api = lab.start_centre()
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
    return list(sources)


def test_a_person_signs_in_watches_one_die_and_drills_down(lab):
    names = start_three(lab)
    victim = lab.agents[names[-1]]
    again = lab.dir / "start-again"
    command = [shutil.which("node"), TOP / "tests/browser/run.mjs", "--url", lab.url, "--user",
               "admin", "--password-file", lab.password_file, "--instances", ",".join(names),
               "--kill-command", f"kill -9 {victim.pid}", "--start-command", f"touch {again}",
               "--shots", SHOTS]
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
