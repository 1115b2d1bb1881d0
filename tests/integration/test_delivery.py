"""Nothing accepted is lost and nothing is stored twice: the ledger that each agent writes is held
against PostgreSQL, per stream, after every fault of the presence tests under load."""

import os
import random
import signal
import time

import pytest

from lab import wait_for
from ledger import check, is_settled
from packets import write_load


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
        counts = check(lab, name, control_kills[name])
        print(name, counts)
        assert counts["flow"] > 1000 and counts["ctr"] > 50 and counts["alert"] > 10
