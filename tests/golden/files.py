"""Holds what the agent reads of capture files in other forms against the plain one: gzip, pcapng with
several interfaces, and what it says of those that nobody can read.

    files.py AGENT
"""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import cases
from packets import ETHERNET, cooked, write_pcap, write_pcapng

COOKED, DOCSIS = 113, 143


def read(agent, capture):
    done = subprocess.run([agent, "--read", capture, "--json"], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def main():
    agent, faults = sys.argv[1], []

    def expect(what, found, wanted):
        if found != wanted:
            faults.append(f"{what}: found {found}, not {wanted}")

    with tempfile.TemporaryDirectory() as name:
        folder, frames = pathlib.Path(name), cases.conversation()
        write_pcap(folder / "plain.pcap", frames)
        status, plain, _ = read(agent, folder / "plain.pcap")
        expect("plain", (status, len(plain)), (0, 1))

        (folder / "a.pcap.gz").write_bytes(gzip.compress((folder / "plain.pcap").read_bytes()))
        expect("gzip", read(agent, folder / "a.pcap.gz")[:2], (0, plain))
        whole = (folder / "a.pcap.gz").read_bytes()
        (folder / "cut.pcap.gz").write_bytes(whole[:len(whole) // 2])
        status, _, said = read(agent, folder / "cut.pcap.gz")
        expect("gzip cut short", (status, "cut.pcap" in said), (1, True))

        # Two interfaces with clocks of different fineness.
        write_pcapng(folder / "two.pcapng", [(ETHERNET, 6), (ETHERNET, 9)],
                     [(i % 2, at, frame) for i, (at, frame) in enumerate(frames)])
        expect("pcapng", read(agent, folder / "two.pcapng")[:2], (0, plain))

        mixed = [(0, *frames[0]), (1, frames[1][0], cooked(frames[1][1]))]
        write_pcapng(folder / "mixed.pcapng", [(ETHERNET, 6), (COOKED, 6)], mixed)
        status, _, said = read(agent, folder / "mixed.pcapng")
        expect("mixed link types", (status, "holds several link types; split it" in said), (1, True))

        write_pcap(folder / "odd.pcap", frames, DOCSIS)
        status, _, said = read(agent, folder / "odd.pcap")
        expect("an unknown link type", (status, "link type DOCSIS is none of EN10MB" in said), (1, True))
    print("\n".join(faults) or "every form as the plain one")
    sys.exit(1 if faults else 0)


main()
