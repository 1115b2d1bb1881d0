"""After an absence what is new comes beside what waited: nothing lost, nothing twice, also when the
agent dies or the centre forgets in the middle of it."""

import signal
import time

from lab import wait_for
from ledger import check, is_settled
from packets import write_load


def late_records(lab, name):
    return sum(lab.agents[name].text().count(f" records of {word} are filled in") for word in ("flow", "ctr"))


def test_a_long_backlog_is_filled_in_beside_what_is_new(lab):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=3000, seconds=10)
    agent = lab.agent("pisa-1", f"file:{capture}?loop&pace=1")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") in ("up", "degraded"), 30, "it is up")
    lab.nats.kill()
    ledger = lab.ledgers["pisa-1"]
    offered = len(ledger.read_text().splitlines())
    wait_for(lambda: ledger.read_text().count("flow ") > offered + 4000, 120, "more than a window waits")
    lab.nats.start()
    wait_for(lambda: late_records(lab, "pisa-1") > 0, 60, "what waits is set aside")
    agent.kill(signal.SIGKILL)
    time.sleep(0.5)
    agent.start()
    wait_for(lambda: is_settled(lab, "pisa-1", 1), 90, "all is stored")
    epochs = lab.sql("SELECT DISTINCT epoch FROM flow")
    assert len(epochs) >= 2, "nothing went under an epoch of its own"

    # The centre is restored from before: what was filled in is asked for again, too.
    lab.aggregator.stop()
    lab.sql("WITH gone AS (DELETE FROM flow RETURNING 1) UPDATE cursor SET seq = 0 WHERE stream = 3 RETURNING 1")
    lab.aggregator.start()
    wait_for(lambda: is_settled(lab, "pisa-1", 2), 120, "all is stored again")
    agent.stop()
    wait_for(lambda: is_settled(lab, "pisa-1", 2), 60, "the rest, too")
    assert check(lab, "pisa-1", 2)["flow"] > 4000
