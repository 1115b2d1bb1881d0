"""kill -9 of each part at random points under load, more than one kill a run."""

import os
import random
import time

import pytest


@pytest.mark.parametrize("part", ["agent", "aggregator", "nats", "database"])
def test_a_part_killed_at_random_points_loses_nothing(site, part):
    seed = int(os.environ.get("PICKET_SEED", "20261126"))
    print(f"seed {seed}")
    dice = random.Random(f"{seed} {part}")
    site.start()
    victim = site.lab.agents["pisa-1"] if part == "agent" else getattr(site.lab, part)
    for _ in range(5):
        time.sleep(dice.uniform(0.05, 2.5))  # the points are random in time
        site.kill(victim)
    site.settle()
