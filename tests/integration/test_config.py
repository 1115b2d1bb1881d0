"""Configuration on its way: made at the centre, checked, signed, pushed, in force at the agents."""

import pytest

from client import Refused
from lab import wait_for
from packets import write_load

DENY_ALL = {"scope": "fleet", "name": "All", "body": {"action": "deny"}}


def change(api, method, path, body=None):
    return api.call(method, "/api/v1/config/" + path, body)[0]


def rollout(api, name):
    row = api.instance(name)
    return row and row["config"]


def in_force(api, name, revision, timeout=5):
    return wait_for(lambda: rollout(api, name) == {
        "state": "in_force", "wanted": revision, "in_force": revision, "reason": None}, timeout,
        f"revision {revision} is in force at {name}")


def start(lab, *names):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=50, seconds=20)
    for name in names:
        lab.agent(name, f"file:{capture}?loop&pace=1", site=name.split("-")[0])
    for name in names:
        wait_for(lambda: (api.instance(name) or {}).get("state") == "up", 30, f"{name} is up")
    return api


def test_an_item_is_in_force_within_its_scope_and_a_narrower_one_takes_its_place(lab):
    api = start(lab, "pisa-1", "lucca-1")
    assert rollout(api, "pisa-1")["state"] == "none"
    item = api.post("/config/acl", DENY_ALL)
    in_force(api, "pisa-1", 1)
    in_force(api, "lucca-1", 1)
    local = api.post("/config/acl", {**DENY_ALL, "scope": "site:pisa", "enabled": False})
    in_force(api, "pisa-1", 2)
    assert rollout(api, "lucca-1")["wanted"] == 1
    change(api, "DELETE", f"acl/{local['id']}")
    in_force(api, "pisa-1", 3)
    answer = change(api, "PUT", f"acl/{item['id']}", {
        **DENY_ALL, "version": 1, "body": {"action": "allow", "server_ports": ["1-1024"]}})
    assert answer["version"] == 2
    in_force(api, "lucca-1", 2)
    history = api.get(f"/config/acl/{item['id']}/history")["items"]
    assert [(row["version"], row["action"], row["body"]["action"]) for row in history] == [
        (2, "changed", "allow"), (1, "created", "deny")]
    assert [row[0] for row in lab.sql("SELECT action FROM audit WHERE action LIKE 'config%%'"
                                      " ORDER BY id")] == [
        "config.acl.created", "config.acl.created", "config.acl.deleted", "config.acl.changed"]


@pytest.mark.parametrize("change_of, field, message", [
    ({"body": {"action": "deny", "client": ["10.0.0.0/8", "10.1.2.3/8"]}}, "body.client[1]",
     '"10.1.2.3/8" is no address or network.'),
    ({"body": {"action": "deny", "server_ports": ["80-70"]}}, "body.server_ports[0]",
     '"80-70" is no port from 0 to 65535 and no range.'),
    ({"body": {"action": "deny", "port": 80}}, "body.port", "This member is not known here."),
    ({"body": {"action": "block"}}, "body.action", "Use one of: allow, deny, observe."),
    ({"body": {"action": "deny", "apps": ["TLS", "Facebok"]}}, "body.apps[1]",
     'Agents know no application "Facebok": this would never match.'),
    ({"scope": "site:nowhere"}, "scope", "There is no site of this name."),
    ({"name": ""}, "name", "Use 1 to 80 bytes."),
])
def test_a_mistake_is_refused_with_field_and_reason_and_nothing_is_stored(
        centre, change_of, field, message):
    with pytest.raises(Refused) as refusal:
        centre.post("/config/acl", {**DENY_ALL, **change_of})
    assert refusal.value.status == 400
    assert refusal.value.body["error"]["field"] == field
    assert refusal.value.body["error"]["message"] == message
    assert centre.get("/config/acl")["items"] == []


@pytest.fixture(scope="module")
def centre(shared_lab):
    return shared_lab.start_centre()


def test_two_people_who_change_one_item_do_not_undo_each_other(centre):
    item = centre.post("/config/acl", DENY_ALL)
    change(centre, "PUT", f"acl/{item['id']}", {**DENY_ALL, "version": 1, "enabled": False})
    with pytest.raises(Refused) as refusal:
        change(centre, "PUT", f"acl/{item['id']}", {**DENY_ALL, "version": 1})
    assert refusal.value.status == 409 and refusal.value.body["error"]["field"] == "version"
    with pytest.raises(Refused) as refusal:
        centre.post("/config/acl", DENY_ALL)
    assert refusal.value.status == 409 and refusal.value.body["error"]["field"] == "name"
    change(centre, "DELETE", f"acl/{item['id']}")


def test_a_rule_is_put_before_another_and_both_keep_their_order(centre):
    for name, place in (("a", None), ("b", None), ("c", 1), ("d", 2)):
        body = {**DENY_ALL, "name": name, **({"position": place} if place else {})}
        centre.post("/config/acl", body)
    items = centre.get("/config/acl")["items"]
    assert [item["name"] for item in items] == ["c", "d", "a", "b"]
    for item in items:
        change(centre, "DELETE", f"acl/{item['id']}")


def test_configuration_outlives_the_agent_and_the_centre_and_an_old_database(lab):
    api = start(lab, "pisa-1")
    api.post("/config/acl", DENY_ALL)
    in_force(api, "pisa-1", 1)
    lab.agents["pisa-1"].stop()
    lab.agents["pisa-1"].start()
    wait_for(lambda: "configuration revision 1 is in force, from disk"
             in lab.agents["pisa-1"].text(), 20, "it is loaded")
    api.post("/config/acl", {**DENY_ALL, "name": "More"})
    in_force(api, "pisa-1", 2, 30)
    # A backup from before the second rule: the agent has a revision that nobody knows any more.
    lab.aggregator.stop()
    lab.sql("UPDATE config_state SET revision = 1, in_force = 1 RETURNING 1")
    lab.sql("DELETE FROM config_item WHERE name = 'More' RETURNING 1")
    lab.aggregator.start()
    wait_for(lambda: lab.ready(api), 20, "the centre is back")
    wait_for(lambda: (rollout(api, "pisa-1") or {}).get("in_force") == 3, 60,
             "the centre counts on above it")
