"""A start into a bad world: the database or NATS away, the port taken, a folder that is none, a disk
that is full. What can wait waits and says so; what cannot ends with 1 and the remedy."""

import os
import socket
import subprocess
import time

import pytest

from client import Api
from lab import AGGREGATOR, AGENT, PICKETCTL, wait_for
from packets import write_load
from ledger import STREAM_NUMBERS, read_ledger, stored


FLOWS, SECONDS = 9000, 10  # of the load: half are one packet, half eight
RATE_PPS = FLOWS * 4.5 / SECONDS


def ended(command, timeout=20):
    """Runs a program that is to fail; returns its exit status and all its words."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    words = done.stdout + done.stderr
    assert "Sanitizer" not in words and "runtime error" not in words, words
    return done.returncode, words


def test_without_database_and_nats_at_the_start_all_waits_and_then_goes_on(lab):
    api = lab.start_centre()
    token = lab.token("pisa-1", "pisa")
    for part in (lab.aggregator, lab.nats, lab.database):
        part.stop()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=200, seconds=10)
    agent = lab.agent("pisa-1", f"file:{capture}?loop&pace=1", token=token)
    lab.aggregator.start()
    wait_for(lambda: lab.aggregator.text().count("waiting for PostgreSQL") == 1, 10,
             "the aggregator says what it waits for")
    wait_for(lambda: "cannot reach NATS" in lab.aggregator.text(), 10, "and that NATS is away")
    wait_for(lambda: "cannot reach NATS" in agent.text(), 10, "the agent says it too")
    assert Api(lab.url).request("GET", "/healthz")[0] == 200
    assert Api(lab.url).request("GET", "/readyz")[0] == 503
    lab.database.start()
    wait_for(lab.database_answers, 20, "PostgreSQL is up")
    lab.nats.start()
    wait_for(lambda: lab.ready(api), 20, "the centre is ready")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 60, "pisa-1 is up")
    wait_for(lambda: stored(lab, "pisa-1", "flow"), 20, "what it saw before is stored")


def test_a_port_in_use_ends_the_start_with_the_remedy(lab):
    lab.start_centre()
    config = lab.dir / "aggregator.conf"
    status, words = ended([AGGREGATOR, "--config", config])
    assert status == 1
    assert f"127.0.0.1 port {lab.http_port}" in words and "http.listen" in words
    assert "another program has the port" in words and "Address already in use" in words
    other = lab.dir / "other.conf"
    other.write_text(config.read_text().replace(f"127.0.0.1:{lab.http_port}", "192.0.2.1:8080")
                     + "\nallow_plain = true\n" if "[http]" in config.read_text() else "")
    status, words = ended([AGGREGATOR, "--config", other])
    assert status in (1, 2) and "http.listen" in words


LACKS_ONE = ("DELETE FROM schema_migration WHERE version = 2", "lacks migration 2 (auth)")
IS_NEWER = ("INSERT INTO schema_migration VALUES (9999, 'from_the_future', 'x')",
            "9999 (from_the_future), which this program does not know")
IS_OTHER = ("UPDATE schema_migration SET sha256 = 'x' WHERE version = 3", "migration 3 (qoe)")


def test_a_database_of_another_program_ends_the_start_with_the_remedy(lab):
    lab.start_centre()
    for change, word in (LACKS_ONE, IS_NEWER, IS_OTHER):
        lab.aggregator.stop()
        kept = lab.sql("SELECT * FROM schema_migration")
        lab.sql(change + " RETURNING version")
        status, words = ended([AGGREGATOR, "--config", lab.dir / "aggregator.conf"])
        assert status == 1 and "not for this program" in words and word in words, words
        status, words = ended([PICKETCTL, "--dir", lab.dir / "centre", "--database", lab.conninfo,
                               "agent", "list"])
        assert status == 1 and word in words, words
        lab.sql("DELETE FROM schema_migration RETURNING version")
        for row in kept:
            lab.sql("INSERT INTO schema_migration VALUES (%s, %s, %s, %s) RETURNING version", *row)
    lab.aggregator.start()
    wait_for(lambda: lab.ready(Api(lab.url)), 20, "with its own again it starts")


@pytest.mark.parametrize("name", ["missing", "file", "empty"])
def test_a_centre_s_folder_that_is_none_is_named_with_the_remedy(tmp_path, name):
    if name == "file":
        (tmp_path / name).write_text("x")
    elif name == "empty":
        (tmp_path / name).mkdir()
    config = tmp_path / "aggregator.conf"
    config.write_text(f"dir = {tmp_path}/{name}\n[http]\nlisten = 127.0.0.1:0\n")
    status, words = ended([AGGREGATOR, "--config", config])
    assert status == 1 and f"{tmp_path}/{name}" in words and "picketctl init" in words
    status, words = ended([PICKETCTL, "--dir", tmp_path / name, "--database", "host=/nonexistent",
                           "agent", "list"])
    assert status == 1 and len(words) > 20


def test_a_spool_folder_that_cannot_be_used_ends_the_start(tmp_path):
    (tmp_path / "spool").write_text("a file")
    (tmp_path / "token").write_text("pkt1.x.y.z\n")
    config = tmp_path / "agent.conf"
    config.write_text(f"name = pisa-1\ntoken_file = {tmp_path}/token\n[capture]\nsources = lo\n"
                      f"[spool]\ndir = {tmp_path}/spool\n")
    status, words = ended([AGENT, "--config", config])
    assert status == 1 and f"{tmp_path}/spool" in words


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    folder = tmp_path / "pisa-1.spool"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M,mode=700", "picket", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def packets_seen(api, name):
    """Packets of its sources since the engine's start, as the agent itself says."""
    def ask():
        answer = api.get(f"/instances/{name}/query?op=status")
        return answer["live"] and answer["rows"][0]
    return sum(source["packets"] for source in wait_for(ask, 20, "a live answer")["sources"])


def gap_sequences(lab, name, stream):
    return {(epoch, seq) for epoch, first, last in lab.sql(
        "SELECT g.epoch, g.from_seq, g.to_seq FROM gap g JOIN instance i ON i.id = g.instance_id"
        " WHERE i.name = %s AND g.stream = %s", name, STREAM_NUMBERS[stream])
        for seq in range(first, last + 1)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_loses_the_oldest_and_says_exactly_which(small_disk, lab):
    api = lab.start_centre()
    capture = lab.dir / "load.pcap"
    write_load(capture, flows=FLOWS, seconds=SECONDS)
    agent = lab.agent("pisa-1", f"file:{capture}?loop&pace=1")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") in ("up", "degraded"), 20,
             "pisa-1 is up")
    packets = packets_seen(api, "pisa-1")
    assert "spool.cap is more than the disk" in agent.text()
    lab.nats.stop()
    wait_for(lambda: "spool full" in agent.text() or "No space left" in agent.text(), 90,
             "the disk is full", step=0.5)
    children, before = agent.children(), len(read_ledger(lab.ledgers["pisa-1"])["flow"])
    full_at = time.monotonic()
    wait_for(lambda: len(read_ledger(lab.ledgers["pisa-1"])["flow"]) > before + 4000, 30,
             "capture goes on", step=0.5)
    assert agent.children() == children, "no part of the agent died of it"
    full_s = time.monotonic() - full_at
    lab.nats.start()
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") in
             ("up", "degraded", "catching_up"), 40, "pisa-1 is back")
    assert packets_seen(api, "pisa-1") - packets > full_s * RATE_PPS / 2, "all the while"
    wait_for(lambda: gap_sequences(lab, "pisa-1", "flow"), 60, "the loss is told as a gap")
    assert agent.stop() == 0
    ledger = read_ledger(lab.ledgers["pisa-1"])["flow"]
    rows = set(stored(lab, "pisa-1", "flow"))
    gaps = gap_sequences(lab, "pisa-1", "flow")
    assert not rows & gaps, "nothing is both stored and missing"
    top = max(rows | gaps)
    lost = {key for key in ledger if key <= top} - rows
    assert lost <= gaps, f"lost in silence: {sorted(lost - gaps)[:5]}"
    everything = {(epoch, seq) for epoch in {key[0] for key in rows | gaps}
                  for seq in range(1, max(key[1] for key in rows | gaps if key[0] == epoch) + 1)}
    assert everything == rows | gaps, "each sequence is stored or told missing"
    print(f"{len(rows)} stored, {len(gaps)} told missing")


def test_a_port_that_nobody_listens_on_does_not_stop_picketctl_from_saying_so(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run([PICKETCTL, "init", "--dir", tmp_path / "centre"], check=True,
                   capture_output=True)
    status, words = ended([PICKETCTL, "--dir", tmp_path / "centre", "--database",
                           f"host=127.0.0.1 port={port} dbname=picket user=picket connect_timeout=2",
                           "agent", "list"])
    assert status == 1 and str(port) in words and "refused" in words.lower()
