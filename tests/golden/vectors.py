"""Published values of fingerprints and flow ids, through the whole agent: packets are made that carry
what each value is of, and the agent must say that value of their flow.

    vectors.py AGENT

JA4: the values that FoxIO gives in its description (technical_details/JA4.md) and for its captures.
TCP: the draft of TCPFP 0.4, appendix A, and the form of 2025. Community ID: the baseline of its
specification, seed 0. Part by part they stand in tests/unit/agent/print and common/flow_key.c.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import quic  # noqa: E402 (the path comes first)
from packets import ACK, PSH, SYN, ethernet, ethernet6, ipv4, ipv6, tcp, udp, write_pcap  # noqa: E402

START = 1_700_000_000.0
SERVER = ("198.51.100.2", 443)
GREASE = 0x3A3A
BROWSER = {  # of lists in wire order, less GREASE, to the value
    "t13d1516h2_8daaf6152771_e5627efa2ab1": (
        "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
        "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
        "0403,0804,0401,0503,0805,0501,0806,0601", b"h2"),
    "t13d1715h2_5b57614c22b0_3d5424432f57": (
        "1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035",
        "0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015",
        "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201", b"h2"),
    "q13d0310h3_55b375c5d22e_cd85d2d88918": (
        "1301,1302,1303", "0000,000a,0010,000d,001b,002b,002d,0033,0039,4469",
        "0403,0804,0401,0503,0805,0501,0806,0601,0201", b"h3"),
}
LINUX = "020405b40402080a010203040000000001030307"
SYNS = [  # options, window, version of the value, value
    (LINUX, 64240, "0.4", "2_64_64240_5ec4846073b9"),
    (LINUX, 64240, "2025", "2_64_64240_2e3cee914fc1"),
    ("020405b4010303050101080a010203040000000004020000", 65535, "0.4", "2_64_65535_fa6f8edaadeb"),
    ("020405b4010303060101080a010203040000000004020000", 65535, "2025", "2_64_65535_d29295416479"),
    ("", 1024, "0.4", "2_64_1024_e3b0c44298fc"),
]
BASELINE = [  # protocol, source, target, first two numbers of 16 bits (or type and code), id
    (17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    (132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
    (46, "10.1.12.1", "10.1.12.2", 1, 2, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
    (6, "10.0.0.1", "127.0.0.1", 1234, 80, "1:F/BCgQTUT/FXrTnSBgdsKwJ26iE="),
]


def codes(text):
    return [int(word, 16) for word in text.split(",")]


def sized(size, body):
    return len(body).to_bytes(size, "big") + body


def listed(*numbers):
    return b"".join(struct.pack(">H", number) for number in numbers)


def hello(ciphers, extensions, signatures, alpn):
    """The ClientHello of these lists, with GREASE where browsers put it."""
    bodies = {
        0x0000: sized(2, b"\0" + sized(2, b"www.example.test")),
        0x0010: sized(2, sized(1, alpn) + sized(1, b"http/1.1")),
        0x000D: sized(2, listed(*codes(signatures))),
        0x002B: sized(1, listed(GREASE, 0x0304, 0x0303)),
        0x000A: sized(2, listed(GREASE, 0x001D, 0x0017)),
        0x000B: sized(1, b"\0"),
        0x0022: sized(2, listed(0x0503, 0x0703)),  # delegated credentials: no signatures of ours
    }
    every = b"".join(listed(code) + sized(2, bodies.get(code, b""))
                     for code in [GREASE, *codes(extensions)])
    body = (listed(0x0303) + bytes(range(32)) + sized(1, bytes(32))
            + sized(2, listed(GREASE, *codes(ciphers))) + b"\1\0" + sized(2, every))
    return b"\1" + sized(3, body)


def over_tcp(message, client, pieces):
    """A handshake, and the message as one record in so many segments."""
    record = b"\x16\x03\x01" + sized(2, message)
    step = -(-len(record) // pieces)
    yield tcp(*client, *SERVER, 100, 0, SYN)
    yield tcp(*SERVER, *client, 900, 101, SYN | ACK)
    yield tcp(*client, *SERVER, 101, 901, ACK)
    for at in range(0, len(record), step):
        yield tcp(*client, *SERVER, 101 + at, 901, PSH | ACK, record[at:at + step])


def hellos():
    """(frames, value) of each JA4; on TCP whole and in three segments."""
    port = 40000
    for value, lists in BROWSER.items():
        message = hello(*lists)
        if value.startswith("q"):
            yield [udp("10.0.0.1", port, *SERVER, quic.initial(message, b"\1\2\3\4\5\6\7\7"))], value
            continue
        for pieces in (1, 3):
            yield list(over_tcp(message, ("10.0.0.1", port), pieces)), value
            port += 1


def packet(protocol, source, target, first, second):
    ports = struct.pack(">HH", first, second)
    if protocol in (1, 58):
        payload = struct.pack(">BB", first, second) + bytes(6)
    elif protocol == 17:
        payload = ports + struct.pack(">HH", 8, 0)
    elif protocol == 6:
        payload = ports + bytes(8) + b"\x50\x10" + bytes(6)
    else:
        payload = ports + bytes(8)  # ports to SCTP, to the others just bytes
    if ":" in source:
        return ethernet6(ipv6(source, target, protocol, payload))
    return ethernet(ipv4(source, target, protocol, payload))


def flow_of(agent, frames):
    with tempfile.TemporaryDirectory() as folder:
        capture = pathlib.Path(folder) / "vector.pcap"
        write_pcap(capture, [(START + i / 100, frame) for i, frame in enumerate(frames)])
        done = subprocess.run([agent, "--read", capture, "--json"], capture_output=True, text=True,
                              timeout=60, check=True)
    flows = [json.loads(line) for line in done.stdout.splitlines()]
    return flows[0] if len(flows) == 1 else {}


def said(flow, name, version=None):
    return [one["value"] for one in flow.get("fingerprints", [])
            if one["name"] == name and version in (None, one["version"])]


def main():
    agent, faults, count = sys.argv[1], [], 0

    def check(what, wanted, found):
        nonlocal count
        count += 1
        if found != wanted:
            faults.append(f"{what}: {found}, published is {wanted}")

    for frames, value in hellos():
        check(f"JA4 in {len(frames)} packets", [value], said(flow_of(agent, frames), "JA4"))
    for options, window, version, value in SYNS:
        frame = tcp("10.0.0.1", 40000, *SERVER, 100, 0, SYN, window=window,
                    options=bytes.fromhex(options))
        answer = tcp(*SERVER, "10.0.0.1", 40000, 900, 101, SYN | ACK)
        check(f"TCP {version}", [value], said(flow_of(agent, [frame, answer]), "TCP", version))
    for row in BASELINE:
        check(f"Community ID of protocol {row[0]}", row[5],
              flow_of(agent, [packet(*row[:5])]).get("community_id"))
    print(f"{count} published values, {len(faults)} of them missed")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
