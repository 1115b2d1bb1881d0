"""What is lost is told: gaps of an instance with about when, their sums over the fleet, what the
centre put aside and why."""

import time

import pytest

from client import Refused
from lab import wait_for
from sim import Sim
from test_rollups import hello


def test_gaps_drops_and_quarantine_say_what_where_and_why(lab):
    api = lab.start_centre()
    sim = Sim(lab, "pisa-1", lab.token("pisa-1", "pisa"))
    assert sim.enrol()["ok"]
    hello(sim)
    assert api.get("/instances/pisa-1/gaps")["items"] == []
    assert api.get("/drops")["gaps"] == []
    began = time.time() * 1000
    assert sim.ask("flows 7 1 3")["upto"] == 3
    assert sim.ask("gap 7 4 1003")["upto"] == 1003
    assert sim.ask("junk 7 1004")["upto"] == 1004
    sim.do("broken")
    wait_for(lambda: api.get("/drops")["centre"]["malformed"] == 1, 20, "what is no batch is counted")

    (gap,) = api.get("/instances/pisa-1/gaps")["items"]
    assert (gap["stream"], gap["from"], gap["to"], gap["records"], gap["reason"]) == (
        "flow", "4", "1003", 1000, "spool_full")
    assert began - 60_000 < gap["from_ms"] <= gap["to_ms"] < time.time() * 1000 + 60_000
    drops = api.get("/drops")
    assert [(g["instance"], g["stream"], g["reason"], g["records"], g["gaps"]) for g in drops["gaps"]] == [
        ("pisa-1", "flow", "spool_full", 1000, 1)]
    assert (drops["centre"]["quarantined"], drops["centre"]["stored"]) == (1, 3)

    rows = wait_for(lambda: (lambda items: items if len(items) == 2 else None)(
        api.get("/quarantine")["items"]), 20, "both are in quarantine")
    assert {(row["instance"], row["reason"]) for row in rows} == {
        ("pisa-1", "a message of 18 bytes"), ("pisa-1", "not a flow record")}
    with pytest.raises(Refused) as refused:
        api.get("/instances/nobody/gaps")
    assert refused.value.status == 404
    sim.close()
