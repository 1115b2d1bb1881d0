"""A bad wire: between agents and broker, centre and broker, centre and database. Silence is a
partition, in both directions, in one alone, or coming and going once a second."""

import os
import time

import pytest

from lab import wait_for
from proxy import AWAY, BACK

ABSENCE_S = int(os.environ.get("PICKET_FAULT_ABSENCE_S", "14"))  # over what an agent may be silent


def flap(wire, times):
    for _ in range(times):
        wire.silent = {AWAY, BACK}
        time.sleep(0.5)
        wire.silent = set()
        time.sleep(0.5)


@pytest.mark.parametrize("ways", [{AWAY, BACK}, {AWAY}, {BACK}], ids=["both", "away", "back"])
def test_a_site_that_is_cut_off_without_a_word_loses_nothing(site, ways):
    site.start(["pisa-1", "lucca-1"])
    site.agents_wire.silent = ways
    site.flowing()
    wait_for(lambda: site.state("pisa-1") == "unreachable" or ways == {BACK}, 60, "its silence is told")
    site.agents_wire.heal()
    site.settle()


def test_a_wire_that_comes_and_goes_each_second_loses_nothing(site):
    site.start()
    flap(site.agents_wire, ABSENCE_S)
    site.settle()


@pytest.mark.parametrize("wire", ["agents_wire", "centre_wire", "database_wire"])
def test_resets_and_cut_messages_lose_nothing(site, wire):
    site.start()
    bad = getattr(site, wire)
    for left in (1, 60, 700, 5000):
        bad.cut_after = left
        site.flowing(40)
        bad.reset()
    bad.heal()
    site.settle()


@pytest.mark.parametrize("wire", ["agents_wire", "centre_wire"])
def test_flipped_bits_are_refused_and_sent_again(site, wire):
    site.start()
    bad = getattr(site, wire)
    bad.flip_each = 20_000
    site.flowing(300)
    wait_for(lambda: bad.flipped >= 3, 60, "bits are flipped")
    bad.heal()
    bad.reset()  # a length that was turned may keep a parser waiting
    site.settle()


@pytest.mark.parametrize("wire", ["agents_wire", "centre_wire", "database_wire"])
def test_a_slow_wire_is_waited_for(site, wire):
    site.start()
    bad = getattr(site, wire)
    bad.delay_s, bad.rate = 0.2, 20_000
    site.flowing(300)
    bad.heal()
    site.settle()


@pytest.mark.parametrize("wire", ["centre_wire", "database_wire"])
def test_a_centre_cut_off_from_its_parts_tells_of_no_outage(site, wire):
    site.start(["pisa-1", "lucca-1"])
    bad = getattr(site, wire)
    bad.silent, bad.refuse = {AWAY, BACK}, True
    site.flowing()
    time.sleep(ABSENCE_S)
    bad.heal()
    bad.reset()
    site.settle()
    for name in site.names:
        assert "unreachable" not in [to for to, _ in site.lab.state_changes(name)]
