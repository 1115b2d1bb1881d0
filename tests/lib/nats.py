"""A NATS client of our own for the tests of rights: it may be told to do what no good agent does.
Signs with the openssl program, so that nothing but Debian's python3 is needed."""

import base64
import json
import pathlib
import socket
import subprocess
import tempfile
import time


def seed_bytes(seed):
    """The 32 secret bytes of an NKey seed text ("SU…")."""
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    return raw[2:34]


def sign(seed, message):
    """Ed25519 over message, as base64url without padding."""
    pkcs8 = bytes.fromhex("302e020100300506032b657004220420") + seed_bytes(seed)
    with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as data:
        key.write(pkcs8)
        key.flush()
        data.write(message)
        data.flush()
        done = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key.name,
                               "-keyform", "DER", "-in", data.name], capture_output=True,
                              check=True)
    return base64.urlsafe_b64encode(done.stdout).rstrip(b"=").decode()


def identity(folder):
    """(jwt, seed) from an agent's state folder."""
    jwt = seed = None
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and path.stat().st_size < 8192:
            text = path.read_bytes()
            if text.startswith(b"SU"):
                seed = text.decode().strip()
            elif text.startswith(b"ey"):
                jwt = text.decode().strip()
    assert jwt and seed, f"no identity in {folder}"
    return jwt, seed


class Nats:
    """Connects at once; `errors` collects what the server refused, `messages` what came."""

    def __init__(self, port, jwt=None, seed=None, name="test"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.buffer, self.errors, self.messages = b"", [], []
        info = json.loads(self._line().split(b" ", 1)[1])
        options = {"verbose": False, "pedantic": False, "lang": "test", "version": "0",
                   "name": name, "protocol": 1}
        if jwt:
            options["jwt"] = jwt
            if seed:
                options["sig"] = sign(seed, info["nonce"].encode())
        self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        self.pump(until=lambda: self.ponged, timeout=5)

    ponged = False

    def _send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _take(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def pump(self, until=lambda: False, timeout=1.0):
        """Handles what arrives for so long, or until it is true; a closed connection raises."""
        end = time.monotonic() + timeout
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return
            self.socket.settimeout(max(left, 0.01))
            try:
                line = self._line()
            except TimeoutError:
                return
            self._handle(line)

    def _handle(self, line):
        word = line.split(b" ", 1)[0].upper()
        if word == b"PING":
            self._send(b"PONG\r\n")
        elif word == b"PONG":
            self.ponged = True
        elif word == b"-ERR":
            self.errors.append(line.decode())
            if b"authorization violation" in line.lower() or b"expired" in line.lower():
                raise PermissionError(line.decode())
        elif word == b"MSG":
            words = line.decode().split(" ")
            payload = self._take(int(words[-1]))
            self._take(2)
            self.messages.append((words[1], payload))

    def publish(self, subject, payload, reply=""):
        self._send(f"PUB {subject} {reply + ' ' if reply else ''}{len(payload)}\r\n".encode()
                   + payload + b"\r\n")

    def subscribe(self, subject):
        self.ponged = False
        self._send(f"SUB {subject} {len(subject)}\r\nPING\r\n".encode())
        self.pump(until=lambda: self.ponged, timeout=5)

    def flush(self):
        self.ponged = False
        self._send(b"PING\r\n")
        self.pump(until=lambda: self.ponged, timeout=5)

    def close(self):
        self.socket.close()
