"""One outage is one alert: of a site that goes as a whole, of an instance that comes and goes, and of
one whose neighbours stay. The agents are stand-ins that say no more than heartbeats."""

import shutil
import signal
import threading
import time

import pytest

from lab import AGENT, Process, wait_for
from packets import write_load
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


def clone_of(lab, name):
    """A second machine with a copy of everything that the agent keeps."""
    spool, config = lab.dir / f"{name}.spool", lab.dir / f"{name}.conf"
    other_spool, other_config = lab.dir / "clone.spool", lab.dir / "clone.conf"
    shutil.copytree(spool, other_spool)
    other_config.write_text(config.read_text().replace(str(spool), str(other_spool)))
    return Process(lab, "clone", [AGENT, "--config", other_config])


def test_a_clone_is_noticed_and_its_end_too(lab):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=50, seconds=10)
    lab.agent("pisa-1", f"file:{capture}?loop&pace=1")
    wait_for(lambda: states(api).get("pisa-1") in ("up", "degraded"), 30, "it is up")
    clone = clone_of(lab, "pisa-1").start()
    wait_for(lambda: states(api)["pisa-1"] == "duplicate", 40, "the clone is noticed")
    wait_for(lambda: alerts(api, "fleet_duplicate_id") == ["pisa-1"], 10, "it is told")
    time.sleep(6)
    assert states(api)["pisa-1"] == "duplicate"
    clone.stop()
    wait_for(lambda: states(api).get("pisa-1") in ("up", "degraded"), 60, "one is left")
    wait_for(lambda: alerts(api, "fleet_duplicate_id") == [], 10, "the alert is released")


def test_a_clock_that_is_off_is_told_until_it_is_right(herd):
    """The stand-in's own clock cannot be set: its heartbeats are written by hand."""
    api, sim = herd.api, herd.sims["bari-1"]
    herd.quiet = {"bari-1"}

    def beats(skew_s, until):
        for number in range(40):
            if until():
                return True
            now_ns = time.time_ns() + int(skew_s * 1e9)
            sim.do('raw pk.v1.up.1.bari-1.hb {"v":1,"n":%d,"boot":"boot-of-sim","t":%d,"up_s":1,'
                   '"st":"up","why":[],"bps":1,"pps":1,"hosts":1,"flows":1,"eng":0,"fal":0,"drop":{},"sp":{}}'
                   % (number + 1, now_ns))
            time.sleep(1)
        return False

    assert beats(-5, lambda: alerts(api, "fleet_clock_skew") == ["bari-1"])
    row = next(row for row in api.get("/alerts?state=engaged&limit=50")["items"]
               if row["name"] == "fleet_clock_skew")
    assert "behind the centre's clock" in row["detail"]
    assert beats(0, lambda: alerts(api, "fleet_clock_skew") == [])
