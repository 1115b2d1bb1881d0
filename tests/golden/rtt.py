"""Holds our TCP round trips against tshark's (tcp.analysis.ack_rtt), per half-flow: what one end of a
flow acknowledges.

    rtt.py AGENT made          traces with a ledger (traces.py): the truth is known; and what tshark
                               says of them stands in rtt_tshark.txt, so none is needed
    rtt.py AGENT live [--list] the captures of nDPI's package, as varied as networks are, by the
                               tshark of this machine; exit status 77, skipped, without one of the two

tshark gives a sample for every ACK that moves the edge, also where it cannot be known which copy of a
segment is acknowledged, and counts on for as long as a flow lies idle. What we say is (agent/qoe/
tcp_rtt.c): Karn's rule, so that no sample spans a segment of that direction that was sent again, came
late or only kept the connection alive; none above ten seconds; and of a flow that carries no data the
handshake alone. So tshark's samples to which one of these applies are left out, and all that remain
are compared. The minimum must be equal (within 2 %, or 100 µs) in 97 % of the half-flows, the medians
of those with three samples or more must differ by at most 3 % at the 90th percentile.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))

import ndpi_package  # noqa: E402 (the path comes first)
import traces  # noqa: E402
from packets import write_pcap  # noqa: E402

GOLDEN = HERE / "rtt_tshark.txt"
SKIPPED = 77
LEAST_EQUAL, MOST_P90 = 0.97, 0.03
LEAST_HALF_FLOWS = 2000  # of the package; fewer means that one of the two saw nothing
MOST_MADE = 0.02  # of our median from the truth that we made
LONGEST_US = 10e6
SYN, FIN = 2, 1
FIELDS = ["frame.number", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport",
          "tcp.stream", "tcp.len", "tcp.flags", "tcp.analysis.ack_rtt", "tcp.analysis.acks_frame",
          "tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.analysis.keep_alive",
          "frame.protocols"]
Segment = collections.namedtuple("Segment", "number source target stream len flags rtt_us of again")


def segments(capture):
    """What tshark makes of each TCP segment; of a tunnel the innermost addresses count."""
    command = ["tshark", "-n", "-r", capture, "-Y", "tcp", "-T", "fields", "-E", "separator=|", "-E",
               "occurrence=l"] + [word for field in FIELDS for word in ("-e", field)]
    said = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300,
                          check=False).stdout  # a capture that is cut short is an error to tshark
    for line in said.splitlines():
        cell = dict(zip(FIELDS, line.split("|")))
        quoted = "icmp" in cell.get("frame.protocols", "")  # what an ICMP error tells of
        if quoted or not cell.get("tcp.len") or not cell["tcp.flags"]:
            continue
        layers = [layer for layer in cell["frame.protocols"].split(":") if layer in ("ip", "ipv6")]
        kind = layers[-1] if layers else "ip"
        yield Segment(int(cell["frame.number"]), (cell[kind + ".src"], int(cell["tcp.srcport"])),
                      (cell[kind + ".dst"], int(cell["tcp.dstport"])), cell["tcp.stream"],
                      int(cell["tcp.len"]), int(cell["tcp.flags"], 16),
                      float(cell["tcp.analysis.ack_rtt"] or 0) * 1e6,
                      int(cell["tcp.analysis.acks_frame"] or 0),
                      any(cell[field] for field in FIELDS[12:15]))


def half_flows(capture):
    """{(who acknowledges, whom): samples in µs}, by our definition; ends that several connections
    of the capture share are left out, since a row of ours may be of either."""
    rows, streams = list(segments(capture)), collections.defaultdict(set)
    again, data = collections.defaultdict(list), set()
    frames = {row.number: row for row in rows}
    for row in rows:
        streams[frozenset((row.source, row.target))].add(row.stream)
        if row.len > 0:
            data.add(frozenset((row.source, row.target)))
        if row.again:
            again[row.source, row.target].append(row.number)
    found = collections.defaultdict(list)
    for row in rows:
        ends = frozenset((row.source, row.target))
        sent = frames.get(row.of)
        if not row.of or sent is None or len(streams[ends]) > 1 or row.rtt_us > LONGEST_US:
            continue
        if any(row.of <= number < row.number for number in again[row.target, row.source]):
            continue
        if ends not in data and not sent.flags & SYN:
            continue
        found[row.source, row.target].append(row.rtt_us)
    return found


def by_agent(agent, capture):
    """{(who acknowledges, whom): (samples, median, minimum)}"""
    done = subprocess.run([agent, "--read", capture, "--json"], capture_output=True, text=True,
                          timeout=300, check=False)
    found, seen = {}, collections.Counter()
    for flow in map(json.loads, done.stdout.splitlines()):
        if flow["protocol_l4"] != "tcp":
            continue
        client = (flow["client"], flow["client_port"])
        server = (flow["server"], flow["server_port"])
        seen[frozenset((client, server))] += 1
        for side, ends in (("client", (client, server)), ("server", (server, client))):
            shaken = flow[f"handshake_{side}_us"]
            samples = flow.get(f"rtt_{side}_samples", 0)
            if samples:
                found[ends] = (samples, flow[f"rtt_{side}_us"], flow[f"rtt_{side}_min_us"])
            elif shaken:
                found[ends] = (1, shaken, shaken)  # no data: the handshake stands alone
    return {ends: what for ends, what in found.items() if seen[frozenset(ends)] == 1}


def lower_median(samples):
    return sorted(samples)[(len(samples) - 1) // 2]


class Tally:
    def __init__(self):
        self.half_flows = self.equal = self.missing = 0
        self.differences, self.said = [], []

    def add(self, name, theirs, ours):
        for ends, samples in theirs.items():
            if ends not in ours:
                self.missing += 1
                continue
            count, median, least = ours[ends]
            self.half_flows += 1
            same = abs(least - min(samples)) <= max(0.02 * min(samples), 100)
            self.equal += same
            if not same:
                self.said.append(f"{name} {ends}: least {least}, tshark {min(samples):.0f}")
            if len(samples) >= 3 and count >= 3:
                truth = max(lower_median(samples), 1)
                self.differences.append(abs(median - truth) / truth)
                if self.differences[-1] > MOST_P90:
                    self.said.append(f"{name} {ends}: median {median} of {count}, tshark "
                                     f"{truth:.0f} of {len(samples)}")

    def verdict(self, least_half_flows):
        """The figures as a line, and whether the bars are kept."""
        ranked = sorted(self.differences) or [1]
        at = [ranked[int(len(ranked) * share)] for share in (.5, .9, .95)]
        equal = self.equal / max(self.half_flows, 1)
        line = (f"{self.half_flows} half-flows: the minimum equal in {100 * equal:.1f} %; the median "
                f"of {len(self.differences)} differs by {100 * at[0]:.3f} % (p50), "
                f"{100 * at[1]:.2f} % (p90), {100 * at[2]:.2f} % (p95); {self.missing} that tshark "
                "alone measures")
        kept = equal >= LEAST_EQUAL and at[1] <= MOST_P90 and self.half_flows >= least_half_flows
        return line, kept


def text_of(halves):
    """A line a half-flow: trace, who acknowledges whom, samples in µs."""
    return "".join(f"{name}\t{json.dumps(ends)}\t{' '.join(str(round(us)) for us in samples)}\n"
                   for name, half in halves.items() for ends, samples in sorted(half.items()))


def halves_of(text):
    halves = collections.defaultdict(dict)
    for line in text.splitlines():
        name, ends, samples = line.split("\t")
        halves[name][tuple(map(tuple, json.loads(ends)))] = [int(us) for us in samples.split()]
    return halves


def made(agent, faults, has_tshark):
    """Traces of our own: against their ledger, and tshark's output as it stands here."""
    text = GOLDEN.read_text() if GOLDEN.exists() else ""
    golden, tally, fresh = halves_of(text), Tally(), {}
    with tempfile.TemporaryDirectory() as folder:
        capture = pathlib.Path(folder) / "made.pcap"
        for name, (frames, ledger) in traces.round_trips().items():
            write_pcap(capture, frames)
            ours = by_agent(agent, capture)
            for ends, trips in ledger.items():
                count, median, least = ours.get(ends, (0, 0, 0))
                truth = lower_median(trips)
                if abs(median - truth) > MOST_MADE * truth or abs(least - min(trips)) > 2:
                    faults.append(f"{name} {ends}: median {median}, least {least}, truly {truth} and "
                                  f"{min(trips)}, of {count}")
            if has_tshark:
                fresh[name] = half_flows(capture)
            tally.add(name, golden[name], ours)
    if has_tshark and text_of(fresh) != text:
        GOLDEN.with_suffix(".new").write_text(text_of(fresh))
        faults.append("tshark says otherwise of our traces than rtt_tshark.txt (see .new)")
    line, kept = tally.verdict(len(golden))
    print(f"our traces: {line}")
    if not kept:
        faults.append("our traces: a bar is broken")
        faults += tally.said


def live(agent, faults):
    tally = Tally()
    for capture in sorted(path for path in (ndpi_package.fetched() / "pcap").iterdir()
                          if "pcap" in path.suffix):
        tally.add(capture.name, half_flows(capture), by_agent(agent, capture))
    line, kept = tally.verdict(LEAST_HALF_FLOWS)
    print(f"nDPI's captures: {line}")
    if "--list" in sys.argv or not kept:
        print("\n".join(tally.said))
    if not kept:
        faults.append("nDPI's captures: a bar is broken")


def main():
    agent, part, faults = sys.argv[1], sys.argv[2], []
    has_tshark = shutil.which("tshark") is not None
    missing = [what for what, there in (("tshark", has_tshark),
                                        ("nDPI's package", ndpi_package.fetched())) if not there]
    if part == "made":
        made(agent, faults, has_tshark)
    elif missing:
        print(f"SKIPPED: the comparison with tshark was not made: no {' and no '.join(missing)}")
        sys.exit(SKIPPED)
    else:
        live(agent, faults)
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
