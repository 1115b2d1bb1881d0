"""Holds the records of several workers against those of one, for every capture that there is; also
what several threads of `picket-agent --read` say, for those of many flows.

    split.py SPLIT AGENT
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import cases
from packets import SYN, tcp, udp, write_pcap

TOP = pathlib.Path(__file__).resolve().parents[2]


def captures(folder):
    for name in cases.CASES:
        path = folder / f"{name}.pcap"
        cases.write(name, path)
        yield path
    burst(folder / "burst.pcap")
    yield folder / "burst.pcap"
    yield from sorted((TOP / "deploy/captures").glob("*.pcap"))


def read(path, workers):
    return subprocess.run([sys.argv[2], "--read", path, "--json", "--workers", str(workers)],
                          capture_output=True, timeout=120, check=True).stdout


def burst(path, datagrams=20000, attempts=6000):
    """Far more flows than a ring holds records fall due with one packet, six minutes later."""
    start, packets = cases.START, []
    for i in range(datagrams):
        packets.append((start + i / datagrams,
                        udp("10.0.0.1", 1024 + i, f"10.0.{i // 250}.{i % 250}", 9999, b"x" * 8)))
    for i in range(attempts):
        packets.append((start + i / attempts,
                        tcp("10.1.0.1", 1024 + i, f"10.1.{i // 250}.{i % 250}", 80, i, 0, SYN)))
    packets += [(start + 400 + i, udp("10.2.0.1", 5000, "10.2.0.2", 6000, b"x")) for i in range(3)]
    write_pcap(path, packets)
    return datagrams + attempts + 1


def all_of_burst_are_told(path, flows):
    told = read(path, 1)
    ends = [json.loads(line)["status"] for line in told.splitlines()]
    print(f"{path.stem}: {len(ends)} flows of {flows}, {ends.count('evicted')} cut off at the end")
    return (len(ends) == flows and ends.count("evicted") == 1
            and all(told == read(path, workers) for workers in (2, 3)))


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in captures(pathlib.Path(folder)):
            done = subprocess.run([sys.argv[1], path], capture_output=True, text=True, timeout=120)
            same = done.returncode == 0
            if path.is_relative_to(TOP):
                same = same and read(path, 1) == read(path, 3)
            bad += not same
            print(f"{path.stem}: {'same' if same else 'OTHER'}\n{done.stdout}{done.stderr}", end="")
        path = pathlib.Path(folder) / "burst.pcap"
        bad += not all_of_burst_are_told(path, burst(path))
    sys.exit(1 if bad else 0)


main()
