"""Capture files that are none, or that lie: `--read` names the file and the reason and ends with 1,
what came before the fault is shown, and an agent that replays one goes on with its other source."""

import os
import random
import struct
import subprocess

import pytest

from lab import AGENT, wait_for
from packets import write_load

HEADER, RECORD = 24, 16


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("captures") / "good.pcap"
    write_load(path, flows=20, seconds=5)
    return path


def read(path, timeout=60):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PICKET_")}
    return subprocess.run([AGENT, "--read", path, "--json"], capture_output=True, text=True,
                          timeout=timeout, env=plain)


def record(caplen, length, data=b"", seconds=1, micros=1):
    return struct.pack("<IIII", seconds, micros, caplen, length) + data


def bad_files(good):
    """Name, bytes, and whether all of it is refused (else: it is read as far as it goes)."""
    dice = random.Random(20261125)
    yield "empty", b"", True
    yield "half-a-header", good[:20], True
    yield "text", b"no capture at all\n" * 50, True
    yield "random", dice.randbytes(100_000), True
    yield "reversed", good[::-1], True
    yield "cut-in-a-record", good[:len(good) // 2 + 3], False
    yield "cut-in-a-record-header", good[:HEADER + RECORD + 74 + 5], False
    yield "random-behind-the-header", good[:HEADER] + dice.randbytes(100_000), False
    yield "a-giant-record", good[:HEADER] + record(0x7FFFFFFF, 0x7FFFFFFF, b"x" * 1000), False
    yield "a-negative-length", good[:HEADER] + record(0xFFFFFFFF, 60, b"x" * 60), False
    yield "more-than-its-snaplen", good[:HEADER] + record(300_000, 300_000, b"x" * 300_000), False


def odd_files(good):
    """Name and bytes of what is odd and yet a capture file: nothing is wrong with reading it."""
    dice = random.Random(20261126)
    yield "no-packet", good[:HEADER]
    yield "a-wire-length-of-4-GiB", good[:HEADER] + record(60, 0xFFFFFFFF, b"x" * 60)
    yield "empty-packets", good + bytes(16 << 20)
    yield "times-that-jump", good[:HEADER] + b"".join(
        record(60, 60, dice.randbytes(60), dice.randrange(1 << 32), dice.randrange(1 << 32))
        for _ in range(2000))
    yield "all-bytes-at-random", good[:HEADER] + b"".join(
        record(size, size + dice.randrange(9), dice.randbytes(size))
        for size in (dice.randrange(1500) for _ in range(2000)))
    records = list(split(good))
    yield "records-in-reverse", good[:HEADER] + b"".join(reversed(records))
    cut = [(one[RECORD:RECORD + n % 60], len(one) - RECORD) for n, one in enumerate(records)]
    yield "each-record-cut", good[:HEADER] + b"".join(
        record(len(data), length, data) for data, length in cut)


def split(data):
    at = HEADER
    while at < len(data):
        size = RECORD + struct.unpack_from("<I", data, at + 8)[0]
        yield data[at:at + size]
        at += size


def assert_no_report(done):
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr


def test_what_is_no_capture_is_refused_by_name_and_reason(good, tmp_path):
    for name, data, refused in bad_files(good.read_bytes()):
        path = tmp_path / f"{name}.pcap"
        path.write_bytes(data)
        done = read(path)
        assert_no_report(done)
        assert done.returncode == 1, name
        assert done.stderr.startswith(f"picket-agent: {path} cannot be read: ")
        assert done.stderr.count("\n") == 1 and "pcapng" in done.stderr
        assert bool(done.stdout) <= (not refused), name
        if name == "cut-in-a-record":
            assert len(done.stdout.splitlines()) > 5, "what came before is shown"


def test_what_is_odd_is_read_without_harm(good, tmp_path):
    for name, data in odd_files(good.read_bytes()):
        path = tmp_path / f"{name}.pcap"
        path.write_bytes(data)
        done = read(path)
        assert_no_report(done)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_a_link_type_of_nobody_is_refused_by_its_number(good, tmp_path):
    data, path = good.read_bytes(), tmp_path / "nobody.pcap"
    path.write_bytes(data[:20] + struct.pack("<I", 9999) + data[24:])
    done = read(path)
    assert_no_report(done)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{path} cannot be read: " in done.stderr
    assert "link type 9999 is none of EN10MB, RAW" in done.stderr


def test_a_file_cut_at_any_byte_does_no_harm(good, tmp_path):
    data, path = good.read_bytes(), tmp_path / "cut.pcap"
    for size in [*range(0, HEADER + RECORD + 80, 7), *range(200, 2000, 97)]:
        path.write_bytes(data[:size])
        done = read(path)
        assert_no_report(done)
        assert done.returncode in (0, 1)


def test_what_is_no_file_is_refused_and_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", "/dev/null", "/dev/zero"):
        done = read(path, timeout=20)
        assert_no_report(done)
        assert done.returncode == 1 and f"{path} cannot be read" in done.stderr


def test_an_agent_goes_on_with_its_good_source_and_says_what_is_wrong_with_the_other(lab, good):
    api = lab.start_centre()
    broken = lab.dir / "broken.pcap"
    broken.write_bytes(good.read_bytes()[:HEADER] + record(0x7FFFFFFF, 60, b"x" * 60))
    agent = lab.agent("pisa-1", f"file:{good}?loop file:{broken}?loop")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "degraded", 20,
             "pisa-1 is degraded")
    wait_for(lambda: f"source file:{broken}?loop failed: " in agent.text(), 20,
             "the log names the source")
    wait_for(lambda: api.get("/instances/pisa-1/query?op=flows&limit=5")["rows"], 10,
             "flows of the good source")
