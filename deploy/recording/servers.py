"""Small servers for the recordings, for what no program of the packages serves simply.
Run on a host of the switch: servers.py KIND [ARGUMENT...]."""

import http.server
import socket
import socketserver
import ssl
import struct
import sys
import time

NTP_EPOCH = 2208988800  # seconds from 1900 to 1970


class Page(http.server.BaseHTTPRequestHandler):
    """/page/N is N bytes of text; /private wants a password; the rest is not there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        words = self.path.strip("/").split("/")
        if words[0] == "private" and "Authorization" not in self.headers:
            return self.answer(401, b"", [("WWW-Authenticate", 'Basic realm="stock"')])
        if words[0] not in ("page", "private"):
            return self.answer(404, b"no such page\n")
        size = int(words[1]) if len(words) > 1 else 900
        return self.answer(200, (b"<p>Goods in, goods out. </p>\n" * (size // 28 + 1))[:size])

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, b"stored\n")

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WebServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4, mapped
    request_queue_size = 64


def serve_http(port):
    WebServer(("::", int(port)), Page).serve_forever()


def serve_https(port, certificate, key):
    server = WebServer(("::", int(port)), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    server.serve_forever()


class Ftp(socketserver.StreamRequestHandler):
    """As much of FTP as curl needs for one download."""

    def say(self, text):
        self.wfile.write((text + "\r\n").encode())

    def handle(self):
        data = None
        self.say("220 file server ready")
        for line in self.rfile:
            verb = line.split()[0].decode().upper()
            if verb in ("EPSV", "PASV"):
                data = socket.create_server((self.connection.getsockname()[0], 0))
                self.say(f"229 Extended passive mode (|||{data.getsockname()[1]}|)")
            elif verb == "RETR":
                self.say("150 here it comes")
                link, _ = data.accept()
                link.sendall(b"pallet;shelf;count\n" * 600)
                link.close()
                self.say("226 done")
            elif verb == "QUIT":
                return self.say("221 goodbye")
            else:
                self.say({"USER": "331 password, please", "PASS": "230 welcome",
                          "PWD": '257 "/"', "TYPE": "200 binary", "CWD": "250 there",
                          "SIZE": "213 11400"}.get(verb, "502 not here"))
        return None


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


def serve_ftp():
    Tcp(("", 21), Ftp).serve_forever()


class Mqtt(socketserver.BaseRequestHandler):
    """Accepts a connection and whatever is published with quality 0 (MQTT 3.1.1, section 3)."""

    def handle(self):
        while True:
            data = self.request.recv(4096)
            if not data or data[0] >> 4 == 14:
                return
            if data[0] >> 4 == 1:
                self.request.sendall(b"\x20\x02\x00\x00")


def serve_mqtt():
    Tcp(("", 1883), Mqtt).serve_forever()


def serve_ntp():
    """Answers mode 3 with mode 4 (RFC 5905, section 7.3)."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("", 123))
    while True:
        query, address = link.recvfrom(512)
        now = int((time.time() + NTP_EPOCH) * 2**32)
        link.sendto(struct.pack(">BBbbII4sQ8sQQ", 0x24, 2, 6, -20, 300, 400, b"\xc6\x33\x64\x01",
                                now, query[40:48], now, now), address)


def serve_syslog():
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("", 514))
    while True:
        link.recv(2048)


if __name__ == "__main__":
    globals()[f"serve_{sys.argv[1]}"](*sys.argv[2:])
