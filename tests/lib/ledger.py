"""The oracle of every fault: each agent writes down what its spool accepted; afterwards what is
stored and what is reported as missing together are that ledger, nothing twice, all in order."""

import pathlib

from lab import wait_for

TABLES = {"alert": ["alert_event"], "flow": ["flow"],
          "ctr": ["counter_interface", "counter_app", "counter_host_top", "counter_total"]}
# What the spool takes in one turn of control's loop is written at once, and its lines behind it.
IN_HAND = 1000
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


def assert_in_order(lab, name, stream):
    """What one transaction stored of an epoch lies wholly behind what an earlier one did."""
    for table in TABLES[stream]:
        newest = {}
        for epoch, _, first, last in lab.sql(
                f"SELECT t.epoch, t.xmin::text::bigint, min(t.seq), max(t.seq) FROM {table} t"
                " JOIN instance i ON i.id = t.instance_id WHERE i.name = %s"
                " GROUP BY 1, 2 ORDER BY 1, 2", name):
            assert first > newest.get(epoch, 0), f"{name} {table}: {epoch}/{first} came late"
            newest[epoch] = last


def missing_of(lab, name, ledger=None):
    """{stream: what of the ledger is neither stored nor reported as missing}."""
    ledger = ledger or read_ledger(lab.ledgers[name])
    return {stream: promised - reported_gaps(lab, name, stream) - set(stored(lab, name, stream))
            for stream, promised in ledger.items()}


def is_settled(lab, name, kills=0, ledger=None):
    """True when no more is missing than the kills may have taken, one record in hand each."""
    return all(len(missing) <= kills for missing in missing_of(lab, name, ledger).values())


def check(lab, name, kills=0):
    """The ledger against the database; kills: how often kill -9 may have found records in hand, which
    may be in the spool without their lines. The sums of the ledger by stream."""
    ledger = read_ledger(lab.ledgers[name])
    for stream, promised in ledger.items():
        rows = stored(lab, name, stream)
        assert len(rows) == len(set(rows)), f"{name} {stream}: stored twice"
        gaps = reported_gaps(lab, name, stream)
        both = gaps & set(rows)
        assert not both, f"{name} {stream}: stored, and yet told as missing: {sorted(both)[:5]}"
        missing, strange = promised - gaps - set(rows), set(rows) - promised
        assert len(missing) <= kills, f"{name} {stream}: lost {sorted(missing)[:5]}"
        assert len(strange) <= kills * IN_HAND, f"{name} {stream}: not in the ledger {sorted(strange)[:5]}"
        assert_in_order(lab, name, stream)
    return {stream: len(keys) for stream, keys in ledger.items()}


def drain(lab, names, kills=None, timeout=120):
    """Waits until all that the agents accepted up to now is stored or reported; they go on."""
    kills = kills or {}
    now = {name: read_ledger(lab.ledgers[name]) for name in names}
    wait_for(lambda: all(is_settled(lab, name, kills.get(name, 0), now[name]) for name in names),
             timeout, "what the agents accepted is stored", step=0.5)


def lost_to_gaps(lab, name):
    """How many records of the ledger are reported as missing, by stream."""
    return {stream: len(keys & reported_gaps(lab, name, stream))
            for stream, keys in read_ledger(lab.ledgers[name]).items()}


def memory_mib(process):
    """Resident memory of a process and its children."""
    total = 0
    for pid in (process.pid, *process.children().values()):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += next(int(line.split()[1]) for line in status.splitlines()
                      if line.startswith("VmRSS"))
    return total / 1024


def open_files(process):
    return sum(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))
               for pid in (process.pid, *process.children().values()))
