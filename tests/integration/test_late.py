"""What comes late: stored with both times, told once for an instance rather than as news."""

import json
import time

from lab import wait_for
from sim import Sim
from test_notify import Hooks
from test_rollups import hello


def test_late_alerts_are_digested_and_say_both_times(lab):
    api = lab.start_centre()
    hooks = Hooks()
    api.post("/recipients", {"name": "hook", "type": "webhook", "address": hooks.url,
                             "secret": "a key that signs", "min_severity": "info"})
    sim = Sim(lab, "pisa-1", lab.token("pisa-1", "pisa"))
    assert sim.enrol()["ok"]
    hello(sim)
    sim.do("age 3600")
    for seq in range(1, 6):
        assert sim.ask(f"alert 7 {seq} engage late-{seq}")["upto"] == seq
    assert sim.ask("alert 7 6 release late-1")["upto"] == 6
    sim.do("age 0")
    assert sim.ask("alert 7 7 engage fresh")["upto"] == 7

    def of_sim():
        return [(body["late"], sorted((a["key"], a["change"]) for a in body["alerts"] if a["kind"] == fresh))
                for body in (json.loads(b) for _, b in hooks.calls)]

    fresh = api.get("/alerts?q=192.0.2.9")["items"][0]["name"]
    wait_for(lambda: (False, [("fresh", "began")]) in of_sim(), 30, "the news is told at once")
    wait_for(lambda: any(late for late, _ in of_sim()), 60, "the digest is told")
    digest = [alerts for late, alerts in of_sim() if late]
    assert digest == [sorted([(f"late-{n}", "began") for n in range(1, 6)] + [("late-1", "ended")])]
    assert all(key == "fresh" for late, alerts in of_sim() if not late for key, _ in alerts)
    subject = lab.sql("SELECT subject FROM delivery WHERE subject LIKE '%%came late%%'")[0][0]
    assert subject.startswith("Picket: 6 alerts of pisa-1 that came late, 20")

    times = lab.sql("SELECT key, extract(epoch FROM now() - first_at), arrived_at IS NOT NULL FROM alert"
                    " WHERE entity_id = '192.0.2.9'")
    assert len(times) == 6
    assert all(late == (key != "fresh") and (age > 3000) == late for key, age, late in times)
    late = [row for row in api.get("/alerts?q=192.0.2.9")["items"] if row["arrived_ms"] is not None]
    assert len(late) == 5 and all(abs(row["arrived_ms"] - time.time() * 1000) < 120_000
                                  and row["arrived_ms"] - row["first_ms"] > 3_000_000 for row in late)
    hooks.server.shutdown()
    hooks.server.server_close()
    sim.close()
