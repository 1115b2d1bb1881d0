"""Holds our fingerprints against tshark's, over the captures of nDPI's package.

    prints.py AGENT

tshark computes JA3, JA3S, HASSH and hasshServer by code of its own. Where both name one of a flow
it must be the same, without exception; and of what tshark names we may miss only what MISSES
lists, each with its reason, and nothing of it may be found without being taken off the list.
JA4 is not among what this tshark knows: unit/agent/print/ja.c holds the values of its authors.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "lib"))
import ndpi_package  # noqa: E402 (the path comes first)

SKIPPED = 77
LEAST = 1000  # fingerprints that both name; fewer means that one of the two saw nothing
FIELDS = ["ip.src", "ipv6.src", "tcp.srcport", "udp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport",
          "udp.dstport", "tls.handshake.ja3", "tls.handshake.ja3s", "dtls.handshake.ja3",
          "ssh.kex.hassh", "ssh.kex.hasshserver", "frame.protocols"]
SPOKEN = re.compile(r"\b(?:TLS|DTLS|QUIC|SSH|SSL|HTTPS|OpenVPN|CiscoVPN)\b")
MISSES = {
    "443-opvn.pcap": "TLS inside OpenVPN",
    "anyconnect-vpn.pcap": "DTLS before there was a standard",
    "capwap.pcap": "DTLS inside CAPWAP",
    "quic-mvfst-22.pcap": "a draft of QUIC before those that we read",
    "quic-mvfst-27.pcapng": "a version of QUIC that one firm speaks",
    "quic-mvfst-exp.pcap": "a version of QUIC that one firm speaks",
    "quic_interop_V.pcapng": "a version that is none: the client asks which ones there are",
    "quic_t50.pcap": "Google's QUIC",
    "quic_t51.pcap": "Google's QUIC",
    "skype.pcap": "answers of Skype's own that are no TLS: their length is wrong",
    "skype_no_unknown.pcap": "likewise",
    "tls_cipher_lens.pcap": "a hello whose length of ciphers is wrong on purpose",
    "tls_invalid_reads.pcap": "a hello whose lengths are wrong on purpose",
}


def by_tshark(capture):
    """{(name, client, port, server, port): value} of all that tshark names."""
    command = ["tshark", "-r", capture, "-Y", " or ".join(FIELDS[8:13]), "-T", "fields", "-E",
               "separator=|"] + [word for field in FIELDS for word in ("-e", field)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    found = {}
    for line in out.splitlines():
        cells = line.split("|")
        layers = [layer for layer in cells[13].split(":") if layer in ("ip", "ipv6")]
        v6 = layers[-1:] == ["ipv6"]  # of a tunnel the innermost addresses count
        ends = [(cells[at + v6] if at in (0, 4) else cells[at] or cells[at + 1]).split(",")[-1]
                for at in (0, 2, 4, 6)]
        names = ("JA3", "JA3S", "JA3", "HASSH", "hasshServer")
        for name, value in zip(names, cells[8:13]):
            if not value or (name == "JA3S" and not cells[2]):
                continue  # a server's answer in QUIC is not looked at
            of_server = name in ("JA3S", "hasshServer")
            key = (name, *(ends[2:] + ends[:2] if of_server else ends))
            found.setdefault(key, value.split(",")[0])
    return found


def by_agent(agent, capture):
    done = subprocess.run([agent, "--read", capture, "--json"], capture_output=True, text=True,
                          timeout=300, check=True)
    found = {}
    for flow in map(json.loads, done.stdout.splitlines()):
        ends = (flow["client"], str(flow["client_port"]), flow["server"], str(flow["server_port"]))
        for one in flow.get("fingerprints", []):
            found.setdefault((one["name"], *ends), one["value"])
    return found


def main():
    agent, faults, both = sys.argv[1], [], 0
    if shutil.which("tshark") is None or not ndpi_package.fetched():
        print("skipped: tshark or nDPI's package is not here")
        sys.exit(SKIPPED)
    folder = ndpi_package.cache_folder()
    for capture in sorted((folder / "pcap").iterdir()):
        expected = folder / "result" / f"{capture.name}.out"
        if "fuzz" in capture.name or not expected.exists() or not SPOKEN.search(expected.read_text(errors="replace")):
            continue
        theirs, ours = by_tshark(capture), by_agent(agent, capture)
        both += len(theirs.keys() & ours.keys())
        faults += [f"{capture.name}: {key} is {theirs[key]} by tshark and {ours[key]} by us"
                   for key in theirs.keys() & ours.keys() if theirs[key] != ours[key]]
        missed = sorted(theirs.keys() - ours.keys())
        if bool(missed) != (capture.name in MISSES):
            faults.append(f"{capture.name}: {len(missed)} missed of {len(theirs)}, such as"
                          f" {missed[:1]}; MISSES says {MISSES.get(capture.name)}")
    if both < LEAST:
        faults.append(f"only {both} fingerprints are named by both")
    print("\n".join(faults) or f"{both} fingerprints are the same")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
