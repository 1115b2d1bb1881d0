"""Half a million forged SYNs at an agent with small tables."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/perf"))

import flood  # noqa: E402 (the path comes first)

RELEASE = TOP / "build/release"
SMALL = {"PICKET_FLOW_MAX": "4096", "PICKET_FLOW_HALF_OPEN": "8192", "PICKET_HOSTS_MAX": "4096",
         "PICKET_DPI_MAX_STATES": "1024", "PICKET_ASSETS_MAX": "256"}


def test_a_flood_of_syns_stays_below_the_printed_cap_and_connections_survive(tmp_path):
    cap, taken, whole, seen = flood.run(RELEASE / "agent/picket-agent", RELEASE / "tests/perf/traffic",
                                        tmp_path, 500_000, 1000, SMALL)
    assert 0 < taken <= cap
    assert (whole, seen) == (1000, 1000)
