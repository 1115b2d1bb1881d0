"""Clients that are about to vanish: opens connections of every kind to a Picket centre over TLS,
says how many, and holds them until the end of its input. Run by test_vanished_peers.py in a network
namespace whose wire is then cut.

    vanish.py ADDRESS PORT COOKIE FILE NUMBER"""

import base64
import json
import os
import socket
import ssl
import struct
import sys

ADDRESS, PORT, COOKIE, FILE = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
HOST = f"{ADDRESS}:{PORT}"


def connect(receive_buffer=None):
    link = socket.socket()
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.settimeout(20)
    link.connect((ADDRESS, PORT))
    return link


def secure(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # not what is tested
    return context.wrap_socket(connect(**options))


def saying(*lines, body=b"", **options):
    link = secure(**options)
    link.sendall("\r\n".join((lines[0], f"Host: {HOST}", *lines[1:])).encode() + body)
    return link


def half_a_request():
    return saying("GET /api/v1/fleet HTTP/1.1", "X-Half: a")


def half_a_body():
    return saying("POST /api/v1/session HTTP/1.1", "Content-Type: application/json",
                  "Content-Length: 100000", "", "", body=b'{"user": "')


def between_requests():
    link = saying("GET /healthz HTTP/1.1", "", "")
    assert link.recv(4096).startswith(b"HTTP/1.1 200")
    return link


def in_a_download():
    """It has read the head alone, and little fits into its buffer."""
    link = saying(f"GET {FILE} HTTP/1.1", "", "", receive_buffer=4096)
    assert link.recv(16).startswith(b"HTTP/1.1 200")
    return link


def subscribed():
    key = base64.b64encode(os.urandom(16)).decode()
    link = saying("GET /api/v1/live HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade",
                  f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                  "Sec-WebSocket-Protocol: picket.v1", f"Origin: https://{HOST}",
                  f"Cookie: {COOKIE}", "", "")
    assert b" 101 " in link.recv(4096)
    text = json.dumps({"op": "sub", "topic": "fleet"}).encode()
    link.sendall(struct.pack(">BB4x", 0x81, 0x80 | len(text)) + text)  # masked by zeroes
    assert link.recv(4096)
    return link


KINDS = (connect, secure, half_a_request, half_a_body, between_requests, in_a_download, subscribed)

if __name__ == "__main__":
    held = [kind() for _ in range(int(sys.argv[5])) for kind in KINDS]
    print(len(held), flush=True)
    sys.stdin.read()
