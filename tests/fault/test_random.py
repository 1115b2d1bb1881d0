"""Faults in random order from a printed seed, the same check behind each sequence. One sequence in
the daily run; as many as PICKET_FAULT_SEQUENCES says in `tests/run long faults`."""

import os
import random
import time

import psycopg2
import pytest

from proxy import AWAY, BACK

SEED = int(os.environ.get("PICKET_SEED", "20261126"))
SEQUENCES = int(os.environ.get("PICKET_FAULT_SEQUENCES", "1"))
FAULTS_EACH = 6


def bad_wire(site, dice):
    wire = dice.choice(site.wires)
    fault = dice.choice(["silent", "slow", "cut", "refuse"])
    if fault == "silent":
        wire.silent = set(dice.sample([AWAY, BACK], dice.randint(1, 2)))
    elif fault == "slow":
        wire.delay_s, wire.rate = dice.uniform(0.05, 0.3), dice.randint(20_000, 100_000)
    elif fault == "cut":
        wire.cut_after = dice.randint(1, 20_000)
    else:
        wire.refuse = True
        wire.reset()
    time.sleep(dice.uniform(1, 8))
    wire.heal()
    wire.reset()
    return f"{fault} on wire {site.wires.index(wire)}"


def flipped_bits(site, dice):
    wire = dice.choice([site.centre_wire, site.agents_wire])
    wire.flip_each = 50_000
    time.sleep(dice.uniform(1, 4))
    wire.heal()
    wire.reset()
    return f"flipped bits on wire {site.wires.index(wire)}"


def killed(site, dice):
    lab = site.lab
    process = dice.choice([lab.aggregator, lab.nats, lab.database, *lab.agents.values()])
    site.kill(process)
    return f"kill -9 of {process.name}"


def locked(site, dice):
    try:
        with psycopg2.connect(site.lab.conninfo) as link:
            link.cursor().execute("LOCK TABLE flow IN ACCESS EXCLUSIVE MODE")
            time.sleep(dice.uniform(1, 8))
            link.rollback()
    except psycopg2.OperationalError:
        return "no lock: the database was just killed"
    return "a locked table"


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_a_random_sequence_of_faults_loses_nothing(site, number):
    print(f"PICKET_SEED={SEED}, sequence {number}")
    dice = random.Random(f"{SEED} {number}")
    site.start(["pisa-1", "lucca-1"])
    for _ in range(FAULTS_EACH):
        print(dice.choice([bad_wire, bad_wire, flipped_bits, killed, locked])(site, dice))
        time.sleep(dice.uniform(0, 3))
    site.settle()
