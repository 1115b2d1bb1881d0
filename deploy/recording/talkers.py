"""Small clients for the recordings, for what no program of the packages speaks simply.
Run on a host of the switch: talkers.py KIND [ARGUMENT...]."""

import random
import socket
import struct
import sys
import time

from servers import NTP_EPOCH

RTP_CLOCK_STEP, RTP_PERIOD_S = 160, 0.020  # G.711: 8 kHz, 20 ms a packet (RFC 3551)


def datagram(address="", port=0):
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    link.bind((address, port))
    return link


def scan(target, first, last):
    """A connect scan: one try a port, a hundred a second."""
    for port in range(int(first), int(last)):
        link = socket.socket()
        link.settimeout(0.05)
        link.connect_ex((target, port))
        link.close()
        time.sleep(0.01)


def ntp(server):
    link = datagram()
    link.settimeout(2)
    now = int((time.time() + NTP_EPOCH) * 2**32)
    link.sendto(struct.pack(">B39xQ", 0x23, now), (server, 123))
    link.recv(512)


def syslog(server, text):
    datagram().sendto(f"<134>Nov 24 08:00:00 gate {text}".encode(), (server, 514))


def mqtt(server, name, count):
    """Connects and publishes so many measurements, one every half second."""
    link = socket.create_connection((server, 1883), timeout=10)
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(name)) + name.encode()
    link.sendall(bytes([0x10, len(body)]) + body)
    link.recv(4)
    for i in range(int(count)):
        topic = f"warehouse/{name}/temperature".encode()
        body = struct.pack(">H", len(topic)) + topic + f"{4 + i % 7}.{i % 10}".encode()
        link.sendall(bytes([0x30, len(body)]) + body)
        time.sleep(0.5)
    link.sendall(b"\xe0\x00")
    link.close()


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def mdns(address, name):
    """Announces a printer (RFC 6762, section 8.3): PTR and A records."""
    service = dns_name("_ipp._tcp.local")
    instance = dns_name(f"{name}._ipp._tcp.local")
    body = struct.pack(">HHHHHH", 0, 0x8400, 0, 2, 0, 0)
    body += service + struct.pack(">HHIH", 12, 1, 4500, len(instance)) + instance
    body += dns_name(f"{name}.local") + struct.pack(">HHIH", 1, 0x8001, 120, 4)
    body += socket.inet_aton(address)
    link = datagram(port=5353)
    link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    for _ in range(2):
        link.sendto(body, ("224.0.0.251", 5353))
        time.sleep(1)


def dhcp(mac, name):
    """Discover and request (RFC 2131), with the fingerprint of a usual client."""
    link = datagram(port=68)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    link.settimeout(3)
    hardware, ident = bytes.fromhex(mac.replace(":", "")), 0x50C4 + len(name)
    head = struct.pack(">BBBBIHH16x16s64x128x4s", 1, 1, 6, 0, ident, 0, 0x8000, hardware,
                       b"\x63\x82\x53\x63")
    common = bytes([12, len(name)]) + name.encode() + b"\x37\x0a\x01\x1c\x02\x03\x0f\x06\x77\x0c\x2c\x2f"
    link.sendto(head + b"\x35\x01\x01" + common + b"\xff", ("255.255.255.255", 67))
    offered = link.recv(2048)[16:20]
    link.sendto(head + b"\x35\x01\x03\x32\x04" + offered + common + b"\xff",
                ("255.255.255.255", 67))
    link.recv(2048)


def sip(method, own, peer, call, sequence, body=""):
    first = method if method.startswith("SIP/") else f"{method} sip:desk@{peer} SIP/2.0"
    lines = [first, f"Via: SIP/2.0/UDP {own}:5060;branch=z9hG4bK{call}{sequence}",
             f"From: <sip:front@{own}>;tag=a{call}", f"To: <sip:desk@{peer}>;tag=b{call}",
             f"Call-ID: {call}@{own}", f"CSeq: {sequence}", "Max-Forwards: 70"]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def sdp(own, port):
    return (f"v=0\r\no=- 1 1 IN IP4 {own}\r\ns=call\r\nc=IN IP4 {own}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")


def speak(link, peer, port, seconds, source):
    """RTP of G.711 (RFC 3550), in time by the clock and not by the sleep."""
    noise = random.Random(source)
    started = time.monotonic()
    for i in range(int(seconds / RTP_PERIOD_S)):
        head = struct.pack(">BBHII", 0x80, 0, 1000 + i, 160000 + i * RTP_CLOCK_STEP, source)
        link.sendto(head + noise.randbytes(RTP_CLOCK_STEP), (peer, port))
        time.sleep(max(started + (i + 1) * RTP_PERIOD_S - time.monotonic(), 0))


def hear(link):
    """The next datagram, or None: a lossy link may have swallowed it, and life goes on."""
    try:
        return link.recv(4096)
    except TimeoutError:
        return None


def call(own, peer, port, seconds, ident):
    """Calls a waiting phone, speaks, hangs up."""
    control, media = datagram(own, 5060), datagram(own, int(port))
    control.settimeout(3)
    control.sendto(sip("INVITE", own, peer, ident, "1 INVITE", sdp(own, port)), (peer, 5060))
    for _ in range(2):
        hear(control)  # 180 and 200
    control.sendto(sip("ACK", own, peer, ident, "1 ACK"), (peer, 5060))
    speak(media, peer, int(port), float(seconds), 0x1111)
    control.sendto(sip("BYE", own, peer, ident, "2 BYE"), (peer, 5060))
    hear(control)


def phone(own, peer, port, seconds, ident):
    """Waits for one call and answers it."""
    control, media = datagram(own, 5060), datagram(own, int(port))
    _, caller = control.recvfrom(4096)
    control.sendto(sip("SIP/2.0 180 Ringing", peer, own, ident, "1 INVITE"), caller)
    time.sleep(1)
    control.sendto(sip("SIP/2.0 200 OK", peer, own, ident, "1 INVITE", sdp(own, port)), caller)
    speak(media, peer, int(port), float(seconds), 0x2222)
    control.settimeout(5)
    while b"BYE" not in (hear(control) or b"BYE"):
        pass
    control.sendto(sip("SIP/2.0 200 OK", peer, own, ident, "2 BYE"), caller)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
