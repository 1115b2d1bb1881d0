"""An identity that lives for seconds: renewed in time for ever, and after an absence that was too long
only a new token helps."""

import base64
import json
import time

import pytest

from lab import wait_for
from packets import write_load

LIFE_S = 12


@pytest.fixture(scope="module")
def centre(shared_lab):
    lab = shared_lab
    api = lab.start_centre(extra=f"[agents]\nidentity_life = {LIFE_S}s")
    lab.capture = lab.dir / "load.pcap"
    write_load(lab.capture, flows=20, seconds=10)
    lab.agent("pisa-1", f"file:{lab.capture}?loop")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
    return lab, api


def claims(lab):
    body = (lab.dir / "pisa-1.spool/identity/agent.jwt").read_text().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def states(lab):
    return [row[0] for row in lab.sql("SELECT to_state FROM instance_state_change ORDER BY at")]


def test_an_identity_is_renewed_in_time_and_nobody_notices(centre):
    lab, api = centre
    first = claims(lab)
    before = wait_for(lambda: states(lab), 5, "its first state is stored")
    wait_for(lambda: claims(lab)["iat"] > first["exp"] + 1, 4 * LIFE_S, "renewed more than once")
    assert claims(lab)["sub"] == first["sub"]
    assert api.instance("pisa-1")["state"] == "up"
    assert states(lab) == before
    assert "refuses" not in lab.agents["pisa-1"].text()


def test_who_was_away_for_longer_than_its_identity_lives_needs_a_new_token(centre):
    lab, api = centre
    agent = lab.agents["pisa-1"]
    agent.stop()
    time.sleep(max(0, claims(lab)["exp"] - time.time()) + 1)
    agent.start()
    wait_for(lambda: "the server refuses this agent" in agent.text(), 20, "its log says why")
    sub = claims(lab)["sub"]
    lab.token("pisa-1", "pisa")
    wait_for(lambda: api.instance("pisa-1")["state"] == "up", 60, "it is up again")
    assert claims(lab)["sub"] != sub
