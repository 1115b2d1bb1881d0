"""The centre against a stand-in agent that does what a real one never would: batches that overlap,
leave holes, repeat or hold junk. What is stored and what is answered is held against the rule."""

import pytest

from lab import wait_for
from sim import Sim


@pytest.fixture(scope="module")
def lab(shared_lab):
    shared_lab.start_centre()
    return shared_lab


@pytest.fixture
def sim(lab, request):
    name = request.node.name[5:45].strip("_").replace("_", "-").lower()
    made = Sim(lab, name, lab.token(name, "pisa"))
    made.name = name
    assert made.enrol()["ok"]
    wait_for(lambda: welcomed(made), 10, "a welcome")
    yield made
    made.close()


def welcomed(sim):
    try:
        sim.do("hello 7")
        return sim.expect("welcome", 1)
    except AssertionError:
        return None


def stored(lab, sim, table="flow"):
    return [row[0] for row in lab.sql(
        f"SELECT t.seq FROM {table} t JOIN instance i ON i.id = t.instance_id WHERE i.name = %s"
        " ORDER BY t.seq", sim.name)]


def test_a_batch_is_stored_and_acknowledged(lab, sim):
    assert sim.ask("flows 7 1 10") == {"stream": "flow", "epoch": 7, "upto": 10, "credit": 4}
    assert stored(lab, sim) == list(range(1, 11))


def test_an_overlap_is_trimmed_and_a_repetition_acknowledged(lab, sim):
    sim.ask("flows 7 1 10")
    assert sim.ask("flows 7 5 10")["upto"] == 14
    assert sim.ask("flows 7 5 10")["upto"] == 14
    assert stored(lab, sim) == list(range(1, 15))


def test_a_hole_is_asked_for(lab, sim):
    sim.ask("flows 7 1 10")
    assert sim.ask("flows 7 12 10", "nack")["expect"] == 11
    assert stored(lab, sim) == list(range(1, 11))


def test_a_gap_moves_the_cursor_and_is_kept(lab, sim):
    sim.ask("flows 7 1 10")
    assert sim.ask("gap 7 11 500")["upto"] == 500
    assert sim.ask("flows 7 501 1")["upto"] == 501
    assert lab.sql("SELECT g.from_seq, g.to_seq, g.reason FROM gap g JOIN instance i"
                   " ON i.id = g.instance_id WHERE i.name = %s", sim.name) == [
                       (11, 500, "spool_full")]


def test_a_new_epoch_begins_at_one(lab, sim):
    sim.ask("flows 7 1 10")
    assert sim.ask("flows 9 3 1", "nack")["expect"] == 1
    assert sim.ask("flows 9 1 5")["upto"] == 5
    assert len(stored(lab, sim)) == 15


def test_a_record_that_is_none_is_put_aside_and_the_rest_goes_on(lab, sim):
    assert sim.ask("junk 7 1")["upto"] == 1
    assert sim.ask("flows 7 2 3")["upto"] == 4
    rows = lab.sql("SELECT seq, bytes FROM quarantine WHERE instance = %s", sim.name)
    assert [(seq, bytes(kept)) for seq, kept in rows] == [(1, b"no flow record")]


def test_what_the_database_refuses_is_put_aside_after_three_tries(lab, sim):
    assert sim.ask("poison 7 1")["upto"] == 1
    assert sim.ask("alert 7 2 event key")["upto"] == 2
    reasons = lab.sql("SELECT reason FROM quarantine WHERE instance = %s", sim.name)
    assert len(reasons) == 1 and "not-null" in reasons[0][0]
    assert lab.sql("SELECT from_seq, g.reason FROM gap g JOIN instance i ON i.id = g.instance_id"
                   " WHERE i.name = %s", sim.name) == [(1, "quarantined")]


def test_bytes_that_are_no_batch_are_kept_to_look_at(lab, sim):
    sim.do("broken")
    wait_for(lambda: lab.sql("SELECT 1 FROM quarantine WHERE instance = %s", sim.name), 5,
             "a row in quarantine")
    assert sim.ask("flows 7 1 1")["upto"] == 1


def test_the_round_trips_of_a_record_are_stored_whole(lab, sim):
    sim.ask("flows 7 1 3")
    row, = lab.sql("SELECT trips_median(array_agg(rtt_server_trips), array_agg(rtt_server_us),"
                   " array_agg(rtt_server_samples)), min(length(rtt_server_trips)),"
                   " count(rtt_client_trips)"
                   " FROM flow f JOIN instance i ON i.id = f.instance_id WHERE i.name = %s", sim.name)
    assert 39_980 <= row[0] <= 40_000
    assert row[1:] == (12, 0)


def test_each_kind_of_counter_has_its_table(lab, sim):
    assert sim.ask("counters 7 1")["upto"] == 4
    for table in ("counter_interface", "counter_app", "counter_host_top", "counter_total"):
        assert len(stored(lab, sim, table)) == 1


def test_an_alert_lives_from_engage_to_release_and_begins_anew(lab, sim):
    for seq, action in enumerate(["engage", "engage", "release", "engage", "event", "event"], 1):
        sim.ask(f"alert 7 {seq} {action} key")
    rows = lab.sql("SELECT a.state, a.count FROM alert a JOIN instance i ON i.id = a.instance_id"
                   " WHERE i.name = %s AND a.kind = 134 ORDER BY a.id", sim.name)
    assert rows == [("released", 2), ("engaged", 1), ("event", 2)]
    assert stored(lab, sim, "alert_event") == [1, 2, 3, 4, 5, 6]


def test_a_release_whose_beginning_was_lost_is_shown_as_released(lab, sim):
    sim.ask("alert 7 1 release key")
    rows = lab.sql("SELECT a.state, a.released_at IS NOT NULL FROM alert a JOIN instance i"
                   " ON i.id = a.instance_id WHERE i.name = %s AND a.kind = 134", sim.name)
    assert rows == [("released", True)]


def test_the_welcome_tells_how_far_each_stream_is_stored(lab, sim):
    sim.ask("flows 7 1 10")
    sim.ask("counters 7 1")
    cursors = sim.ask("hello 7", "welcome")["cursors"]
    assert (cursors["flow"], cursors["ctr"], cursors["alert"]) == ([7, 10], [7, 4], [7, 0])


def test_a_token_is_good_once_but_a_repeated_request_is_answered(lab):
    token = lab.token("once", "pisa")
    first = Sim(lab, "once", token)
    first.expect("connected")
    assert first.ask("enrol", "enrolled.once")["ok"]
    assert first.ask("enrol", "enrolled.once")["ok"], "the same key asks again"
    first.close()
    (lab.dir / "once.sim/agent.nk").unlink()
    second = Sim(lab, "once", token)
    answer = second.enrol()
    second.close()
    assert not answer["ok"] and answer["reason"] == "the token is used up"
    wait_for(lambda: lab.sql(
        "SELECT count(*) FROM alert a JOIN instance i ON i.id = a.instance_id"
        " WHERE i.name = 'once' AND a.kind = 338") == [(1,)], 5, "one alert; it follows the answer")


def test_a_revoked_agent_is_thrown_out_at_once(lab, sim):
    lab.picketctl("agent", "revoke", sim.name)
    sim.expect("disconnected", 2)
    wait_for(lambda: lab.state_changes(sim.name)[-1] == ("revoked", "revoked"), 5, "it is revoked")


def test_goodbyes_that_are_not_signed_by_its_key_are_ignored(lab, sim):
    sim.do("raw pk.v1.up.0." + sim.name + '.bye {"v":1,"boot":"boot-of-sim","t":1,"sig":"AAAA"}')
    sim.do("beat 0 1")
    sim.ask("flows 7 1 1")
    assert lab.state_changes(sim.name)[-1][0] == "up"
    sim.do("bye")
    wait_for(lambda: lab.state_changes(sim.name)[-1][0] == "stopped", 5, "it is stopped")
