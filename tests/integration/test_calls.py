"""A call between two programs over a bad line: SIP announces it, speech goes both ways, and the agent
between them says how it sounds."""

import pathlib
import socket
import struct
import sys
import threading
import time

import pytest

from lab import Process, wait_for
from relay import Line

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import packets  # noqa: E402 (the path comes first)

NAME, SIP, NEAR_RTP, FAR_RTP = "pktcall", 5060, 40000, 30000
PACKETS, LOSE_EACH = 700, 10
FAR = f"""
import sys
sys.path[:0] = {[str(pathlib.Path(__file__).parent), str(pathlib.Path(packets.__file__).parent)]!r}
import test_calls
test_calls.answer(sys.argv[1])
"""


def opened(own):
    """A telephone has its port open before it tells of it."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(own)
    return end


def speech(end, other, seed):
    """Fourteen seconds of G.711: a packet each 20 ms by the clock, not after the last."""
    begin = time.monotonic()
    for n in range(PACKETS):
        time.sleep(max(0, begin + .02 * n - time.monotonic()))
        end.sendto(packets.rtp(seed + n, 160 * n, ssrc=seed), other)


def answer(own):
    """The far telephone: takes one call and speaks while it lasts."""
    with opened((own, SIP)) as phone, opened((own, FAR_RTP)) as end:
        while True:
            text, caller = phone.recvfrom(4096)
            lines = text.decode().split("\r\n")
            head = [line for line in lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID",
                                                                     "CSeq")]
            body = packets.sdp(own, FAR_RTP) if lines[0].startswith("INVITE") else ""
            phone.sendto("\r\n".join(["SIP/2.0 200 OK", *head, "", body]).encode(), caller)
            if body:
                threading.Thread(target=speech, args=(end, (caller[0], NEAR_RTP), 200)).start()


def answers(line):
    """Whether the far telephone is up. A message of UDP to one that is not would be gone."""
    with opened((line.near, 0)) as phone:
        phone.settimeout(1)
        phone.sendto(packets.sip(f"OPTIONS sip:b@{line.far} SIP/2.0", "up", "1 OPTIONS"),
                     (line.far, SIP))
        try:
            return phone.recv(4096).startswith(b"SIP/2.0 200")
        except TimeoutError:
            return False


def call(line):
    """The near telephone: calls, speaks, hangs up; gives back the Call-ID."""
    call_id = f"{time.monotonic_ns()}@{line.near}"
    with opened((line.near, SIP)) as phone, opened((line.near, NEAR_RTP)) as end:
        phone.settimeout(10)
        target = f"sip:b@{line.far} SIP/2.0"
        phone.sendto(packets.sip(f"INVITE {target}", call_id, "1 INVITE",
                                 packets.sdp(line.near, NEAR_RTP)), (line.far, SIP))
        assert phone.recv(4096).startswith(b"SIP/2.0 200")
        phone.sendto(packets.sip(f"ACK {target}", call_id, "1 ACK"), (line.far, SIP))
        speech(end, (line.far, FAR_RTP), 100)
        phone.sendto(packets.sip(f"BYE {target}", call_id, "2 BYE"), (line.far, SIP))
    return call_id


def listens(line):
    """Whether the far telephone answers by now."""
    with opened((line.near, SIP)) as phone:
        phone.settimeout(.5)
        phone.sendto(packets.sip(f"OPTIONS sip:b@{line.far} SIP/2.0", "early", "1 OPTIONS"),
                     (line.far, SIP))
        try:
            return phone.recv(4096).startswith(b"SIP/2.0 200")
        except TimeoutError:
            return False


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre, a far telephone behind 30 ms each way, and an agent at the near end of the line."""
    line = Line(NAME, 0.030, "10.214.0.1", "10.214.0.2")
    try:
        api = shared_lab.start_centre()
        Process(shared_lab, "phone", line.inside(sys.executable, "-c", FAR, line.far)).start()
        wait_for(lambda: listens(line), 30, "the far telephone listens")
        shared_lab.agent("voice-1", line.device, extra="[flow]\nidle_udp = 20s")
        wait_for(lambda: (api.instance("voice-1") or {}).get("state") == "up", 30, "voice-1 is up")
        wait_for(lambda: any(source["state"] == "running" for row in api.get(
            "/instances/voice-1/query?op=status")["rows"] for source in row["sources"]), 30,
            "it captures")
        wait_for(lambda: answers(line), 60, "the far telephone answers")
        yield api, line
    finally:
        line.close()


def mos_of(side):
    """The E-model (ITU-T G.107) of G.711 with concealment, by the row's own figures."""
    packets_all = side["packets"] + side["lost"]
    loss = 100 * (side["lost"] + side["discarded"]) / packets_all
    wait_ms = min(max(2 * side["jitter_us"] / 1000, 20), 200)
    delay = 50 + wait_ms + 20
    rating = 93.2 - 0.024 * delay - 0.11 * max(0, delay - 177.3) - 95 * loss / (
        loss / max(1, side.get("burst", 100) / 100) + 25.1)
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


@pytest.mark.alone  # speech that waits for a processor sounds worse
def test_speech_over_a_lossy_line_sounds_as_the_model_says(site):
    api, line = site
    line.expect(back=LOSE_EACH)
    call_id = call(line)

    def row():
        rows = api.get("/instances/voice-1/query?op=flows&port=30000")["rows"]
        return next((r for r in rows if r.get("media", {}).get("call_id") == call_id
                     and r["media"].get("call") == "over"), None)
    flow, did = wait_for(row, 10, "the flow of the call"), line.tell()
    # Who is heard first counts as the client.
    near, far = ("c2s", "s2c") if flow["client"] == line.near else ("s2c", "c2s")
    good, bad = flow["media"][near], flow["media"][far]
    assert flow["quality"]["class"] == "voice" and bad["codec"] == "PCMU"
    assert bad["lost"] == pytest.approx(did["back"]["dropped"], abs=1)  # one may be the last
    assert good["lost"] == 0 and good["packets"] == PACKETS
    assert bad["mos"] / 1000 == pytest.approx(mos_of(bad), abs=0.15)
    assert good["mos"] / 1000 == pytest.approx(mos_of(good), abs=0.15)
    assert bad["mos"] < 3500 < good["mos"]
    verdicts = flow["quality"]
    assert verdicts[far]["blame"] == ("server_side" if far == "s2c" else "client_side")
    assert verdicts[far]["score"] < verdicts[near]["score"]
    assert verdicts[far]["label"] in ("poor", "fair")
    assert_told_at_the_centre(api, flow, far, call_id)


def assert_told_at_the_centre(api, flow, direction, call_id):
    """Who looks for a telephone finds the bad call, and sees whose it was."""
    def found(address):
        rows = api.get(f"/alerts?kind=rtp_loss_high&q={address}")["items"]
        return [a for a in rows if f"; {words}; call {call_id}" in a["detail"]]
    words = "server to client" if direction == "s2c" else "client to server"
    for side in ("client", "server"):
        alert = wait_for(lambda address=flow[side]: found(address), 60, f"an alert on {side}")[0]
        assert alert["client"] == f"{flow['client']}:{flow['client_port']}"
        assert alert["server"] == f"{flow['server']}:{flow['server_port']}"
        assert alert["protocol"] == flow["protocol"] and alert["entity"] == "flow"
