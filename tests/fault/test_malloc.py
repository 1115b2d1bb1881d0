"""Memory that is refused once, at the k-th call of our own code: a clean end with a word about it,
or the program goes on; never a crash. Preloading does not work under sanitizers, so the release
build is tried."""

import os
import re
import subprocess
import time

import pytest

import lab as lab_module
from lab import TOP, Process, wait_for
from packets import write_load

RELEASE = TOP / "build/release"
STEPS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987)
CALLS = range(1, 1000, 7) if "PICKET_FAULT_ABSENCE_S" in os.environ else STEPS
SETTLE_S = 2


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    out = tmp_path_factory.mktemp("malloc") / "fail_malloc.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", out, TOP / "tests/fault/fail_malloc.c"],
                   check=True)
    return out


def tried(process, preload, k, is_up):
    """Runs it until it is up and a little longer, or ends by itself; never by a signal."""
    process.env = {**(process.env or {}), "LD_PRELOAD": str(preload), "FAIL_MALLOC_AT": str(k)}
    process.start()
    until = time.monotonic() + 30
    while process.child.poll() is None and not is_up() and time.monotonic() < until:
        time.sleep(0.05)
    if process.child.poll() is None:
        time.sleep(SETTLE_S)  # some batches
    status = process.stop(60)
    assert status in (0, 1, 2), f"refused call {k}: {process.name} ended with {status}"
    assert not re.search(r"signal (11|6|7|8)\b|SIGSEGV|SIGABRT", process.text()), f"call {k}"
    return status


def test_a_refused_call_ends_the_aggregator_cleanly_or_not_at_all(lab, refusing):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=100, seconds=5)
    lab.agent("pisa-1", f"file:{capture}?loop&pace=1")
    lab.aggregator.stop(60)
    victim = Process(lab, "victim", [RELEASE / "aggregator/picket-aggregator",
                                     *lab.aggregator.command[1:]])
    statuses = [tried(victim, refusing, k, lambda: lab.ready(api)) for k in CALLS]
    assert {1, 2} & set(statuses) and 0 in statuses, "no call was refused, or all ended it"


def test_a_refused_call_ends_the_agent_cleanly_or_not_at_all(lab, refusing, monkeypatch):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=100, seconds=5)
    monkeypatch.setattr(lab_module, "AGENT", RELEASE / "agent/picket-agent")
    victim = lab.agent("pisa-1", f"file:{capture}?loop&pace=1", ledger=False)
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 60, "it is up")
    victim.stop(60)
    statuses = [tried(victim, refusing, k, lambda: api.instance("pisa-1")["state"] == "up")
                for k in CALLS]
    assert {1, 2} & set(statuses) and 0 in statuses, "no call was refused, or all ended it"
