"""Nothing accepted is lost and nothing is stored twice: the ledger that each agent writes is held
against PostgreSQL, per stream, after every fault of the presence tests under load."""

import os
import random
import signal
import time

import pytest

from lab import wait_for
from packets import write_load

TABLES = {"alert": ["alert_event"], "flow": ["flow"],
          "ctr": ["counter_interface", "counter_app", "counter_host_top", "counter_total"]}
STREAM_NUMBERS = {"alert": 1, "ctr": 2, "flow": 3}


def read_ledger(path):
    """{stream: {(epoch, seq), …}} of each record that the agent's spool accepted."""
    found = {word: set() for word in TABLES}
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) == 3 and words[0] in found:
            key = (int(words[1]), int(words[2]))
            assert key not in found[words[0]], f"the spool gave {key} twice"
            found[words[0]].add(key)
    return found


def stored(lab, name, stream):
    keys = []
    for table in TABLES[stream]:
        keys += lab.sql(f"SELECT t.epoch, t.seq FROM {table} t JOIN instance i"
                        " ON i.id = t.instance_id WHERE i.name = %s", name)
    return keys


def reported_gaps(lab, name, stream):
    gaps = set()
    for epoch, first, last in lab.sql(
            "SELECT g.epoch, g.from_seq, g.to_seq FROM gap g JOIN instance i"
            " ON i.id = g.instance_id WHERE i.name = %s AND g.stream = %s",
            name, STREAM_NUMBERS[stream]):
        gaps |= {(epoch, seq) for seq in range(first, last + 1)}
    return gaps


def assert_ledger_holds(lab, name, kills):
    """Stored = ledger − gaps, none twice; per kill -9 of control one record may be in or out."""
    ledger = read_ledger(lab.ledgers[name])
    for stream, promised in ledger.items():
        rows = stored(lab, name, stream)
        assert len(rows) == len(set(rows)), f"{name} {stream}: stored twice"
        gaps = reported_gaps(lab, name, stream)
        missing, strange = promised - gaps - set(rows), set(rows) - promised
        assert len(missing) <= kills, f"{name} {stream}: lost {sorted(missing)[:5]}"
        assert len(strange) <= kills, f"{name} {stream}: not in the ledger {sorted(strange)[:5]}"
    return {stream: len(keys) for stream, keys in ledger.items()}


def is_settled(lab, name, kills):
    """True when no more is missing than the kills may have taken, one record in hand each."""
    return all(len(promised - reported_gaps(lab, name, stream) - set(stored(lab, name, stream)))
               <= kills for stream, promised in read_ledger(lab.ledgers[name]).items())


@pytest.mark.slow
def test_every_accepted_record_is_stored_once_across_kills_under_load(lab):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=3000, seconds=10)
    names = ["pisa-1", "lucca-1", "siena-1"]
    for name in names:
        lab.agent(name, f"file:{capture}?loop&pace=1", site="tuscany")
    for name in names:
        wait_for(lambda: (api.instance(name) or {}).get("state") in ("up", "degraded"), 30,
                 f"{name} is up")
    control_kills = dict.fromkeys(names, 0)
    seed = int(os.environ.get("PICKET_SEED", "20261124"))
    print(f"seed {seed}")
    dice = random.Random(seed)
    time.sleep(6)
    for part in (lab.nats, lab.database, lab.aggregator):
        part.kill()
        time.sleep(dice.uniform(0.2, 3))
        part.start()
        time.sleep(dice.uniform(3, 5))
    for name in names:
        agent = lab.agents[name]
        os.kill(next(pid for comm, pid in agent.children().items() if "control" in comm),
                signal.SIGKILL)
        control_kills[name] += 1
        time.sleep(dice.uniform(1, 2))
        os.kill(next(pid for comm, pid in agent.children().items() if "engine" in comm),
                signal.SIGKILL)
        time.sleep(dice.uniform(1, 2))
    lab.agents["pisa-1"].kill()
    control_kills["pisa-1"] += 1
    time.sleep(4)
    lab.agents["pisa-1"].start()
    time.sleep(8)
    for name in names:
        assert lab.agents[name].stop() == 0

    # What a stopped agent could not send waits in its spool: the next start sends it, now that
    # hardly anything is added.
    write_load(capture, flows=5, seconds=10)
    for name in names:
        lab.agents[name].start()
    wait_for(lambda: all(is_settled(lab, name, control_kills[name]) for name in names), 120,
             "the spools are stored", step=1)
    for name in names:
        assert lab.agents[name].stop() == 0
    wait_for(lambda: all(is_settled(lab, name, control_kills[name]) for name in names), 10,
             "the last words are stored")
    for name in names:
        counts = assert_ledger_holds(lab, name, control_kills[name])
        print(name, counts)
        assert counts["flow"] > 1000 and counts["ctr"] > 50 and counts["alert"] > 10
