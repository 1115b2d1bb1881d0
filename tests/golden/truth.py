"""Holds what the agent counts against traffic whose truth is known, because it was made here: each
trace comes with a ledger of what was done to it, and every count must equal it. RTP jitter must
equal tshark's as well; its count of losses is wrong as soon as a packet comes twice.

    truth.py AGENT
"""

import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from packets import ACK, PSH, SYN, rtp, stamps, tcp, udp, write_pcap  # noqa: E402

START = 1_700_000_000.0
SEEDS = 20
CALLER, CALLED = ("192.0.2.1", 4000), ("198.51.100.2", 5000)
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)


def apart(chance, count, low, high, step):
    """So many numbers of [low, high) in random order, each at least `step` from the next."""
    return [low + step * n for n in chance.sample(range((high - low) // step), count)]


def rtp_stream(seed):
    """Frames of 1,000 packets of G.711 and the ledger of what became of them."""
    chance = random.Random(seed)
    first, frames = chance.randrange(65536), []
    places = apart(chance, 30, 20, 920, 20)
    lost = {n + i for n in places[:10] for i in range(chance.choice((1, 1, 2, 3)))}
    late, twice = set(places[10:20]), set(places[20:])
    wander = [0, 0, 1, 2, 3, 4]
    for n in range(1000):
        if n in lost:
            continue
        at = START + .02 * n + chance.choice(wander) / 1000
        at = START + .02 * (n + 1) + .006 if n in late else at
        frame = udp(*CALLER, *CALLED, rtp(first + n, 7777 + 160 * n))
        frames.append((at, frame))
        if n in twice:
            frames.append((at + .0004, frame))
    return frames, {"packets": 1000 - len(lost), "lost": len(lost), "late": len(late),
                    "duplicated": len(twice)}


def even_stream(seed):
    """Jitter alone: nothing is lost, late or copied, so that tshark's figures hold whole."""
    chance = random.Random(seed)
    return [(START + .02 * n + chance.choice((0, 1, 2, 4, 8)) / 1000,
             udp(*CALLER, *CALLED, rtp(65000 + n, 160 * n))) for n in range(600)]


def tcp_transfer(seed):
    """A download of 1,200 segments over 2 x 10 ms to the client and 2 x 40 ms to the server; each
    fate befalls a known number of them, far enough apart not to touch each other."""
    chance, frames, size = random.Random(seed), [], 1000
    fates = dict(zip(apart(chance, 20, 60, 1100, 40),
                     [fate for fate in ("after", "before", "late", "copy", "again")
                      for _ in range(4)]))
    here, rtt_client, rtt_server = 200.0, 20.0, 80.0

    def at(ms, frame):
        frames.append((START + ms / 1000, frame))

    def segment(n, ms, stamp, ident):
        at(ms, tcp(*SERVER, *CLIENT, 1 + n * size, 11, ACK, bytes(size), ident=ident,
                   options=stamps(int(stamp) + 1, 1)))

    at(0, tcp(*CLIENT, *SERVER, 0, 0, SYN, options=stamps(1, 0)))
    at(rtt_server, tcp(*SERVER, *CLIENT, 0, 1, SYN | ACK, options=stamps(1, 1)))
    at(100, tcp(*CLIENT, *SERVER, 1, 1, ACK, options=stamps(100, 1)))
    at(100, tcp(*CLIENT, *SERVER, 1, 1, PSH | ACK, bytes(10), options=stamps(100, 1)))
    at(100 + rtt_server, tcp(*SERVER, *CLIENT, 1, 11, ACK, options=stamps(180, 100)))
    arrives = {}  # when the client has which segment, in tap time
    for n in range(1200):
        ms, fate = here + 4 * n, fates.get(n)
        when = {"before": ms + 140, "late": ms + 9}.get(fate, ms)
        segment(n, when, when if fate == "before" else ms, 1000 + n)
        arrives[n] = when + rtt_client
        if fate == "after":
            segment(n, ms + 141, ms + 141, 20000 + n)
            arrives[n] = ms + 141 + rtt_client
        if fate == "copy":
            segment(n, ms + .2, ms, 1000 + n)
        if fate == "again":
            segment(n, ms + 301, ms + 301, 30000 + n)
    edge, have = 0, set()
    for n in sorted(arrives, key=arrives.get):
        have.add(n)
        while edge in have:
            edge += 1
        at(arrives[n], tcp(*CLIENT, *SERVER, 11, 1 + edge * size, ACK,
                           options=stamps(int(arrives[n]), 1)))
    return frames, {"retransmitted_s2c": 8, "needless_s2c": 4, "lost_before_s2c": 4,
                    "out_of_order_s2c": 4, "duplicated_s2c": 4}, (rtt_client, rtt_server)


def flow_of(agent, capture):
    done = subprocess.run([agent, "--read", capture, "--json"], capture_output=True, text=True,
                          timeout=60, check=True)
    flows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(flows) == 1, f"{len(flows)} flows"
    return flows[0]


def compare(what, wanted, found):
    return [f"{what}: {key} is {found.get(key)}, was made {value}" for key, value in wanted.items()
            if found.get(key) != value]


def near(what, wanted, found, by):
    return [] if abs(wanted - found) <= by else [f"{what} is {found}, is truly {wanted}"]


def tshark_jitter(capture):
    """Mean and greatest jitter in µs, or None without tshark."""
    if not shutil.which("tshark"):
        return None
    said = subprocess.run(["tshark", "-r", capture, "-q", "-d", f"udp.port=={CALLED[1]},rtp",
                           "-z", "rtp,streams"], capture_output=True, text=True, timeout=60).stdout
    row = next(line for line in said.splitlines() if "0x00001234" in line)
    figures = re.split(r"\s+", row.split("%)")[1].strip())
    return 1000 * float(figures[4]), 1000 * float(figures[5])


def main():
    agent, faults, compared = sys.argv[1], [], 0
    with tempfile.TemporaryDirectory() as folder:
        capture = pathlib.Path(folder) / "truth.pcap"
        for seed in range(SEEDS):
            frames, ledger = rtp_stream(seed)
            write_pcap(capture, frames)
            faults += compare(f"RTP {seed}", ledger, flow_of(agent, capture)["media"]["c2s"])
            frames, ledger, (client_ms, server_ms) = tcp_transfer(seed)
            write_pcap(capture, frames)
            flow = flow_of(agent, capture)
            faults += compare(f"TCP {seed}", ledger, flow)
            faults += near(f"TCP {seed}: client side", 1000 * client_ms, flow["rtt_client_us"], 200)
            faults += near(f"TCP {seed}: server side", 1000 * server_ms, flow["rtt_server_us"], 200)
            write_pcap(capture, even_stream(seed))
            reference = tshark_jitter(capture)
            if reference is not None:
                ours = flow_of(agent, capture)["media"]["c2s"]
                faults += near(f"jitter {seed}: mean", reference[0], ours["jitter_us"], 6)
                faults += near(f"jitter {seed}: greatest", reference[1], ours["jitter_max_us"], 1)
                compared += 1
    print(f"{2 * SEEDS} traces with a ledger; jitter compared with tshark's in {compared}")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
