"""The states of an instance as a person sees them: on the live channel, never reloaded, while
processes are killed. The lab has three agents that replay a capture at its own pace."""

import signal
import time

import pytest

from client import Live
from lab import wait_for
from packets import write_load

AGENTS = ["pisa-1", "lucca-1", "siena-1"]


def start(lab):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=400, seconds=20)
    for name in AGENTS:
        lab.agent(name, f"file:{capture}?loop&pace=1", site=name.split("-")[0])
    for name in AGENTS:
        wait_up(api, name)
    return api, Live(api, ["fleet"])


def wait_up(api, name, timeout=30):
    return wait_for(lambda: state(api, name) in ("up", "degraded") and api.instance(name), timeout,
                    f"{name} is up")


def state(api, name):
    row = api.instance(name)
    return row and row["state"]


def in_state(name, *wanted):
    """A filter for the live channel: a fleet message in which the instance has that state."""
    def accept(message):
        rows = (message.get("data") or {}).get("instances") or []
        return any(row["name"] == name and row["state"] in wanted for row in rows)
    return accept


def row_of(message, name):
    return next(row for row in message["data"]["instances"] if row["name"] == name)


def never_unreachable(lab, names=AGENTS):
    for name in names:
        assert "unreachable" not in [to for to, _ in lab.state_changes(name)], name


@pytest.mark.alone
def test_a_killed_agent_is_unreachable_in_five_seconds_and_its_outage_is_told(lab):
    api, live = start(lab)
    killed = time.monotonic()
    lab.agents["pisa-1"].kill()
    message = live.wait(in_state("pisa-1", "unreachable"), 5)
    row = row_of(message, "pisa-1")
    assert time.monotonic() - killed <= 5
    assert row["cause"] == "process_dead"
    alerts = wait_for(lambda: [alert for alert in api.get("/alerts?state=engaged&limit=50")["items"]
                               if alert["name"] == "fleet_agent_unreachable"
                               and alert["instance"] == "pisa-1"], 5, "the alert is stored")
    assert alerts[0]["state"] == "engaged"
    lab.agents["pisa-1"].start()
    row = row_of(live.wait(in_state("pisa-1", "up", "degraded"), 15), "pisa-1")
    assert row["outage_ms"] >= 1000
    wait_for(lambda: not [alert for alert in api.get("/alerts?state=engaged&limit=50")["items"]
                          if alert["name"] == "fleet_agent_unreachable"], 5, "the alert is released")
    never_unreachable(lab, AGENTS[1:])


def test_a_stopped_agent_says_goodbye(lab):
    _, live = start(lab)
    lab.agents["lucca-1"].kill(signal.SIGTERM)
    live.wait(in_state("lucca-1", "stopped"), 6)
    assert lab.agents["lucca-1"].child.wait(10) == 0
    time.sleep(6)
    never_unreachable(lab)
    lab.agents["lucca-1"].start()
    live.wait(in_state("lucca-1", "up", "degraded"), 15)


@pytest.mark.alone
def test_a_killed_engine_or_control_is_back_in_two_seconds_and_told(lab):
    api, live = start(lab)
    for part, told in (("engine", "agent_crashed"), ("control", None)):
        agent = lab.agents["siena-1"]
        before = wait_for(lambda: next((pid for name, pid in agent.children().items()
                                        if part in name), None), 5, f"{part} runs")
        agent_kill = time.monotonic()
        import os
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: next((pid for name, pid in agent.children().items()
                               if part in name and pid != before), None), 2, f"{part} is back")
        assert time.monotonic() - agent_kill <= 2.2
        if told:
            wait_for(lambda: [alert for alert in api.get("/alerts?state=all&limit=100")["items"]
                              if alert["name"] == told and alert["instance"] == "siena-1"], 10,
                     f"{told} is stored")
        else:
            assert "control ended" in agent.text() or "control" in agent.text()
        wait_up(api, "siena-1")
        time.sleep(4)
    live.close()
    never_unreachable(lab)


def engaged_about(api, name):
    return [alert["name"] for alert in api.get("/alerts?state=engaged&limit=50")["items"]
            if alert["instance"] == name]


@pytest.mark.alone
def test_a_revocation_releases_the_alerts_of_the_instance(lab):
    """As nobody is left who could: the agent's own too, and one that is told on the live channel."""
    api, fleet = start(lab)
    lab.agents["pisa-1"].kill()
    fleet.wait(in_state("pisa-1", "unreachable"), 5)
    wait_for(lambda: "fleet_agent_unreachable" in engaged_about(api, "pisa-1"), 5,
             "the alert is stored")
    lab.sql("INSERT INTO alert (instance_id, kind, entity, entity_id, key, state, score, first_at,"
            " last_at, epoch, seq) SELECT id, 338, 1, '10.0.0.1', '', 'engaged', 50, now(), now(),"
            " 7, 7 FROM instance WHERE name = 'pisa-1' RETURNING id")
    assert len(engaged_about(api, "pisa-1")) == 2
    live = Live(api, ["alerts"])
    lab.picketctl("agent", "revoke", "pisa-1")
    wait_for(lambda: engaged_about(api, "pisa-1") == [], 5, "its alerts are released")
    live.wait(lambda message: any(
        alert["name"] == "fleet_agent_unreachable" and alert["instance"] == "pisa-1"
        and alert["state"] == "released"
        for alert in (message.get("data") or {}).get("alerts") or []), 10)
    wait_for(lambda: api.instance("pisa-1")["state"] == "revoked"
             and api.instance("pisa-1")["alerts_engaged"] == 0, 5, "the fleet counts none")


@pytest.mark.slow
def test_the_centre_s_parts_may_die_without_one_false_alarm(lab):
    api, live = start(lab)
    live.close()
    for part in (lab.nats, lab.database, lab.aggregator):
        part.kill()
        time.sleep(2)
        part.start()
        wait_for(lambda: lab.database_answers() and lab.nats_answers() and lab.ready(api), 30,
                 f"{part.name} is back")
        time.sleep(8)
        for name in AGENTS:
            wait_up(api, name)
    never_unreachable(lab)
