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


# ---- tunnels: each takes an Ethernet frame with IPv4 or IPv6 in it and gives one ----

OUTER = ("192.0.2.1", "192.0.2.2")


def outer(protocol, payload, back=False):
    """What the tunnel's two ends say to each other; `back` is from the second to the first."""
    source, target = OUTER[::-1] if back else OUTER
    return ethernet(ipv4(source, target, protocol, payload), b"\x02\0\0\0\1\x01", b"\x02\0\0\0\1\x02")


def outer_udp(sport, dport, payload, back=False):
    return outer(17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload, back)


def ethertype(frame):
    return struct.unpack(">H", frame[12:14])[0]


def ipip(frame, back=False):
    return outer(4 if ethertype(frame) == 0x0800 else 41, frame[14:], back)


def ip_in_ip6(frame, back=False):
    source, target = ("2001:db8:f::1", "2001:db8:f::2")[::-1 if back else 1]
    return ethernet6(ipv6(source, target, 4 if ethertype(frame) == 0x0800 else 41, frame[14:]))


def gre(frame, back=False, key=None, sequence=None, checked=False):
    flags = (0x8000 if checked else 0) | (0x2000 if key is not None else 0) | (
        0x1000 if sequence is not None else 0)
    head = struct.pack(">HH", flags, ethertype(frame)) + (b"\0" * 4 if checked else b"")
    head += struct.pack(">I", key) if key is not None else b""
    head += struct.pack(">I", sequence) if sequence is not None else b""
    return outer(47, head + frame[14:], back)


def gre_ethernet(frame, back=False, key=None):
    head = struct.pack(">HH", 0x2000 if key is not None else 0, 0x6558)
    head += struct.pack(">I", key) if key is not None else b""
    return outer(47, head + frame, back)


def pptp(frame, back=False):
    payload = b"\xff\x03\0\x21" + frame[14:]
    return outer(47, struct.pack(">HHHHII", 0x3081, 0x880B, len(payload), 7 + back, 1, 1)
                 + payload, back)


def erspan(frame, kind, back=False, session=77):
    if kind == 1:
        return outer(47, struct.pack(">HH", 0, 0x88BE) + frame, back)
    head = struct.pack(">HHI", 0x1000, 0x88BE if kind == 2 else 0x22EB, 5)
    if kind == 2:
        return outer(47, head + struct.pack(">HHI", 0x1000 | 42, session, 3) + frame, back)
    return outer(47, head + struct.pack(">HHIHH", 0x2000 | 42, session, 9, 0, 1) + bytes(8) + frame,
                 back)


def vxlan(frame, back=False, vni=5001, port=4789):
    return outer_udp(50000 + back, port, struct.pack(">II", 0x08000000, vni << 8) + frame, back)


def geneve(frame, back=False, vni=6001, options=b"\1\2\x80\1abcd"):
    head = struct.pack(">BBHI", len(options) // 4, 0, 0x6558, vni << 8)
    return outer_udp(50100 + back, 6081, head + options + frame, back)


def gtpu(frame, back=False, teid=0x11223344, extensions=()):
    """Its TEID differs by direction, as in real networks. Extensions are (type, bytes)."""
    more = b""
    if extensions:
        more = struct.pack(">HB", 9, 0)
        for kind, content in extensions:
            more += bytes([kind, (len(content) + 2) // 4]) + content
        more += b"\0"
    payload = more + frame[14:]
    head = struct.pack(">BBHI", 0x34 if extensions else 0x30, 255, len(payload), teid + back)
    return outer_udp(2152, 2152, head + payload, back)


def wlan(frame, back=False):
    """The frame as an 802.11 QoS data frame: from a station, or back to it."""
    bssid, snap = b"\x02\0\0\0\2\x09", b"\xaa\xaa\x03\0\0\0"
    if back:
        addresses, flags = frame[0:6] + bssid + frame[6:12], 0x02
    else:
        addresses, flags = bssid + frame[6:12] + frame[0:6], 0x01
    return (bytes([0x88, flags]) + b"\0\0" + addresses + b"\x10\0" + b"\0\0" + snap + frame[12:])


def capwap(frame, back=False, swapped=True):
    """Most access points turn the two bytes of frame control round."""
    air = wlan(frame, back)
    air = air[1::-1] + air[2:] if swapped else air
    payload = struct.pack(">BBHI", 0, 2 << 3, 0x0300, 0) + air
    return outer_udp(5247 if back else 12380, 12380 if back else 5247, payload, back)


def l2tp(frame, back=False):
    payload = struct.pack(">HHHH", 0x4002, 8 + 4 + len(frame) - 14, 3 + back, 4 + back)
    payload += b"\xff\x03\0\x21" + frame[14:]
    return outer_udp(1701, 1701, payload, back)


def pppoe(frame, back=False, session=0x1234):
    """Protocol of one byte, as some ends agree on."""
    return frame[:12] + struct.pack(">HHHH", 0x8864, 0x1100, session, 1 + len(frame) - 14) + (
        b"\x21" if ethertype(frame) == 0x0800 else b"\x57") + frame[14:]


def mpls(frame, back=False):
    return frame[:12] + struct.pack(">HII", 0x8847, (100 + back) << 12 | 64, 200 << 12 | 0x140
                                    ) + frame[14:]


def pseudowire(frame, back=False, control=True):
    head = b"\x02\0\0\0\3\x02\x02\0\0\0\3\x01" + struct.pack(">HI", 0x8847, (300 + back) << 12 | 0x140)
    return head + (b"\0\0\0\1" if control else b"") + frame


def fragments6(frame, size, ident=9):
    """An Ethernet frame with IPv6 cut into fragments of `size` payload bytes (a multiple of 8)."""
    head, following, payload = frame[14:54], frame[20], frame[54:]
    cut = []
    for at in range(0, len(payload), size):
        piece = payload[at:at + size]
        more = at + size < len(payload)
        new = head[:4] + struct.pack(">HB", 8 + len(piece), 44) + head[7:]
        cut.append(frame[:14] + new + struct.pack(">BBHI", following, 0, at | more, ident) + piece)
    return cut


def write_pcapng(path, interfaces, packets):
    """A pcapng file. Interfaces are (link type, decimals of a second, from 6 on); packets are
    (interface, time, frame) in the order of the file."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + size + body + size

    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for link, decimals in interfaces:
            out.write(block(1, struct.pack("<HHI", link, 0, 262144)
                            + struct.pack("<HHB3xHH", 9, 1, decimals, 0, 0)))
        for interface, at, frame in packets:
            ticks = round(at * 1e6) * 10 ** (interfaces[interface][1] - 6)
            out.write(block(6, struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF,
                                           len(frame), len(frame)) + frame))


def rtp(seq, stamp, ssrc=0x1234, kind=0, marker=False, size=160):
    """An RTP packet (RFC 3550); payload type 0 is G.711 of 20 ms with 160 bytes."""
    return struct.pack(">BBHII", 0x80, kind | (128 if marker else 0), seq & 0xFFFF,
                       stamp & 0xFFFFFFFF, ssrc) + bytes(size)


def rtcp_sender(ssrc, ntp_middle, reports=()):
    """A sender report; each report block is (SSRC, lost, highest, LSR, DLSR)."""
    blocks = b"".join(struct.pack(">IIIIII", about, lost & 0xFFFFFF, highest, 0, echo, delay)
                      for about, lost, highest, echo, delay in reports)
    return struct.pack(">BBHIQIII", 0x80 | len(reports), 200, 6 + 6 * len(reports), ssrc,
                       ntp_middle << 16, 0, 0, 0) + blocks


def sdp(address, port, types="0", maps=()):
    lines = ["v=0", f"c=IN IP4 {address}", f"m=audio {port} RTP/AVP {types}"]
    return "\r\n".join(lines + [f"a=rtpmap:{each}" for each in maps]) + "\r\n"


def sip(start, call_id, sequence, body="", tag="a"):
    head = [start, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", f"From: <sip:a@example.test>;tag={tag}",
            "To: <sip:b@example.test>", f"Call-ID: {call_id}", f"CSeq: {sequence}",
            "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()
