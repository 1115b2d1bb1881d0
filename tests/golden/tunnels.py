"""Holds what the agent finds in tunnels against the same traffic without one, and against tshark.

    tunnels.py AGENT

A connection with an HTTP request is put into each kind of tunnel. The flow that is found must be
that of the bare connection in every field, but for those that tell of the tunnel; and its packets,
bytes, addresses and ports must be those that tshark sees innermost.
"""

import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import cases
from packets import (ETHERNET, capwap, erspan, ethernet6, fragments, fragments6, geneve, gre,
                     gre_ethernet, gtpu, ip_in_ip6, ipip, ipv6, l2tp, mpls, pppoe, pptp, pseudowire,
                     udp, vxlan, wlan, write_pcap)

CLIENT = "10.0.0.1"
WLAN = 105
ABOUT_TUNNEL = {"tunnel", "tunnel_id"}
GTP_EXTENSIONS = [(0x85, b"\x10\x05"), (0xC0, b"\0\7")]

# Name: how a frame is wrapped, and what the flow then tells.
WRAPPED = {
    "ipip": (ipip, ("ipip", 0)),
    "4in6": (ip_in_ip6, ("ipip", 0)),
    "gre": (gre, ("gre", 0)),
    "gre, every option": (lambda f, b: gre(f, b, key=7, sequence=1, checked=True), ("gre", 7)),
    "gre, ethernet": (lambda f, b: gre_ethernet(f, b, key=8), ("gre", 8)),
    "pptp": (pptp, ("gre", 0)),
    "erspan 1": (lambda f, b: erspan(f, 1, b), ("erspan", 0)),
    "erspan 2": (lambda f, b: erspan(f, 2, b), ("erspan", 77)),
    "erspan 3": (lambda f, b: erspan(f, 3, b), ("erspan", 77)),
    "vxlan": (vxlan, ("vxlan", 5001)),
    "vxlan on Linux's port": (lambda f, b: vxlan(f, b, port=8472), ("vxlan", 5001)),
    "geneve": (geneve, ("geneve", 6001)),
    "gtpu": (gtpu, ("gtpu", 0x11223344)),
    "gtpu, extensions": (lambda f, b: gtpu(f, b, extensions=GTP_EXTENSIONS), ("gtpu", 0x11223344)),
    "capwap": (capwap, ("capwap", 0)),
    "capwap, not swapped": (lambda f, b: capwap(f, b, swapped=False), ("capwap", 0)),
    "l2tp": (l2tp, ("l2tp", 0x00030004)),
    "pppoe": (pppoe, ("pppoe", 0x1234)),
    "mpls": (mpls, None),
    "pseudowire": (pseudowire, None),
    "pseudowire, no control word": (lambda f, b: pseudowire(f, b, control=False), None),
    "802.11": (wlan, None),
    "vxlan in ipip": (lambda f, b: ipip(vxlan(f, b), b), ("vxlan", 5001)),
    "ipip in vxlan": (lambda f, b: vxlan(ipip(f, b), b), ("vxlan", 5001)),
    "four deep": (lambda f, b: ipip(ipip(ipip(vxlan(f, b), b), b), b), ("vxlan", 5001)),
}
LINKS = {"802.11": WLAN}
# What tshark takes for something else unless it is told.
NOT_TSHARK = {"vxlan on Linux's port", "pseudowire", "pseudowire, no control word",
              "capwap, not swapped"}


def read(agent, capture, tunnels):
    env = {**os.environ, "PICKET_CAPTURE_TUNNELS": tunnels}
    done = subprocess.run([agent, "--read", capture, "--json"], capture_output=True, text=True,
                          timeout=60, env=env)
    if done.returncode != 0:
        sys.exit(f"exit status {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


ALL = "ipip gre erspan vxlan geneve gtpu capwap l2tp"


def wrapped(wrap, conversation):
    return [(at, wrap(frame, frame[26:30] != bytes([10, 0, 0, 1]))) for at, frame in conversation]


def without(flow, names):
    return {key: value for key, value in flow.items() if key not in names}


def tshark_flows(capture):
    """{unordered pair of ends: [packets, bytes]} of the innermost TCP, as tshark sees it."""
    done = subprocess.run(
        ["tshark", "-r", capture, "-Y", "tcp", "-T", "fields", "-E", "occurrence=l", "-e", "ip.src",
         "-e", "ip.dst", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "ip.len"],
        capture_output=True, text=True, timeout=120, check=True)
    flows = collections.defaultdict(lambda: [0, 0])
    for line in done.stdout.splitlines():
        source, target, sport, dport, size = line.split("\t")
        ends = frozenset([(source, int(sport)), (target, int(dport))])
        flows[ends][0] += 1
        flows[ends][1] += int(size)
    return dict(flows)


def our_flows(flows):
    return {frozenset([(f["client"], f["client_port"]), (f["server"], f["server_port"])]):
            [f["packets_c2s"] + f["packets_s2c"], f["bytes_c2s"] + f["bytes_s2c"]] for f in flows}


def check_wrapped(agent, folder, faults):
    conversation = cases.conversation()
    bare_capture = folder / "bare.pcap"
    write_pcap(bare_capture, conversation)
    bare, = read(agent, bare_capture, ALL)
    for name, (wrap, tells) in WRAPPED.items():
        capture = folder / "wrapped.pcap"
        write_pcap(capture, wrapped(wrap, conversation), LINKS.get(name, ETHERNET))
        found = read(agent, capture, ALL)
        if [without(f, ABOUT_TUNNEL) for f in found] != [without(bare, ABOUT_TUNNEL)]:
            faults.append(f"{name}: found {json.dumps(found, indent=1)}")
            continue
        told = (found[0].get("tunnel"), found[0].get("tunnel_id", 0))
        if told != (tells or (None, 0)):
            faults.append(f"{name}: tells of {told}")
        if shutil.which("tshark") and name not in NOT_TSHARK:
            seen = tshark_flows(capture)
            if seen != our_flows(found):
                faults.append(f"{name}: tshark sees {seen}, we {our_flows(found)}")


def check_switches(agent, folder, faults):
    """Each kind can be left closed, and then the envelopes count."""
    for name in ("ipip", "gre", "erspan 2", "vxlan", "geneve", "gtpu", "capwap", "l2tp"):
        wrap, (kind, _) = WRAPPED[name]
        capture = folder / "closed.pcap"
        write_pcap(capture, wrapped(wrap, cases.conversation()))
        rest = " ".join(word for word in ALL.split() if word != kind)
        found = read(agent, capture, rest)
        if not found or any(CLIENT in (f["client"], f["server"]) for f in found):
            faults.append(f"{name} is opened although it is switched off")


def check_apart(agent, folder, faults):
    """The same addresses in two networks are two flows; the two TEIDs of one session are not."""
    capture = folder / "apart.pcap"
    conversation = cases.conversation()
    write_pcap(capture, [(at + vni / 1e4, vxlan(frame, frame[26:30] != bytes([10, 0, 0, 1]), vni=vni))
                         for vni in (1, 2) for at, frame in conversation])
    found = read(agent, capture, ALL)
    if sorted(f.get("tunnel_id", 0) for f in found) != [1, 2] or len({f["bytes_c2s"] for f in found}) != 1:
        faults.append(f"two VNIs: found {found}")


def check_too_deep(agent, folder, faults):
    """Five in each other: the fourth inside counts."""
    capture = folder / "deep.pcap"
    frame = cases.conversation()[0][1]
    for _ in range(5):
        frame = ipip(frame)
    write_pcap(capture, [(cases.START, frame)])
    found = read(agent, capture, ALL)
    if [f["protocol_l4"] for f in found] != ["4"] or found[0]["bytes_c2s"] != 60:
        faults.append(f"five deep: found {found}")


def check_fragments(agent, folder, faults):
    """A question of DNS in fragments, in and out of order, twice, under IPv6 and in a tunnel."""
    name = "a" * 30 + "." + "b" * 30 + ".example.test"
    question = udp("10.0.0.1", 50000, "10.0.0.53", 53, cases.dns_query(name, 7))
    six = ethernet6(ipv6("2001:db8::1", "2001:db8::53", 17, question[34:]))
    pieces = fragments(question, 48)
    forms = {
        "in order": pieces,
        "out of order": pieces[::-1],
        "with copies": pieces[:1] * 2 + pieces[1:2] * 3 + pieces[2:],
        "IPv6": fragments6(six, 48),
        "tunnel in fragments": fragments(vxlan(question), 64),
        "fragments in a tunnel": [vxlan(piece) for piece in pieces],
        "fragments in fragments": [part for piece in pieces for part in fragments(vxlan(piece), 64)],
    }
    for form, frames in forms.items():
        capture = folder / "fragments.pcap"
        write_pcap(capture, [(cases.START + i / 1000, frame) for i, frame in enumerate(frames)])
        found = read(agent, capture, ALL)
        if len(found) != 1 or found[0]["host"] != name or found[0]["client_port"] != 50000:
            faults.append(f"fragments {form}: found {json.dumps(found, indent=1)}")


def main():
    faults = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for check in (check_wrapped, check_switches, check_apart, check_too_deep, check_fragments):
            check(sys.argv[1], folder, faults)
    print("\n".join(faults) or f"{len(WRAPPED)} kinds of wrapping, as without")
    sys.exit(1 if faults else 0)


main()
