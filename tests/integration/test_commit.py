"""A COMMIT that is done, and whose answer is lost: what was stored is told, once, to everybody."""

import pytest

from client import Live
from lab import wait_for
from pgproxy import Proxy
from sim import Sim


@pytest.fixture
def site(lab):
    lab.proxy = Proxy(lab.dir / "proxy", lab.dir / "postgres")
    lab.database_url = f"host={lab.dir}/proxy dbname=picket user=picket"
    lab.api = lab.start_centre()
    sim = Sim(lab, "pisa-1", lab.token("pisa-1", "pisa"))
    assert sim.enrol()["ok"]

    def welcomed():
        try:
            sim.do("hello 7")
            return sim.expect("welcome", 1)
        except AssertionError:
            return None

    wait_for(welcomed, 10, "a welcome")
    yield lab, sim
    sim.close()
    lab.proxy.close()


def test_alerts_of_a_commit_whose_answer_is_lost_reach_the_browsers(site):
    lab, sim = site
    live = Live(lab.api, ["alerts"])
    while live.receive(1.5):
        pass  # what a start has to tell is told
    lab.proxy.cut_commit_of(b"INTO alert (")
    assert sim.ask("alert 7 1 engage lost")["upto"] == 1
    assert lab.proxy.cuts == 1, "the answer was not lost: this test shows nothing"
    assert lab.sql("SELECT count FROM alert WHERE key = 'lost'") == [(1,)]
    live.wait(lambda frame: any(row["kind"] == 134 for row in frame["data"]["alerts"]), 5)
    assert sim.ask("alert 7 2 engage lost")["upto"] == 2
    assert lab.sql("SELECT count FROM alert WHERE key = 'lost'") == [(2,)]
    live.close()
