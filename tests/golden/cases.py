"""The capture files of the golden tests, each with one thing to be right about. They are made
afresh for every run, so that what is in them can be read here."""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from packets import (ACK, ETHERNET, FIN, PSH, RAW_IP, RST, SYN, client_hello, cooked,  # noqa: E402
                     dns_query, ethernet, ethernet6, fragments, ipv4, ipv6, rtcp_sender, rtp, sdp, sip,
                     stamps, tagged, tcp,
                     tcp_conversation, udp, write_pcap)

START = 1_700_000_000.0
COOKED = 113
REQUEST = (b"GET /index.html HTTP/1.1\r\nHost: www.example.test\r\nUser-Agent: curl/7.88.1\r\n"
           b"Accept: */*\r\n\r\n")
ANSWER = (b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n"
          b"Content-Length: 5\r\n\r\nhello")


def conversation(start=START, port=40000):
    return tcp_conversation("10.0.0.1", port, "10.0.0.2", 80, REQUEST, ANSWER, start)


def dns(name="www.example.test", at=START):
    query = dns_query(name, 7)
    answer = struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + query[12:] + (
        b"\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x07")
    return [(at, udp("10.0.0.1", 50000, "10.0.0.53", 53, query)),
            (at + 0.004, udp("10.0.0.53", 53, "10.0.0.1", 50000, answer))]


def tls():
    return tcp_conversation("10.0.0.1", 40001, "203.0.113.9", 443, client_hello("www.example.test"),
                            b"\x15\x03\x03\0\x02\x02\x28", START)


def scan_refused():
    frames = []
    for port in range(1000, 1008):
        at = START + (port - 1000) / 10
        frames += [(at, tcp("10.0.0.66", 41000 + port, "10.0.0.5", port, 7, 0, SYN)),
                   (at + 0.001, tcp("10.0.0.5", port, "10.0.0.66", 41000 + port, 0, 8, RST | ACK))]
    return frames


def unanswered():
    return [(START + i, tcp("10.0.0.1", 42000, "10.0.0.9", 25, 7, 0, SYN)) for i in range(3)]


def handshake_times():
    """Server side 40 ms, client side 10 ms, whatever comes later."""
    a, b = ("10.0.0.1", 43000, "10.0.0.2", 9999), ("10.0.0.2", 9999, "10.0.0.1", 43000)
    return [(START, tcp(*a, 100, 0, SYN)), (START + 0.040, tcp(*b, 500, 101, SYN | ACK)),
            (START + 0.050, tcp(*a, 101, 501, ACK)),
            (START + 1.0, tcp(*a, 101, 501, PSH | ACK, b"ping")),
            (START + 1.2, tcp(*b, 501, 105, ACK))]


def loss_and_reordering():
    """Of ten segments c2s, one is sent twice and one comes late into its hole."""
    a, b = ("10.0.0.1", 43001, "10.0.0.2", 9998), ("10.0.0.2", 9998, "10.0.0.1", 43001)
    frames = [tcp(*a, 0, 0, SYN), tcp(*b, 0, 1, SYN | ACK), tcp(*a, 1, 1, ACK)]
    order = [0, 1, 2, 2, 3, 5, 4, 6, 7, 8, 9]
    frames += [tcp(*a, 1 + 100 * i, 1, PSH | ACK, bytes(100), ident=i + 10) for i in order]
    frames.append(tcp(*b, 1, 1001, ACK))
    return [(START + i * 0.001, frame) for i, frame in enumerate(frames)]


def ipv6_extensions():
    """A UDP datagram behind hop-by-hop, routing and destination options."""
    query = dns_query("six.example.test", 9)
    datagram = struct.pack(">HHHH", 50001, 53, 8 + len(query), 0) + query
    options = bytes([43, 0, 1, 4, 0, 0, 0, 0]) + bytes([60, 0, 4, 0, 0, 0, 0, 0]) + bytes(
        [17, 0, 1, 4, 0, 0, 0, 0])
    return [(START, ethernet6(ipv6("2001:db8::1", "2001:db8::53", 0, options + datagram)))]


def fragmented():
    query = udp("10.0.0.1", 50002, "10.0.0.7", 7777, b"z" * 3000, ident=77)
    return [(START + i * 0.001, piece) for i, piece in enumerate(fragments(query, 1480))]


def icmp():
    def echo(kind, source, target):
        return ethernet(ipv4(source, target, 1, struct.pack(">BBHHH", kind, 0, 0, 1, 1) + b"x" * 48))
    return [(START, echo(8, "10.0.0.1", "10.0.0.2")), (START + 0.003, echo(0, "10.0.0.2",
                                                                             "10.0.0.1"))]


def port_reuse():
    """The same five-tuple twice: the second SYN begins a second flow."""
    return conversation() + conversation(START + 30)


def damaged():
    """Frames cut inside every header, a wrong version, a length beyond the frame; then a good
    flow, which must still be there."""
    whole = conversation()[3][1]
    frames = [whole[:n] for n in (0, 1, 13, 14, 20, 33, 34, 40, 53)]
    frames += [whole[:14] + bytes([0x75]) + whole[15:], whole[:14] + bytes([0x4F]) + whole[15:],
               whole[:16] + b"\xff\xff" + whole[18:], whole[:46] + b"\xf0" + whole[47:]]
    return [(START + i * 0.001, frame) for i, frame in enumerate(frames)] + conversation(START + 1)


def half_closed():
    a, b = ("10.0.0.1", 43002, "10.0.0.2", 9997), ("10.0.0.2", 9997, "10.0.0.1", 43002)
    return [(START, tcp(*a, 0, 0, SYN)), (START + .01, tcp(*b, 0, 1, SYN | ACK)),
            (START + .02, tcp(*a, 1, 1, ACK)), (START + .03, tcp(*a, 1, 1, FIN | ACK)),
            (START + .04, tcp(*b, 1, 2, ACK)), (START + 5, tcp(*b, 1, 2, PSH | ACK, b"late")),
            (START + 6, tcp(*b, 5, 2, RST))]


def five_fates():
    """One of each: 20 ms to the client and back, 80 ms to the server and back, a hundred segments
    to the client, 2 ms apart. #20 is lost behind the tap, #50 before it, #70 comes 5 ms late, a
    mirror copies #80, #90 is sent again although it was acknowledged. Then the client's window is
    shut for a second, and 30 s later a keep-alive asks."""
    c, s = ("10.0.0.1", 44000, "10.0.0.2", 80), ("10.0.0.2", 80, "10.0.0.1", 44000)
    frames, size = [], 1000

    def at(ms, frame):
        frames.append((START + ms / 1000, frame))

    def server(n, ms, stamp=None, ident=None):
        at(ms, tcp(*s, 1 + n * size, 11, ACK, bytes(size), ident=ident or 1000 + n,
                   options=stamps(int(ms if stamp is None else stamp) + 1, 1)))

    def client(edge, ms, echo=1, window=500):
        at(ms, tcp(*c, 11, edge, ACK, window=window, options=stamps(int(ms), echo)))

    at(0, tcp(*c, 0, 0, SYN, options=stamps(1, 0)))
    at(80, tcp(*s, 0, 1, SYN | ACK, options=stamps(1, 1)))
    at(100, tcp(*c, 1, 1, ACK, options=stamps(100, 1)))
    at(100, tcp(*c, 1, 1, PSH | ACK, bytes(10), options=stamps(100, 1)))
    at(180, tcp(*s, 1, 11, ACK, options=stamps(180, 100)))
    for n in range(100):
        ms = 200 + 2 * n
        if n == 50:
            server(50, ms + 120, stamp=ms + 120)
        elif n == 70:
            server(70, ms + 5, stamp=ms)
        else:
            server(n, ms)
        if n == 80:
            server(80, ms + 0.2, stamp=ms, ident=1080)
        if n == 20:
            server(20, ms + 121, stamp=ms + 121, ident=3000)
    for n in range(0, 18, 2):
        client(1 + (n + 1) * size, 200 + 2 * n + 20)
    client(1 + 100 * size, 200 + 2 * 99 + 150)
    server(90, 700, stamp=700, ident=3001)
    client(1 + 100 * size, 800, window=0)
    at(1000, tcp(*s, 1 + 100 * size, 11, ACK, b"x", options=stamps(1001, 1)))
    client(1 + 100 * size, 1020, window=0)
    client(1 + 100 * size, 1800)
    at(31800, tcp(*s, 100 * size, 11, ACK, b"x", options=stamps(31801, 1)))
    client(1 + 100 * size, 31820)
    return frames


def poor_link():
    """The published example: 31 of 174 segments sent again, towards the client."""
    c, s = ("10.0.0.1", 44001, "10.0.0.2", 80), ("10.0.0.2", 80, "10.0.0.1", 44001)
    frames = [(START, tcp(*c, 0, 0, SYN)), (START + .02, tcp(*s, 0, 1, SYN | ACK)),
              (START + .03, tcp(*c, 1, 1, ACK)), (START + .03, tcp(*c, 1, 1, PSH | ACK, b"GET"))]
    at, ident = START + .05, 1
    for n in range(143):
        copies = 2 if n % 4 == 0 and n < 124 else 1
        for _ in range(copies):
            ident += 1
            frames.append((at, tcp(*s, 1 + n * 100, 4, ACK, bytes(100), ident=ident)))
            at += .04
        frames.append((at, tcp(*c, 4, 101 + n * 100, ACK)))
        at += .001
    return frames


def found_midway():
    """A download that was running already: no handshake, and the first ACKs of what came before."""
    c, s = ("10.0.0.1", 44002, "10.0.0.2", 80), ("10.0.0.2", 80, "10.0.0.1", 44002)
    frames, at = [], START
    for n in range(60):
        frames += [(at, tcp(*s, 900000 + n * 1000, 77, ACK, bytes(1000), ident=n + 5)),
                   (at + .030, tcp(*c, 77, 901000 + n * 1000, ACK))]
        at += .05
    return frames


def dns_trouble():
    """Five questions over one port: answered in 5 ms, asked twice, NXDOMAIN, SERVFAIL, never."""
    frames = []

    def query(ident, at):
        frames.append((START + at, udp("10.0.0.1", 50003, "10.0.0.53", 53,
                                       dns_query(f"n{ident}.example.test", ident))))

    def answer(ident, rcode, at):
        head = struct.pack(">HHHHHH", ident, 0x8180 | rcode, 1, 0, 0, 0)
        frames.append((START + at, udp("10.0.0.53", 53, "10.0.0.1", 50003,
                                       head + dns_query(f"n{ident}.example.test", ident)[12:])))

    query(1, 0), answer(1, 0, .005)
    query(2, 1), query(2, 2), answer(2, 0, 2.005)
    query(3, 3), answer(3, 3, 3.005)
    query(4, 4), answer(4, 2, 4.005)
    query(5, 5), query(6, 11), answer(6, 0, 11.005)
    return frames


def blind_tap():
    """A transfer of which the capture misses every tenth segment, and one seen one way only."""
    a, b = ("10.0.0.1", 43002, "10.0.0.2", 9997), ("10.0.0.2", 9997, "10.0.0.1", 43002)
    frames = [tcp(*a, 0, 0, SYN), tcp(*b, 0, 1, SYN | ACK), tcp(*a, 1, 1, ACK)]
    for i in range(60):
        segment = tcp(*b, 1 + 100 * i, 1, PSH | ACK, bytes(100))
        frames += [tcp(*a, 1, 101 + 100 * i, ACK)] if i % 10 == 5 else [
            segment, tcp(*a, 1, 101 + 100 * i, ACK)]
    c = ("10.0.0.1", 43003, "10.0.0.2", 9996)
    frames += [tcp(*c, 1 + 100 * i, 1, PSH | ACK, bytes(100)) for i in range(30)]
    return [(START + i * 0.01, frame) for i, frame in enumerate(frames)]


def risks_of_ours():
    """One flow for each risk that the engine judges by itself: a scanner's injecting request to an
    old server that sends a program, a host that is never answered, a connection without a byte, and
    twenty errors within a minute."""
    attack = (b"GET /shell?cd+/tmp;chmod+777+a HTTP/1.1\r\nHost: www.xn--pple-43d.test\r\n"
              b"User-Agent: Mozilla/5.0 (compatible; Nmap Scripting Engine)\r\n\r\n")
    program = (b"HTTP/1.1 200 OK\r\nServer: Apache/2.2.15 (CentOS)\r\nContent-Type: image/png\r\n"
               b"Content-Length: 20\r\n\r\n\x7fELF\2\1\1" + bytes(13))
    frames = tcp_conversation("10.0.0.3", 45100, "10.0.0.4", 80, attack, program, START + 2)
    frames += [(START + 3 + i / 10, udp("10.0.0.1", 45101, "10.0.0.9", 7000, b"\xee" * 40, i))
               for i in range(5)]
    c, s = ("10.0.0.5", 45102, "10.0.0.6", 8080), ("10.0.0.6", 8080, "10.0.0.5", 45102)
    probe = [tcp(*c, 1, 0, SYN), tcp(*s, 7, 2, SYN | ACK), tcp(*c, 2, 8, ACK),
             tcp(*c, 2, 8, FIN | ACK), tcp(*s, 8, 3, FIN | ACK), tcp(*c, 3, 9, ACK)]
    frames += [(START + 4 + i / 100, frame) for i, frame in enumerate(probe)]
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"
    for i in range(20):
        request = REQUEST.replace(b"index", b"guess%d" % i)
        frames += tcp_conversation("10.0.0.7", 45200 + i, "10.0.0.2", 80, request, missing,
                                   START + 5 + i)
    return frames


def later_protocols():
    """What nDPI 4.2 does not know, each as one exchange."""
    query = dns_query("www.example.test", 7)
    reply = struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + query[12:] + (
        b"\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x07")
    slp = b"\2\1\0\0\x10\0\0\0\0\0\0\1\0\2en"
    magic = bytes.fromhex("00ffff00fefefefefdfdfdfd12345678")
    talks = [(5300, query, reply), (427, slp, slp.replace(b"\2\1", b"\2\2", 1)),
             (47808, b"\x81\x0b\0\x08\1\x20\xff\xff", b"\x81\x0a\0\x08\1\0\x10\0"),
             (50010, b"\0\1\0\x46" + bytes(70), b"\0\2\0\x46" + bytes(70)),
             (19132, b"\5" + magic + b"\6" + bytes(30), b"\6" + magic + bytes(11)),
             (6667, b"\0\0\x55\xaa" + bytes(16) + b"\0\0\xaa\x55", b"\0\0\x55\xaa" + bytes(16)
              + b"\0\0\xaa\x55"), (9999, b"\xd0\xf2\x81\xf8", b"\xd0\xf2\x81\xf8")]
    frames = []
    for i, (port, ask, answer) in enumerate(talks):
        frames += [(START + i, udp("10.0.0.1", 46000 + i, "10.0.0.2", port, ask, i)),
                   (START + i + .01, udp("10.0.0.2", port, "10.0.0.1", 46000 + i, answer, i))]
    name = b"rdkafka"
    kafka = struct.pack(">HHIH", 18, 3, 1, len(name)) + name + b"\0"
    frames += tcp_conversation("10.0.0.1", 46100, "10.0.0.2", 9092,
                               struct.pack(">I", len(kafka)) + kafka, b"\0\0\0\6\0\0\0\1\0\0", START)
    return frames


def call():
    """A call of ten seconds, announced by SIP. Six of 500 packets of the caller never come to the
    tap, one comes late, one twice; 20 ms to the caller and back, 80 ms to the called."""
    a, b = ("192.0.2.1", 49170), ("198.51.100.2", 30000)
    frames = []

    def at(ms, source, target, payload):
        frames.append((START + ms / 1000, udp(*source, *target, payload)))

    def signal(ms, forth, payload):
        ends = (a[0], 5060), (b[0], 5060)
        at(ms, *(ends if forth else ends[::-1]), payload)

    signal(0, True, sip("INVITE sip:b@example.test SIP/2.0", "golden@192.0.2.1", "1 INVITE",
                        sdp(*a, "0 101", ["101 telephone-event/8000"])))
    signal(80, False, sip("SIP/2.0 180 Ringing", "golden@192.0.2.1", "1 INVITE"))
    signal(900, False, sip("SIP/2.0 200 OK", "golden@192.0.2.1", "1 INVITE", sdp(*b)))
    for n in range(500):
        ms = 1000 + 20 * n
        if n not in (100, 101, 102, 200, 250, 251):
            at(ms + (29 if n == 300 else n % 4), a, b, rtp(65530 + n, 160 * n, 0xA))
        if n == 400:
            at(ms + 0.5, a, b, rtp(65530 + n, 160 * n, 0xA))
        at(ms + 7, b, a, rtp(n, 160 * n, 0xB))
    control_a, control_b = (a[0], a[1] + 1), (b[0], b[1] + 1)
    for n in range(4):
        ms = 2000 + 2000 * n
        at(ms, control_a, control_b, rtcp_sender(0xA, 1000 + n))
        at(ms + 180, control_b, control_a,
           rtcp_sender(0xB, 2000 + n, [(0xA, n, 65536 + 100 * n, 1000 + n, 6554)]))
        at(ms + 200, control_a, control_b,
           rtcp_sender(0xA, 3000 + n, [(0xB, 0, 65536 + 100 * n, 2000 + n, 0)]))
    signal(11100, True, sip("BYE sip:b@example.test SIP/2.0", "golden@192.0.2.1", "2 BYE"))
    return frames


def refused_then_used():
    """Three telephones whose other end does not listen yet (early media): the first is refused, and
    answered 50 ms later; the second is refused and speaks on, without an answer; the third gives
    up. They are a flow each, of which only the third was refused."""
    frames = []

    def says(ms, port, n, back=False):
        ends = ("10.0.0.2", 30000, "10.0.0.1", port)
        ends = ends if back else ends[2:] + ends[:2]
        frames.append((START + ms / 1000, udp(*ends, rtp(n, 160 * n, 0xB if back else 0xA))))

    def refuses(ms, n):
        quoted = frames[n][1][14:]
        frames.append((START + ms / 1000, ethernet(ipv4(
            "10.0.0.2", "10.0.0.1", 1, struct.pack(">BBHI", 3, 3, 0, 0) + quoted[:28]))))

    for port in (40000, 40002, 40004):
        says(0, port, 0)
    for n in range(3):
        refuses(1, n)
    for n in range(1, 1000):
        if n > 2:
            says(20 * n - 10, 40000, n, back=True)
        says(20 * n, 40000, n)
        says(20 * n, 40002, n)
        if n < 3:
            says(20 * n, 40004, n)
    return frames


def calls_by_proxy():
    """Six calls whose SIP goes by a proxy and whose speech goes from end to end: other hosts, so
    that several workers have the one and the other. 97 is iLBC to the called, Opus to the caller."""
    frames = []
    for k in range(6):
        a, b, proxy = f"10.1.{k}.1", f"10.2.{k}.1", "10.3.0.5"
        begin, name = START + k / 100, f"call{k}@{a}"
        invite = sip("INVITE sip:b@example.test SIP/2.0", name, "1 INVITE",
                     sdp(a, 4000, "97", ["97 opus/48000/2"]))
        accept = sip("SIP/2.0 200 OK", name, "1 INVITE", sdp(b, 4002, "97", ["97 iLBC/8000"]))
        hops = [(a, proxy, invite), (proxy, b, invite), (b, proxy, accept), (proxy, a, accept)]
        frames += [(begin + i / 10, udp(source, 5060, target, 5060, text))
                   for i, (source, target, text) in enumerate(hops)]
        for n in range(100):
            at, head = begin + 1 + n / 50, [">BBHII", 0x80, 97, n]
            frames += [(at, udp(a, 4000, b, 4002, struct.pack(*head, n * 160, 1) + bytes(38))),
                       (at + .001, udp(b, 4002, a, 4000,
                                       struct.pack(*head, n * 960, 2) + bytes(80)))]
    return frames


def quic():
    """A handshake (40 ms to the server and back, 10 ms to the client), then the spin bit turning
    once in 50 ms, for four seconds."""
    c, s = ("10.0.0.1", 45000), ("10.0.0.2", 443)

    def long_header(first, cid):
        return bytes([first, 0, 0, 0, 1, 8]) + bytes([cid]) * 8 + bytes(1200)

    frames = [(START, udp(*c, *s, long_header(0xC0, 1))),
              (START + .040, udp(*s, *c, long_header(0xC0, 2))),
              (START + .050, udp(*c, *s, long_header(0xE0, 3)))]
    for ms in range(100, 4100, 2):
        client, server = ms // 50 % 2, (ms - 40) // 50 % 2
        at = START + ms / 1000
        frames += [(at, udp(*c, *s, bytes([0x40 | 0x20 * client]) + bytes(40))),
                   (at + 1e-4, udp(*s, *c, bytes([0x40 | 0x20 * server]) + bytes(400)))]
    return frames


CASES = {
    "http": (conversation, ETHERNET),
    "dns": (dns, ETHERNET),
    "tls": (tls, ETHERNET),
    "vlan": (lambda: [(t, tagged(f, 42)) for t, f in conversation()], ETHERNET),
    "qinq": (lambda: [(t, tagged(f, 100, 42)) for t, f in conversation()], ETHERNET),
    "linux-cooked": (lambda: [(t, cooked(f)) for t, f in conversation()], COOKED),
    "raw-ip": (lambda: [(t, f[14:]) for t, f in conversation()], RAW_IP),
    "ipv6-extensions": (ipv6_extensions, ETHERNET),
    "fragments": (fragmented, ETHERNET),
    "icmp": (icmp, ETHERNET),
    "scan-refused": (scan_refused, ETHERNET),
    "unanswered": (unanswered, ETHERNET),
    "handshake-times": (handshake_times, ETHERNET),
    "loss-and-reordering": (loss_and_reordering, ETHERNET),
    "five-fates": (five_fates, ETHERNET),
    "poor-link": (poor_link, ETHERNET),
    "blind-tap": (blind_tap, ETHERNET),
    "found-midway": (found_midway, ETHERNET),
    "dns-trouble": (dns_trouble, ETHERNET),
    "call": (call, ETHERNET),
    "refused-then-used": (refused_then_used, ETHERNET),
    "calls-by-proxy": (calls_by_proxy, ETHERNET),
    "quic": (quic, ETHERNET),
    "port-reuse": (port_reuse, ETHERNET),
    "half-closed": (half_closed, ETHERNET),
    "damaged": (damaged, ETHERNET),
    "risks-of-ours": (risks_of_ours, ETHERNET),
    "later-protocols": (later_protocols, ETHERNET),
}


def write(name, path):
    make, link = CASES[name]
    write_pcap(path, make(), link)
