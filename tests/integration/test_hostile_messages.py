"""Messages that no good program sends, on every subject there is, to the centre and to an agent:
each is counted, what is kept to look at is kept, and the next good one is served as ever."""

import json
import random
import struct
import zlib

import pytest

from lab import wait_for
from nats import Nats, identity
from packets import write_load
from sim import Sim

PAYLOAD_MAX = 256 * 1024  # of the server
STREAMS = {"alert": 1, "ctr": 2, "flow": 3, "asset": 4, "snmp": 5, "probe": 6}
EPOCH = 7
UP_WORDS = ["hello", "hb", "live", "bye", "cfg"]
DOWN_WORDS = ["ack", "nack", "welcome", "cfg", "cmd", "watch", "time", "q", "cancel", "unheard-of"]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def envelope(body, kind=3, version=1, flags=0, epoch=EPOCH, first=1, raw_len=None, count=1,
             schema=1, magic=b"PKT1"):
    """A batch with a right checksum, whatever it says."""
    head = struct.pack("<4sBBHQQQIHHII", magic, version, kind, flags, epoch, first, 0,
                       len(body) if raw_len is None else raw_len, count, schema, 0, 0)
    return head[:40] + struct.pack("<I", crc32c(head + body)) + head[44:] + body


def framed(record):
    return struct.pack("<I", len(record)) + record


def bomb(size, level=9):
    packer = zlib.compressobj(level)
    return packer.compress(bytes(size)) + packer.flush()


def bad_batches(kind):
    """Name and bytes of what is no batch of this stream."""
    good = envelope(framed(b"x" * 40), kind)
    packed = bomb(4 << 20)
    yield "an empty message", b""
    yield "one byte", b"P"
    yield "half a header", good[:30]
    yield "a cut body", good[:-7]
    yield "another magic", envelope(framed(b"x"), kind, magic=b"PKT2")
    yield "a version of tomorrow", envelope(framed(b"x"), kind, version=9)
    yield "a broken checksum", good[:-1] + bytes([good[-1] ^ 1])
    yield "another stream's kind", envelope(framed(b"x"), kind % 6 + 1)
    yield "a zip bomb", envelope(packed, kind, flags=1, raw_len=4 << 20)
    yield "a zip bomb that lies", envelope(bomb(64 << 20), kind, flags=1, raw_len=1000)
    yield "a length beyond the limit", envelope(packed, kind, flags=1, raw_len=0xFFFFFFFF)
    yield "no deflate at all", envelope(b"\xff" * 2000, kind, flags=1, raw_len=4000)
    yield "a record longer than the body", envelope(struct.pack("<I", 1 << 30) + b"x", kind)
    yield "no record", envelope(b"", kind, count=0)
    yield "more records than there are", envelope(framed(b"x"), kind, count=400)
    yield "more records than are allowed", envelope(framed(b"x") * 501, kind, count=501)
    yield "bytes behind the last record", envelope(framed(b"x") * 3, kind, count=2)
    yield "a sequence of zero", envelope(framed(b"x"), kind, first=0)
    yield "a sequence at the end of numbers", envelope(framed(b"x"), kind, first=(1 << 63) - 1)
    yield "an epoch of zero", envelope(framed(b"x"), kind, epoch=0)
    yield "the largest message", random.Random(kind).randbytes(PAYLOAD_MAX)


def bad_json():
    """Name and bytes of what is no message in JSON, or one that nobody can mean."""
    yield "an empty message", b""
    yield "no JSON", b"\0\xff\xfe not json"
    yield "half an object", b'{"v":1,"boot":"x'
    yield "a list", b"[]"
    yield "a number", b"1e999"
    yield "an empty object", b"{}"
    yield "a version of tomorrow", b'{"v":99}'
    yield "deep lists", b"[" * 60000
    yield "deep objects", b'{"v":1,"a":' + b'{"a":' * 20 + b"1" + b"}" * 20 + b"}"
    yield "no UTF-8", b'{"v":1,"boot":"\xff\xfe"}'
    yield "a zero byte in a name", b'{"v":1,"bo\\u0000ot":"x"}'
    yield "members of other types", (b'{"v":"1","n":{},"boot":[],"t":"x","up_s":-1,"bps":"fast",'
                                     b'"sig":7,"stream":9,"epoch":[],"upto":-5,"lease_s":"x"}')
    yield "numbers beyond all bounds", (b'{"v":1,"n":99999999999999999999999,"up_s":1e308,'
                                        b'"bps":-1e308,"epoch":18446744073709551616}')
    yield "a giant text", b'{"v":1,"boot":"' + b"x" * 200000 + b'"}'
    yield "the largest message", random.Random(1).randbytes(PAYLOAD_MAX)


def metric(api, name):
    text = api.request("GET", "/metrics")[2].decode()
    return sum(int(line.split()[1]) for line in text.splitlines()
               if line.split()[0] == f"picket_{name}_total")


@pytest.fixture(scope="module")
def centre(shared_lab):
    """A centre, a stand-in agent with good batches, and a second connection under its name."""
    lab = shared_lab
    lab.api = lab.start_centre()
    lab.sim = Sim(lab, "pisa-1", lab.token("pisa-1", "pisa"))
    answer = lab.sim.enrol()
    jwt, seed = answer["jwt"], (lab.dir / "pisa-1.sim/agent.nk").read_text().strip()
    lab.bad = Nats(lab.nats_port, jwt, seed)
    lab.sim.do("hello 7")
    lab.next_seq = 1
    yield lab
    lab.bad.close()
    lab.sim.close()


def assert_good_is_stored(lab):
    upto = lab.next_seq + 4
    assert lab.sim.ask(f"flows {EPOCH} {lab.next_seq} 5")["upto"] == upto
    lab.next_seq = upto + 1
    assert lab.sql("SELECT max(f.seq) FROM flow f JOIN instance i ON i.id = f.instance_id"
                   " WHERE i.name = 'pisa-1'") == [(upto,)]


@pytest.mark.parametrize("word", STREAMS)
def test_a_bad_batch_is_counted_and_kept_and_the_next_good_one_stored(centre, word):
    cases = list(bad_batches(STREAMS[word]))
    before = metric(centre.api, "messages_malformed")
    for _, data in cases:
        centre.bad.publish(f"pk.v1.up.0.pisa-1.b.{word}", data)
    centre.bad.flush()
    wait_for(lambda: metric(centre.api, "messages_malformed") - before >= len(cases), 10,
             f"all {len(cases)} are counted")
    assert metric(centre.api, "messages_malformed") - before == len(cases)
    assert_good_is_stored(centre)


@pytest.mark.parametrize("word", STREAMS)
def test_of_bad_batches_ten_a_second_are_kept_with_their_reason(centre, word):
    name, data = list(bad_batches(STREAMS[word]))[8]

    def kept():
        centre.bad.publish(f"pk.v1.up.0.pisa-1.b.{word}", data)
        centre.bad.flush()
        return centre.sql("SELECT reason, bytes FROM quarantine WHERE stream = %s AND"
                          " reason LIKE '%%claim to hold%%'", STREAMS[word])

    rows = wait_for(kept, 5, f"{name} is kept", step=0.3)
    assert bytes(rows[0][1])[:4] == b"PKT1"
    assert_good_is_stored(centre)


def test_a_batch_on_no_stream_s_subject_is_counted(centre):
    before = metric(centre.api, "messages_malformed")
    for word in ("b.audit", "b.x", "b.flows", "nothing"):
        centre.bad.publish(f"pk.v1.up.0.pisa-1.{word}", envelope(framed(b"x")))
    centre.bad.flush()
    wait_for(lambda: metric(centre.api, "messages_malformed") - before == 4, 5, "all are counted")
    assert_good_is_stored(centre)


def beat_until_up(lab):
    """The stand-in beats only when it is told to, and may have been silent for too long."""
    lab.sim.do("beat 0 1")
    return lab.api.instance("pisa-1")["state"] == "up"


@pytest.mark.parametrize("word", UP_WORDS)
def test_a_bad_message_is_counted_and_the_state_stays(centre, word):
    cases = list(bad_json())
    wait_for(lambda: beat_until_up(centre), 10, "the stand-in is up", step=0.5)
    before = metric(centre.api, "messages_malformed")
    for _, data in cases:
        centre.bad.publish(f"pk.v1.up.0.pisa-1.{word}", data)
    centre.bad.flush()
    wait_for(lambda: metric(centre.api, "messages_malformed") - before >= len(cases) - 1, 10,
             f"all {len(cases)} are counted")
    centre.sim.do("beat 0 1")
    assert_good_is_stored(centre)
    assert centre.api.instance("pisa-1")["state"] == "up"


def test_answers_that_nobody_asked_for_are_passed_over(centre):
    for subject in ("pk.v1.rsp.pisa-1.x.y.0", "pk.v1.rsp.pisa-1.agg.1.0", "pk.v1.rsp.pisa-1.a"):
        for _, data in bad_json():
            centre.bad.publish(subject, data)
    centre.bad.flush()
    assert_good_is_stored(centre)


def test_a_message_beyond_the_servers_limit_ends_its_own_connection_alone(centre):
    jwt, seed = identity(centre.dir / "pisa-1.sim")
    extra = Nats(centre.nats_port, jwt, seed)
    with pytest.raises((ConnectionError, OSError)):
        extra.publish("pk.v1.up.0.pisa-1.b.flow", bytes(PAYLOAD_MAX + 1))
        extra.flush()
        extra.pump(timeout=5)
        raise AssertionError("a message of 256 KiB and one byte was taken")
    assert_good_is_stored(centre)


def test_enrolment_requests_that_are_none_are_counted_and_a_good_one_is_answered(centre):
    token = centre.token("lucca-1", "lucca")
    bearer = token.read_text().strip().removeprefix("pkt1.").split(".ca.")[0]
    cases = [(name, data) for name, data in bad_json() if len(data) <= 4096]
    before = metric(centre.api, "messages_malformed")
    bad = Nats(centre.nats_port, bearer_jwt(bearer))
    for _, data in cases:
        bad.publish("pk.v1.enrol.lucca-1", data)
    bad.flush()
    bad.close()
    wait_for(lambda: metric(centre.api, "messages_malformed") - before >= len(cases), 10,
             f"all {len(cases)} are counted")
    good = Sim(centre, "lucca-1", token)
    assert good.enrol()["ok"]
    good.close()


def bearer_jwt(text):
    """The JWT within a token: three parts of base64url with points between."""
    return ".".join(text.split(".")[:3])


# --- to the agent -----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def agent(centre):
    capture = centre.dir / "load.pcap"
    write_load(capture, flows=50, seconds=10)
    centre.agent("siena-1", f"file:{capture}?loop")
    wait_for(lambda: (centre.api.instance("siena-1") or {}).get("state") == "up", 20,
             "siena-1 is up")
    folder = centre.dir / "centre"
    centre.core = Nats(centre.nats_port, (folder / "core-user.jwt").read_text().strip(),
                       (folder / "core-user.nk").read_text().strip())
    yield centre.agents["siena-1"]
    centre.core.close()


def is_well(lab, agent, children):
    assert agent.children() == children, "a part of the agent was started anew"
    answer = lab.api.get("/instances/siena-1/query?op=flows&limit=5")
    assert answer["live"] and answer["rows"]


@pytest.mark.parametrize("word", DOWN_WORDS)
def test_a_bad_message_to_an_agent_is_passed_over_and_it_goes_on(centre, agent, word):
    children = agent.children()
    for _, data in bad_json():
        centre.core.publish(f"pk.v1.dn.siena-1.{word}", data)
    centre.core.flush()
    is_well(centre, agent, children)


def test_acknowledgements_of_what_was_never_sent_lose_nothing(centre, agent):
    children = agent.children()
    before = centre.sql("SELECT count(*) FROM flow f JOIN instance i ON i.id = f.instance_id"
                        " WHERE i.name = 'siena-1'")
    for stream in ("flow", "ctr", "alert", "asset", "x"):
        for epoch, upto in ((1, 1 << 40), (1 << 62, 1), (0, 0), (5, 1 << 62)):
            centre.core.publish("pk.v1.dn.siena-1.ack", json.dumps(
                {"v": 1, "stream": stream, "epoch": epoch, "upto": upto, "credit": 4}).encode())
            centre.core.publish("pk.v1.dn.siena-1.nack", json.dumps(
                {"v": 1, "stream": stream, "epoch": epoch, "expect": upto + 1,
                 "reason": "made up"}).encode())
    centre.core.flush()
    is_well(centre, agent, children)
    wait_for(lambda: centre.sql("SELECT count(*) FROM flow f JOIN instance i"
                                " ON i.id = f.instance_id WHERE i.name = 'siena-1'") > before,
             30, "flows of siena-1 are stored as ever")
    assert centre.sql("SELECT count(*) FROM gap g JOIN instance i ON i.id = g.instance_id"
                      " WHERE i.name = 'siena-1'") == [(0,)]


def test_an_agent_that_waits_to_be_let_in_is_not_fooled(centre):
    token = centre.token("prato-1", "prato")
    centre.aggregator.kill()
    capture = centre.dir / "load.pcap"
    agent = centre.agent("prato-1", f"file:{capture}?loop", token=token)
    wait_for(lambda: "connected" in agent.text(), 10, "prato-1 is connected")
    folder = centre.dir / "centre"
    core = Nats(centre.nats_port, (folder / "core-user.jwt").read_text().strip(),
                (folder / "core-user.nk").read_text().strip())
    for _, data in bad_json():
        core.publish("pk.v1.enrolled.prato-1", data)
    core.publish("pk.v1.enrolled.prato-1", b'{"v":1,"ok":true,"jwt":"eyJ0eXAiOiJKV1QifQ.e30.AAAA"}')
    core.flush()
    core.close()
    centre.aggregator.start()
    wait_for(lambda: centre.ready(centre.api), 20, "the aggregator answers")
    wait_for(lambda: (centre.api.instance("prato-1") or {}).get("state") in ("up", "degraded"), 60,
             "prato-1 is let in")
