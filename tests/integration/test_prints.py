"""What real clients give away of themselves stands on the flow, live and stored.

A server at the far end of a line keeps the first bytes that each client sends; what they should be
called is computed here from those bytes, by the words of the definitions.
"""

import hashlib
import re
import struct
import subprocess
import sys

import pytest

from lab import Process, wait_for
from relay import Line

NAME = "pktprints"
SERVER = """
import http.server, pathlib, socket, ssl, sys, threading
folder = pathlib.Path(sys.argv[1])

def keep(port, answer):
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        peer, _ = listener.accept()
        try:
            answer(peer)
        except (OSError, ssl.SSLError):
            pass
        peer.close()

def tls(peer):
    peer.settimeout(5)
    head = peer.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    whole = 5 + int.from_bytes(head[3:5], "big")
    (folder / "hello").write_bytes(peer.recv(whole, socket.MSG_PEEK | socket.MSG_WAITALL))
    with context.wrap_socket(peer, server_side=True) as inner:
        inner.recv(4096)
        inner.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")

def ssh(peer):
    peer.settimeout(2)
    peer.sendall(b"SSH-2.0-Kept_1.0\\r\\n")
    said = b""
    try:
        while len(said) < 1000 or b"none" not in said[-64:]:
            said += peer.recv(65536)
    except OSError:
        pass
    (folder / "ssh").write_bytes(said)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
for port, answer in ((443, tls), (22, ssh)):
    threading.Thread(target=keep, args=(port, answer)).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 80), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

# MSS, SACK, timestamps, padding, window scale: as Linux sends them, with any scale
LINUX = [hashlib.sha256(f"0204080103{scale:02x}".encode()).hexdigest()[:12] for scale in range(15)]


def is_grease(code):
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def codes(data):
    return [code for (code,) in struct.iter_unpack(">H", data) if not is_grease(code)]


def client_hello(record):
    """Ciphers, {extension: value} in their order, and the version that the hello itself says."""
    assert record[0] == 22 and record[5] == 1
    body = record[9:]
    version, at = struct.unpack(">H", body[:2])[0], 34
    at += 1 + body[at]
    size = struct.unpack(">H", body[at:at + 2])[0]
    ciphers = codes(body[at + 2:at + 2 + size])
    at += 2 + size
    at += 1 + body[at] + 2
    extensions = {}
    while at < len(body):
        code, size = struct.unpack(">HH", body[at:at + 4])
        if not is_grease(code):
            extensions[code] = body[at + 4:at + 4 + size]
        at += 4 + size
    return version, ciphers, extensions


def ja4(record):
    version, ciphers, extensions = client_hello(record)
    if 43 in extensions:
        version = max(codes(extensions[43][1:]))
    alpn = "00"
    if 16 in extensions:
        first = extensions[16][3:3 + extensions[16][2]].decode()
        alpn = first[0] + first[-1]
    names = {0x304: "13", 0x303: "12"}
    head = (f"t{names[version]}{'d' if 0 in extensions else 'i'}{len(ciphers):02}"
            f"{len(extensions):02}{alpn}")
    middle = ",".join(f"{code:04x}" for code in sorted(ciphers))
    end = ",".join(f"{code:04x}" for code in sorted(extensions) if code not in (0, 16))
    if 13 in extensions:
        end += "_" + ",".join(f"{code:04x}" for code in codes(extensions[13][2:]))
    short = [hashlib.sha256(text.encode()).hexdigest()[:12] for text in (middle, end)]
    return "_".join([head, *short])


def ja3(record):
    version, ciphers, extensions = client_hello(record)
    groups = codes(extensions.get(10, b"\0\0")[2:])
    formats = list(extensions.get(11, b"\0")[1:])
    text = ",".join([str(version)] + ["-".join(map(str, part)) for part in
                                      (ciphers, extensions, groups, formats)])
    return hashlib.md5(text.encode()).hexdigest()


def hassh(said):
    packet = said[said.index(b"\n") + 1:]
    assert packet[5] == 20
    at, lists = 22, []
    for _ in range(8):
        size = struct.unpack(">I", packet[at:at + 4])[0]
        lists.append(packet[at + 4:at + 4 + size].decode())
        at += 4 + size
    return hashlib.md5(";".join(lists[i] for i in (0, 2, 4, 6)).encode()).hexdigest()


@pytest.fixture(scope="module")
def site(shared_lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=prints.test", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    line = Line(NAME, 0.002)
    try:
        api = shared_lab.start_centre()
        Process(shared_lab, "far", line.inside(sys.executable, "-c", SERVER, folder)).start()
        shared_lab.agent("pisa-1", line.device)
        wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
        wait_for(lambda: any(source["state"] == "running" for row in api.get(
            "/instances/pisa-1/query?op=status")["rows"] for source in row["sources"]), 20,
            "it captures")
        wait_for(lambda: fetch(line, "http", "-A", "warm/1").returncode == 0, 20, "it answers")
        yield shared_lab, api, line, folder
    finally:
        line.close()


def fetch(line, scheme, *words):
    return subprocess.run(["curl", "-sSk", "--max-time", "20", "-o", "/dev/null", *words,
                           "--connect-to", f"prints.test::{line.far}:", f"{scheme}://prints.test/"],
                          check=False)


def flows(api, query):
    return api.get(f"/instances/pisa-1/query?op=flows&limit=100&{query}")["rows"]


def prints(row):
    return {(p["name"], p["version"]): p["value"] for p in row["fingerprints"]}


def newest(api, port, name):
    """The fingerprints of the newest flow to the port, once it has the named one."""
    def look():
        rows = flows(api, f"port={port}&sort=first_ms&desc=true")
        return rows[0] if rows and any(n == name for n, _ in prints(rows[0])) else None
    return wait_for(look, 10, f"{name} on the flow", step=0.2)


def test_a_real_client_is_known_by_its_hello(site):
    lab, api, line, folder = site
    assert fetch(line, "https").returncode == 0
    hello = (folder / "hello").read_bytes()
    row = newest(api, 443, "JA3S")
    assert prints(row)["JA4", "1"] == ja4(hello)
    assert prints(row)["JA3", "1"] == ja3(hello)
    assert any(re.fullmatch(rf"2_64_\d+_{layout}", prints(row)["TCP", "0.4"]) for layout in LINUX)
    assert row["client_hops"] == 0

    same = flows(api, f"print={ja4(hello)}")
    assert row["flow_id"] in [other["flow_id"] for other in same]
    assert all(prints(other)["JA4", "1"] == ja4(hello) for other in same)
    assert [r["flow_id"] for r in flows(api, "print=" + row["community_id"].replace(
        "+", "%2B").replace("=", "%3D"))] == [row["flow_id"]]
    assert flows(api, "print=t00i000000_000000000000_000000000000") == []

    stored = wait_for(lambda: lab.sql(
        "SELECT ja4, encode(ja3, 'hex'), encode(ja3s, 'hex'), tcp_print, tcp_hops, print_version,"
        " community_id FROM flow WHERE server_port = 443 AND flow_id = %s ORDER BY seq DESC",
        row["flow_id"]), 90, "the flow is stored", step=1)[0]
    assert stored == (ja4(hello), ja3(hello), prints(row)["JA3S", "1"], prints(row)["TCP", "0.4"],
                      0, 1, row["community_id"])


def test_another_client_is_another(site):
    lab, api, line, folder = site
    assert fetch(line, "https", "--tls-max", "1.2", "--no-alpn").returncode == 0
    hello = (folder / "hello").read_bytes()
    row = newest(api, 443, "JA3S")
    assert prints(row)["JA4", "1"] == ja4(hello)
    assert ja4(hello).startswith("t12d") and ja4(hello)[8:10] == "00"


def test_ssh_is_known_by_what_it_offers(site):
    lab, api, line, folder = site
    subprocess.run(["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                    "ConnectTimeout=5", "-F", "/dev/null", f"nobody@{line.far}", "true"],
                   check=False, capture_output=True, timeout=20)
    wait_for((folder / "ssh").exists, 10, "the client spoke")
    row = newest(api, 22, "HASSH")
    assert prints(row)["HASSH", "1"] == hassh((folder / "ssh").read_bytes())


def test_a_browser_in_clear_tells_its_name(site):
    lab, api, line, folder = site
    assert fetch(line, "http", "-A", "Picket-Test/1 (X; Y)").returncode == 0
    wait_for(lambda: any(prints(row).get(("User-Agent", "1")) == "Picket-Test/1 (X; Y)"
                         for row in flows(api, "port=80")), 10, "its name is on the flow", step=0.2)


def test_stored_flows_are_found_by_a_fingerprint_while_the_agent_is_away(site):
    lab, api, line, folder = site
    wanted = ja4((folder / "hello").read_bytes())
    wait_for(lambda: lab.sql("SELECT 1 FROM flow WHERE ja4 = %s", wanted), 90, "it is stored", step=1)
    lab.agents["pisa-1"].stop()
    wait_for(lambda: api.instance("pisa-1")["state"] in ("stopped", "unreachable"), 30, "it is away")
    rows = flows(api, f"print={wanted}")
    assert rows and all(prints(row)["JA4", "1"] == wanted for row in rows)
    assert all(row["community_id"].startswith("1:") for row in rows)
