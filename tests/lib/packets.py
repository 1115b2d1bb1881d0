"""Packets of our own making: capture files with a known content for the tests."""

import ipaddress
import struct

ETHERNET, RAW_IP = 1, 101
SYN, ACK, PSH, FIN, RST = 0x02, 0x10, 0x08, 0x01, 0x04


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, target, protocol, payload, ident=1):
    source, target = ipaddress.IPv4Address(source).packed, ipaddress.IPv4Address(target).packed
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident & 0xFFFF, 0x4000, 64,
                       protocol, 0, source, target)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ethernet(packet, source=b"\x02\0\0\0\0\x01", target=b"\x02\0\0\0\0\x02"):
    return target + source + struct.pack(">H", 0x0800) + packet


def udp(source, sport, target, dport, payload, ident=1):
    return ethernet(ipv4(source, target, 17,
                         struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload, ident))


def tcp(source, sport, target, dport, seq, ack, flags, payload=b"", ident=1, window=64240,
        options=b""):
    head = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                       (20 + len(options)) // 4 << 4, flags, window, 0, 0)
    return ethernet(ipv4(source, target, 6, head + options + payload, ident))


def stamps(value, echo):
    """The timestamp option (RFC 7323), padded as every stack does."""
    return struct.pack(">BBBBII", 1, 1, 8, 10, value, echo)


def tcp_conversation(client, sport, server, dport, request, answer, start, step=0.002):
    """(time, frame) pairs of a whole connection: handshake, one exchange, both FINs."""
    c, s = 1000, 5000
    frames = [
        tcp(client, sport, server, dport, c, 0, SYN),
        tcp(server, dport, client, sport, s, c + 1, SYN | ACK),
        tcp(client, sport, server, dport, c + 1, s + 1, ACK),
        tcp(client, sport, server, dport, c + 1, s + 1, PSH | ACK, request),
    ]
    c += 1 + len(request)
    frames.append(tcp(server, dport, client, sport, s + 1, c, PSH | ACK, answer))
    s += 1 + len(answer)
    frames += [
        tcp(client, sport, server, dport, c, s, FIN | ACK),
        tcp(server, dport, client, sport, s, c + 1, FIN | ACK),
        tcp(client, sport, server, dport, c + 1, s + 1, ACK),
    ]
    return [(start + i * step, frame) for i, frame in enumerate(frames)]


def write_pcap(path, timed_frames, link=ETHERNET):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for at, frame in sorted(timed_frames, key=lambda pair: pair[0]):
            second, micros = divmod(round(at * 1e6), 1_000_000)
            out.write(struct.pack("<IIII", second, micros, len(frame), len(frame)))
            out.write(frame)


def dns_query(name, ident):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"


def write_load(path, flows, seconds, network="10.20"):
    """So many short flows spread over so many seconds: HTTP to a bare address (which is a
    finding: a numeric Host header), and DNS; each from a client and port of its own."""
    start, frames = 1_700_000_000.0, []
    for i in range(flows):
        client = f"{network}.{1 + i // 200 % 50}.{1 + i % 200}"
        at, port = start + i * seconds / flows, 20000 + i % 40000
        if i % 2:
            frames.append((at, udp(client, port, f"{network}.0.53", 53,
                                   dns_query(f"host{i}.example.org", i & 0xFFFF), i)))
            continue
        request = (f"GET /page/{i} HTTP/1.1\r\nHost: {network}.0.80\r\n"
                   "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n").encode()
        answer = (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 200\r\n\r\n"
                  + b"x" * 200)
        frames += tcp_conversation(client, port, f"{network}.0.80", 80, request, answer, at)
    write_pcap(path, frames)


def write_scan(path, ports=60, network="10.30"):
    """A connect scan of one host, every port refused, over three seconds."""
    start, frames = 1_700_000_000.0, []
    for i in range(ports):
        at, sport, dport = start + i * 3 / ports, 40000 + i, 1000 + i
        frames.append((at, tcp(f"{network}.0.66", sport, f"{network}.0.5", dport, 77, 0, SYN)))
        frames.append((at + 0.0005, tcp(f"{network}.0.5", dport, f"{network}.0.66", sport, 0, 78,
                                        RST | ACK)))
    write_pcap(path, frames)


def ipv6(source, target, next_header, payload):
    source, target = ipaddress.IPv6Address(source).packed, ipaddress.IPv6Address(target).packed
    return struct.pack(">IHBB16s16s", 0x60000000, len(payload), next_header, 64, source,
                       target) + payload


def ethernet6(packet):
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x86\xdd" + packet


def tagged(frame, *vlans):
    """The frame with 802.1Q tags, outermost first (802.1ad when there are two)."""
    tags = b""
    for i, vlan in enumerate(vlans):
        kind = 0x88A8 if len(vlans) > 1 and i == 0 else 0x8100
        tags += struct.pack(">HH", kind, vlan)
    return frame[:12] + tags + frame[12:]


def cooked(frame):
    """An Ethernet frame as Linux cooked mode v1 (link type 113) shows it."""
    return struct.pack(">HHH8s", 0, 1, 6, frame[6:12]) + frame[12:]


def fragments(frame, size):
    """An Ethernet frame with IPv4 cut into fragments of `size` payload bytes (a multiple of 8)."""
    head, payload = frame[14:34], frame[34:]
    cut = []
    for at in range(0, len(payload), size):
        piece = payload[at:at + size]
        more = 0x2000 if at + size < len(payload) else 0
        new = (head[:2] + struct.pack(">H", 20 + len(piece)) + head[4:6]
               + struct.pack(">H", more | at // 8) + head[8:10] + b"\0\0" + head[12:])
        new = new[:10] + struct.pack(">H", checksum(new)) + new[12:]
        cut.append(frame[:14] + new + piece)
    return cut


def client_hello(name, random=bytes(range(32))):
    """A TLS 1.2 ClientHello record with SNI and two cipher suites."""
    host = name.encode()
    sni = struct.pack(">HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    groups = struct.pack(">HHHH", 10, 4, 2, 0x001D)
    body = (b"\x03\x03" + random + b"\0" + struct.pack(">HHH", 4, 0xC02F, 0x1301) + b"\x01\0"
            + struct.pack(">H", len(sni) + len(groups)) + sni + groups)
    handshake = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake
