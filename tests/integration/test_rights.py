"""Who an agent is decides what it may do: wrong tokens are refused, a good agent gone bad reaches
nobody else, and each refusal shows where a person looks for it."""

import base64
import json
import time

import pytest

from lab import wait_for
from nats import Nats, identity
from packets import write_load


@pytest.fixture(scope="module")
def centre(shared_lab):
    """A centre with one good agent and one more that was invited."""
    lab = shared_lab
    api = lab.start_centre()
    lab.capture = lab.dir / "load.pcap"
    write_load(lab.capture, flows=20, seconds=10)
    lab.first_token = lab.token("pisa-1", "pisa")
    lab.agent("pisa-1", f"file:{lab.capture}?loop", token=lab.first_token)
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
    return lab, api


def alerts_named(api, name):
    return [row for row in api.get("/alerts?state=all&limit=200")["items"] if row["name"] == name]


def metric(api, name):
    text = api.request("GET", "/metrics")[2].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name))


def test_a_garbled_token_is_refused_with_the_remedy(centre):
    lab, _ = centre
    bad = lab.dir / "garbled.token"
    bad.write_text("pkt1.this-is-not-a-token\n")
    bad.chmod(0o600)
    agent = lab.agent("garbled", f"file:{lab.capture}?loop", token=bad)
    wait_for(lambda: "refuse" in agent.text() and "picketctl agent add" in agent.text(),
             15, "the log names the token and the remedy")
    agent.stop()


def test_a_missing_token_is_named_with_its_key(centre):
    lab, _ = centre
    agent = lab.agent("tokenless", f"file:{lab.capture}?loop", token=lab.dir / "absent.token")
    wait_for(lambda: "absent.token" in agent.text(), 10, "the log names the file")
    agent.stop()


def test_a_used_up_token_is_refused_and_told_at_the_centre(centre):
    lab, api = centre
    agent = lab.agent("pisa-1-again", f"file:{lab.capture}?loop", token=lab.first_token)
    config = lab.dir / "pisa-1-again.conf"
    config.write_text(config.read_text().replace("name = pisa-1-again", "name = pisa-1", 1))
    agent.stop()
    agent.start()
    wait_for(lambda: "refused" in agent.text(), 20, "the agent's log tells the refusal")
    wait_for(lambda: alerts_named(api, "fleet_auth_failed"), 10, "an alert at the centre")
    agent.stop()
    assert api.instance("pisa-1")["state"] in ("up", "degraded")


def test_another_agents_token_is_refused(centre):
    lab, api = centre
    token = lab.token("lucca-1", "lucca")
    agent = lab.agent("siena-1", f"file:{lab.capture}?loop", token=token)
    wait_for(lambda: "refuse" in agent.text() or "lucca-1" in agent.text(), 20,
             "the agent's log tells the refusal")
    agent.stop()
    assert (api.instance("siena-1") or {}).get("state") not in ("up", "degraded")


def test_an_agent_cannot_speak_or_listen_for_another(centre):
    lab, _ = centre
    victim = lab.agent("lucca-2", f"file:{lab.capture}?loop")
    wait_for(lambda: "enrolled" in victim.text().lower(), 20, "lucca-2 enrolled")
    jwt, seed = identity(lab.dir / "pisa-1.spool")
    bad = Nats(lab.nats_port, jwt, seed)
    bad.publish("pk.v1.up.1.lucca-2.hb", b"{}")
    bad.publish("pk.v1.dn.lucca-2.ack", b"{}")
    bad.subscribe("pk.v1.dn.lucca-2.>")
    bad.subscribe("pk.v1.up.>")
    bad.flush()
    assert sum("ermissions" in error for error in bad.errors) == 4
    time.sleep(6)  # a heartbeat of the others passes: it must not arrive here
    bad.pump(timeout=1)
    assert bad.messages == []
    bad.close()


def test_a_reply_subject_that_points_at_another_agent_reaches_nobody(centre):
    lab, api = centre
    jwt, seed = identity(lab.dir / "pisa-1.spool")
    victim_jwt, victim_seed = identity(lab.dir / "lucca-2.spool")
    victim = Nats(lab.nats_port, victim_jwt, victim_seed, name="lucca-2-ear")
    victim.subscribe("pk.v1.dn.lucca-2.>")
    before = metric(api, "picket_replies_ignored_total")
    bad = Nats(lab.nats_port, jwt, seed)
    for word in ("hb", "hello", "b.flow"):
        bad.publish(f"pk.v1.up.1.pisa-1.{word}", b"not a message", reply="pk.v1.dn.lucca-2.cmd")
    bad.flush()
    wait_for(lambda: metric(api, "picket_replies_ignored_total") >= before + 3, 5,
             "/metrics counts what was ignored")
    victim.pump(timeout=2)
    assert [subject for subject, _ in victim.messages if subject.endswith(".cmd")] == []
    bad.close()
    victim.close()


def claims_of(spool):
    body = (spool / "identity/agent.jwt").read_text().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_no_agent_gets_an_identity_for_the_key_of_another(centre):
    lab, api = centre
    victim = claims_of(lab.dir / "lucca-2.spool")["sub"]
    before = metric(api, "picket_messages_malformed_total")
    bad = Nats(lab.nats_port, *identity(lab.dir / "pisa-1.spool"))
    bad.subscribe("pk.v1.dn.pisa-1.jwt")
    for nkey in (victim, "UNOTAKEY", ""):
        bad.publish("pk.v1.up.1.pisa-1.renew",
                    json.dumps({"v": 1, "nkey": nkey, "nonce": "n"}).encode())
    bad.flush()
    wait_for(lambda: metric(api, "picket_messages_malformed_total") >= before + 3, 5,
             "/metrics counts what was refused")
    bad.pump(timeout=1)
    assert bad.messages == []
    bad.close()


def test_a_revoked_agent_comes_back_with_a_new_token_alone(centre):
    lab, api = centre
    agent = lab.agent("livorno-1", f"file:{lab.capture}?loop")
    wait_for(lambda: (api.instance("livorno-1") or {}).get("state") == "up", 20, "it is up")
    before = claims_of(lab.dir / "livorno-1.spool")
    api.call("DELETE", "/api/v1/instances/livorno-1")
    wait_for(lambda: api.instance("livorno-1")["state"] == "revoked", 5, "it is revoked")
    wait_for(lambda: "the server refuses this agent" in agent.text(), 15, "its log says why")
    account = [json.loads(base64.urlsafe_b64decode((text := path.read_text().split(".")[1])
                                                   + "=" * (-len(text) % 4)))
               for path in (lab.dir / "centre/nats/jwt").glob("*.jwt")]
    revoked = [row for row in (a["nats"].get("revocations", {}) for a in account)
               if before["sub"] in row]
    assert revoked and revoked[0][before["sub"]] > time.time() + 1000 * 24 * 3600, \
        "an identity that was renewed meanwhile is refused as well"
    (lab.dir / "livorno-1.token").write_text((lab.dir / "pisa-1.token").read_text())
    wait_for(lambda: "did not help" in agent.text() or "cannot enrol" in agent.text(), 60,
             "another agent's token is no help")
    lab.token("livorno-1", "pisa")
    wait_for(lambda: api.instance("livorno-1")["state"] == "up", 60, "it is up again")
    assert "enrolling anew" in agent.text()
    assert claims_of(lab.dir / "livorno-1.spool")["sub"] != before["sub"]
    agent.stop()


def test_a_revoked_agent_is_cut_off_while_connected(centre):
    lab, api = centre
    lab.agent("grosseto-1", f"file:{lab.capture}?loop")
    wait_for(lambda: (api.instance("grosseto-1") or {}).get("state") == "up", 20, "it is up")
    api.call("DELETE", "/api/v1/instances/grosseto-1")
    wait_for(lambda: api.instance("grosseto-1")["state"] == "revoked", 5, "it is revoked")
    with pytest.raises((PermissionError, ConnectionError)):
        Nats(lab.nats_port, *identity(lab.dir / "grosseto-1.spool"))
    assert api.instance("pisa-1")["state"] in ("up", "degraded")
