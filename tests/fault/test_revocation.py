"""A revocation that overtakes a batch: what is stored afterwards cannot engage an alert, as nobody
would be left to release it."""

import psycopg2

from lab import wait_for
from sim import Sim
from test_rollups import hello


def waits_for_lock(lab):
    return lab.sql("SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
                   " WHERE c.relname = 'cursor' AND NOT l.granted")


def test_a_batch_that_a_revocation_overtakes_engages_nothing(lab):
    lab.start_centre()
    sims = [Sim(lab, name, lab.token(name, "pisa")) for name in ("pisa-1", "pisa-2")]
    for sim in sims:
        assert sim.enrol()["ok"]
        hello(sim)
        assert sim.ask("alert 7 1 engage before")["upto"] == 1
    with psycopg2.connect(lab.conninfo) as link:
        link.cursor().execute("LOCK TABLE cursor IN EXCLUSIVE MODE")
        sims[0].do("alert 7 2 engage after")
        wait_for(lambda: waits_for_lock(lab), 30, "the store waits with the batch")
        lab.picketctl("agent", "revoke", "pisa-1")
        link.rollback()
    assert sims[1].ask("alert 7 2 engage after")["upto"] == 2, "the other goes on"
    states = lab.sql("SELECT i.name, a.key, a.state FROM alert a JOIN instance i ON i.id = a.instance_id"
                     " WHERE a.kind = 134 ORDER BY 1, 2")
    assert [row for row in states if row[0] == "pisa-1"] == [("pisa-1", "before", "released")]
    for sim in sims:
        sim.close()
