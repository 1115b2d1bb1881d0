#!/usr/bin/env python3
"""The agent against programs that do a part of what it does, on one large capture: each round every
peer is measured right behind a run of the agent, and the median of the pairs' ratios counts. A peer
that is not installed is skipped by name. All but Suricata are in Debian 12; that one is in
bookworm-backports. The figures are printed and appended to docs/measurements.md.
Usage: peers.py AGENT [--rounds N] [--copies N]"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import large  # noqa: E402 (the path comes first)
from measurements import note  # noqa: E402
from processes import measure  # noqa: E402

WHERE = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
DISCARD = "127.0.0.1:9"  # where nobody listens
# Suricata without rules, with the log of flows and applications that it is told apart by.
SURICATA = """%YAML 1.1
---
vars: {{address-groups: {{HOME_NET: any, EXTERNAL_NET: any}}}}
default-log-dir: {folder}
stats: {{enabled: false}}
outputs:
  - eve-log:
      enabled: true
      filetype: regular
      filename: eve.json
      types: [anomaly, http, dns, tls, files, smtp, ssh, rdp, snmp, smb, tftp, dhcp, flow]
app-layer: {{protocols: {protocols}}}
"""
PROTOCOLS = ("http", "tls", "dns", "smtp", "ssh", "smb", "tftp", "dhcp", "snmp", "rdp", "sip", "quic",
             "krb5", "ike", "ntp", "ftp", "nfs", "dcerpc", "imap", "mqtt", "telnet", "pgsql", "rfb")


def suricata(folder, capture):
    config = folder / "suricata.yaml"
    enabled = ", ".join(f"{name}: {{enabled: yes}}" for name in PROTOCOLS)
    config.write_text(SURICATA.format(folder=folder, protocols="{" + enabled + "}"))
    return ["-c", config, "-S", "/dev/null", "-k", "none", "--runmode", "single", "-l", folder, "-r",
            capture]


# What each does, how it is called, and how many times its cost a packet we must stay below.
PEERS = {
    "ndpiReader": ("flows, applications, risks", 1.6, lambda folder, capture: ["-q", "-i", capture]),
    "suricata": ("streams, applications, EVE log, no rules", 2.5, suricata),
    "softflowd": ("flows, NetFlow v9 to nobody", None, lambda folder, capture: [
        "-d", "-r", capture, "-n", DISCARD, "-v", "9", "-c", "none", "-p", folder / "pid", "-m",
        "200000"]),
    "nfpcapd": ("flows to files", None, lambda folder, capture: ["-r", capture, "-w", folder]),
    "argus": ("flows, round trips, jitter, loss", None, lambda folder, capture: [
        "-F", "/dev/null", "-J", "-R", "-Z", "-A", "-m", "-r", capture, "-w", "/dev/null"]),
}


def found():
    """{name: program} of the peers that are here."""
    return {name: program for name in PEERS if (program := shutil.which(name, path=WHERE))}


def packets_of(line):
    """Of what --read says in its first line."""
    return int(re.search(r"(\d+) packets", line)[1])


def run_peer(name, program, folder, capture):
    place = folder / name
    place.mkdir()
    figures = measure([program, *PEERS[name][2](place, capture)], cwd=place)
    shutil.rmtree(place)
    return figures


def rounds(agent, peers, folder, capture, count):
    """{peer: [(agent's figures, peer's figures)]}, after one round that warms the caches."""
    pairs = {name: [] for name in peers}
    for i in range(count + 1):
        for name, program in peers.items():
            pair = measure(agent), run_peer(name, program, folder, capture)
            if i > 0:
                pairs[name].append(pair)
    return pairs


def table(pairs, packets):
    """The lines to print, and whether every bar was kept."""
    def line(name, cpu, peak, rest):
        return (f"{name:<12} {cpu:7.3f} s  {packets / cpu / 1e6:6.3f} Mpkt/s a core  peak "
                f"{peak / 1e6:5.0f} MB  {rest}")

    ours = [pair[0] for each in pairs.values() for pair in each]
    lines = [line("picket-agent", statistics.median(cpu for cpu, _, _ in ours),
                  max(peak for _, peak, _ in ours), "flows, applications, quality, fingerprints")]
    kept = True
    for name, each in pairs.items():
        does, least, _ = PEERS[name]
        ratio = statistics.median(theirs[0] / agent[0] for agent, theirs in each)
        bar = f" (at least {least})" if least else ""
        kept = kept and (least is None or ratio >= least)
        lines.append(line(name, statistics.median(theirs[0] for _, theirs in each),
                          max(theirs[1] for _, theirs in each),
                          f"{ratio:5.2f} x the agent's CPU{bar}; {does}"))
    return lines, kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--copies", type=int, help="of each small capture in the large one")
    args = parser.parse_args()
    peers = found()
    skipped = [f"{name}: not installed, skipped" for name in PEERS if name not in peers]
    with tempfile.TemporaryDirectory(prefix="picket-peers-") as name:
        folder = pathlib.Path(name)
        capture, about = large.make(folder, args.copies)
        agent = [args.agent, "--read", capture, "--top", "0"]
        said = measure(agent)[2]
        lines, kept = table(rounds(agent, peers, folder, capture, args.rounds), packets_of(said))
    lines = [about, f"medians of {args.rounds} rounds, each peer right behind the agent", *lines,
             *skipped]
    print("\n".join(lines))
    note("peers", lines)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
