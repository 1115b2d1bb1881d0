"""What a console does, in Python: log in, ask the API, listen on the live channel."""

import base64
import json
import os
import socket
import ssl
import struct
import time
import urllib.error
import urllib.request


class Refused(Exception):
    """The API answered with an error; status and the error object are kept."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Api:
    def __init__(self, url, ca=None):
        self.url, self.cookie, self.csrf = url, None, None
        self.tls = ssl.create_default_context(cafile=ca) if ca else None

    def request(self, method, path, body=None, headers=None, timeout=10):
        """Returns (status, headers, bytes) whatever the status is."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.cookie:
            request.add_header("Cookie", self.cookie)
        if self.csrf and method != "GET":
            request.add_header("X-Picket-CSRF", self.csrf)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.tls) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def call(self, method, path, body=None, timeout=10):
        status, headers, data = self.request(method, path, body, timeout=timeout)
        answer = json.loads(data) if data else None
        if status >= 400:
            raise Refused(status, answer)
        return answer, headers

    def get(self, path, timeout=10):
        return self.call("GET", "/api/v1" + path, timeout=timeout)[0]

    def post(self, path, body):
        return self.call("POST", "/api/v1" + path, body)[0]

    def login(self, user, password):
        answer, headers = self.call("POST", "/api/v1/session", {"user": user, "password": password})
        self.cookie = headers["Set-Cookie"].split(";")[0]
        self.csrf = answer["csrf"]
        return answer

    def instance(self, name):
        for row in self.get("/fleet")["instances"]:
            if row["name"] == name:
                return row
        return None


class Live:
    """The WebSocket of the live channel (RFC 6455, client side, text frames only)."""

    def __init__(self, api, topics=()):
        host, port = api.url.split("//")[1].split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            f"GET /api/v1/live HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: picket.v1\r\n"
            f"Origin: {api.url}\r\nCookie: {api.cookie}\r\n\r\n").encode())
        self.buffer, self.text = b"", b""
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        for topic in topics:
            self.send({"op": "sub", "topic": topic})

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the live channel")
        self.buffer += data

    def _frame(self):
        """Takes one whole frame off the buffer: (first byte, payload), or None when cut short."""
        if len(self.buffer) < 2:
            return None
        size, at = self.buffer[1] & 0x7F, 2
        if size == 126:
            size, at = struct.unpack_from(">H", self.buffer.ljust(4, b"\0"), 2)[0], 4
        elif size == 127:
            size, at = struct.unpack_from(">Q", self.buffer.ljust(10, b"\0"), 2)[0], 10
        if len(self.buffer) < at + size:
            return None
        first, payload = self.buffer[0], self.buffer[at:at + size]
        self.buffer = self.buffer[at + size:]
        return first, payload

    def _send_frame(self, opcode, payload):
        mask = os.urandom(4)
        head = bytes([0x80 | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        else:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        self.socket.sendall(head + mask + body)

    def send(self, message):
        self._send_frame(1, json.dumps(message).encode())

    def receive(self, timeout):
        """The next message as a dict, or None when none came in time."""
        until = time.monotonic() + timeout
        while True:
            frame = self._frame()
            if frame is None:
                self.socket.settimeout(max(until - time.monotonic(), 0.01))
                try:
                    self._fill()
                except TimeoutError:
                    return None
                continue
            first, payload = frame
            if first & 0x0F == 9:
                self._send_frame(10, payload)
            elif first & 0x0F == 8:
                raise ConnectionError("the server closed the live channel")
            elif first & 0x0F in (0, 1):
                self.text += payload
                if first & 0x80:
                    message, self.text = json.loads(self.text), b""
                    return message

    def wait(self, accept, timeout):
        """The first message that accept(message) takes; fails the test when none comes."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            message = self.receive(until - time.monotonic())
            if message is not None and accept(message):
                return message
        raise AssertionError(f"nothing fitting on the live channel in {timeout} s")

    def close(self):
        self.socket.close()
