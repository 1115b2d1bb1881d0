"""One outage is one alert: of a site that goes as a whole, of an instance that comes and goes, and of
one whose neighbours stay. The agents are stand-ins that say no more than heartbeats."""

import signal
import threading
import time

import pytest

from lab import wait_for
from sim import Sim

NAMES = ["roma-1", "roma-2", "roma-3", "bari-1"]
BEAT_S = 2


class Herd:
    """Agents that all send heartbeats until they are told to be quiet."""

    def __init__(self, lab):
        self.sims, self.quiet, self.ended = {}, set(), False
        for name in NAMES:
            self.sims[name] = Sim(lab, name, lab.token(name, name.split("-")[0]))
            self.sims[name].enrol()
            self.sims[name].ask("hello 1", "welcome")
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.ended:
            for name, sim in self.sims.items():
                if name not in self.quiet:
                    sim.do("beat 0 1000")
            time.sleep(BEAT_S)

    def close(self):
        self.ended = True
        self.thread.join()
        for sim in self.sims.values():
            sim.close()


@pytest.fixture
def herd(lab):
    api = lab.start_centre()
    herd = Herd(lab)
    herd.api = api
    wait_for(lambda: states(api) == dict.fromkeys(NAMES, "up"), 30, "all are up")
    yield herd
    herd.close()


def states(api):
    return {row["name"]: row["state"] for row in api.get("/fleet")["instances"]}


def alerts(api, name, state="engaged"):
    rows = api.get(f"/alerts?state={state}&limit=100")["items"]
    return sorted(row["instance"] or row["entity_id"] for row in rows if row["name"] == name)


def test_a_site_that_goes_is_one_alert_and_its_end_ends_it(herd):
    api = herd.api
    herd.quiet = {"roma-1", "roma-2", "roma-3"}
    wait_for(lambda: alerts(api, "fleet_site_down") == ["roma"], 60, "the site is told")
    wait_for(lambda: all(states(api)[name] == "unreachable" for name in herd.quiet), 30,
             "each is unreachable")
    time.sleep(8)  # longer than an alert of its own would wait
    assert alerts(api, "fleet_agent_unreachable", "all") == []
    herd.quiet = set()
    wait_for(lambda: alerts(api, "fleet_site_down") == [], 30, "the site is back")
    wait_for(lambda: states(api) == dict.fromkeys(NAMES, "up"), 30, "all are up")
    assert alerts(api, "fleet_agent_recovered", "all") == []
    assert alerts(api, "fleet_site_down", "all") == ["roma"]


def test_who_stays_away_longer_than_its_site_is_told_alone(herd):
    api = herd.api
    herd.quiet = {"roma-1", "roma-2", "roma-3"}
    wait_for(lambda: alerts(api, "fleet_site_down") == ["roma"], 60, "the site is told")
    wait_for(lambda: all(states(api)[name] == "unreachable" for name in herd.quiet), 30,
             "each is unreachable")
    herd.quiet = {"roma-2"}
    wait_for(lambda: alerts(api, "fleet_agent_unreachable") == ["roma-2"], 40, "it is told")
    assert alerts(api, "fleet_site_down") == []


def test_one_whose_neighbours_stay_is_told_by_itself(herd):
    api = herd.api
    herd.quiet = {"roma-1"}
    wait_for(lambda: alerts(api, "fleet_agent_unreachable") == ["roma-1"], 60, "it is told")
    assert alerts(api, "fleet_site_down", "all") == []
    herd.quiet = set()
    wait_for(lambda: alerts(api, "fleet_agent_unreachable") == [], 30, "it is back")
    assert alerts(api, "fleet_agent_recovered", "all") == ["roma-1"]


def test_one_that_comes_and_goes_is_told_once(herd):
    api = herd.api
    sim = herd.sims["bari-1"]
    for _ in range(4):  # a connection that breaks is suspect at once, a heartbeat ends that
        sim.child.send_signal(signal.SIGSTOP)
        herd.quiet = {"bari-1"}
        wait_for(lambda: states(api)["bari-1"] in ("suspect", "unreachable"), 30, "it is missed")
        sim.child.send_signal(signal.SIGCONT)
        herd.quiet = set()
        wait_for(lambda: states(api)["bari-1"] == "up", 30, "it is back")
    wait_for(lambda: alerts(api, "fleet_agent_flapping") == ["bari-1"], 20, "it is told")
    herd.quiet = {"bari-1"}
    wait_for(lambda: states(api)["bari-1"] == "unreachable", 60, "it is unreachable")
    time.sleep(8)
    assert alerts(api, "fleet_agent_unreachable") == []
