"""What the agent says of a line is what the line did: round trip, losses, score and label."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from lab import TOP, Process, wait_for
from relay import Line

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import cases  # noqa: E402 (the path comes first)

NAME, PORT = "pktline", 80
SIZE = 400_000
SERVER = f"""
import http.server, socketserver
class Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "{SIZE}")
        self.end_headers()
        self.wfile.write(bytes({SIZE}))
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", {PORT}), Files).serve_forever()
"""
WORTH = (100, 80, 60, 30, 0)
pytestmark = pytest.mark.alone  # round trips are held to 5 %


def table():
    """The knots of the profile, {(class, metric): values}, read as a person would."""
    rows = re.findall(r"QOE_ROW\(CLASS_(\w+), METRIC_(\w+), QOE_(\w+), ([^)]+)\)",
                      (TOP / "agent/qoe/profile.def").read_text())
    unit = {"MS": 1000, "PERCENT": 0.01, "MOS": 1000}
    return {(row[0].lower(), row[1].lower()): [float(v) * unit[row[2]] for v in row[3].split(",")]
            for row in rows}


def worth(kind, metric, value):
    knots = table()[kind, metric]
    if value <= knots[0]:
        return 100
    for i in range(1, 5):
        if value <= knots[i]:
            share = (value - knots[i - 1]) / (knots[i] - knots[i - 1])
            return WORTH[i - 1] - share * (WORTH[i - 1] - WORTH[i])
    return 0


def label(score):
    return ("excellent" if score >= 80 else "good" if score >= 60 else
            "fair" if score > 30 else "poor")


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre, a line of 50 ms each way with servers at its far end, and an agent at its near."""
    line = Line(NAME, 0.050)
    try:
        api = shared_lab.start_centre()
        Process(shared_lab, "web", line.inside(sys.executable, "-c", SERVER)).start()
        Process(shared_lab, "dns", line.inside(
            shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), "--keep-in-foreground",
            "--no-hosts", "--no-resolv", "--conf-file=/dev/null", "--bind-interfaces",
            f"--listen-address={line.far}", "--port=53", "--pid-file=",
            "--address=/example.test/192.0.2.7", "--user=root")).start()
        shared_lab.agent("pisa-1", line.device)
        wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
        wait_for(lambda: any(source["state"] == "running" for row in api.get(
            "/instances/pisa-1/query?op=status")["rows"] for source in row["sources"]), 20,
            "it captures")
        wait_for(lambda: fetch(line).returncode == 0, 20, "the far server answers")
        yield shared_lab, api, line
    finally:
        line.close()


def fetch(line, *words):
    return subprocess.run(["curl", "-sS", "--max-time", "60", "-o", "/dev/null", *words,
                           f"http://{line.far}:{PORT}/"], check=False)


def last_flow(api, **wanted):
    """The newest flow that has these values and a verdict."""
    answer = api.get("/instances/pisa-1/query?op=flows&limit=50&sort=first_ms&desc=true")
    rows = [row for row in answer["rows"]
            if all(row.get(key) == value for key, value in wanted.items())]
    return rows[0] if rows and "penalty" in rows[0] else None


def transfer(site, *words, **drops):
    """Runs one curl over the line; what the line did, and the flow when it is over."""
    _, api, line = site
    before = {row["flow_id"] for row in
              api.get("/instances/pisa-1/query?op=flows&limit=1000")["rows"]}
    line.expect(**drops)
    assert fetch(line, *words).returncode == 0
    def ended():
        row = last_flow(api, server_port=PORT, status="closed")
        return row if row and row["flow_id"] not in before else None
    return line.tell(), wait_for(ended, 5, "the flow of the transfer")


def path_rtt_us(row):
    return row["rtt_client_us"] + row["rtt_server_us"]


def scores_by_table(row, direction):
    """What the profile makes of the row's own figures, by metric."""
    segments = row[f"segments_{direction}"]
    bad = row[f"retransmitted_{direction}"] + row[f"lost_before_{direction}"]
    return {"rtt": worth("web", "rtt", path_rtt_us(row)),
            "loss": worth("web", "loss", bad / segments),
            "out_of_order": worth("web", "out_of_order",
                                  row[f"out_of_order_{direction}"] / segments)}


def test_a_download_over_a_lossy_line_has_its_round_trip_and_its_label(site):
    did, row = transfer(site, back=12)
    assert path_rtt_us(row) == pytest.approx(did["rtt_us"], rel=0.05)
    assert row["rtt_client_us"] < 0.05 * did["rtt_us"]
    # A repetition that is dropped as well leaves one hole, not two.
    assert row["lost_before_s2c"] + row["retransmitted_s2c"] == pytest.approx(
        did["back"]["dropped"], abs=3)
    assert row["segments_s2c"] == did["back"]["data"] - did["back"]["dropped"]
    verdict, scores = row["quality"]["s2c"], scores_by_table(row, "s2c")
    assert verdict["reason"] == "loss" == min(scores, key=scores.get)
    assert verdict["score"] == pytest.approx(min(scores.values()), abs=4)
    assert verdict["label"] == label(min(scores.values())) == "fair"
    assert verdict["blame"] == "server_side"
    assert verdict["confidence"] in ("medium", "high")
    points = wait_for(lambda: site[1].get(
        f"/instances/pisa-1/flows/{row['flow_id']}/history")["points"], 20, "its record is stored")
    assert sum(point.get("lost_s2c", 0) for point in points) == (
        row["lost_before_s2c"] + row["retransmitted_s2c"])
    assert points[-1]["rtt_server_us"] == pytest.approx(did["rtt_us"], rel=0.2)
    assert points[-1]["score_s2c"] <= 100 and "mos_s2c" not in points[-1]


def test_an_upload_over_a_lossy_line_loses_behind_the_tap(site, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(bytes(SIZE))
    did, row = transfer(site, "-T", str(body), away=12)
    assert path_rtt_us(row) == pytest.approx(did["rtt_us"], rel=0.05)
    assert row["rtt_server_samples"] >= 5
    assert row["lost_before_c2s"] == 0
    behind = row["retransmitted_c2s"] - row["needless_c2s"]
    assert behind == pytest.approx(did["away"]["dropped"], abs=3)
    verdict, scores = row["quality"]["c2s"], scores_by_table(row, "c2s")
    assert verdict["label"] == label(min(scores.values())) == "fair"
    assert verdict["blame"] == "server_side"


def test_a_clean_line_is_as_good_as_its_round_trip(site):
    did, row = transfer(site)
    assert path_rtt_us(row) == pytest.approx(did["rtt_us"], rel=0.05)
    assert row["lost_before_s2c"] + row["retransmitted_s2c"] == 0
    verdict = row["quality"]["s2c"]
    assert verdict["label"] == "excellent"
    assert verdict["score"] == pytest.approx(worth("web", "rtt", did["rtt_us"]), abs=3)


def test_a_name_is_judged_by_how_long_its_answer_takes(site):
    _, api, line = site
    line.expect()
    for _ in range(5):  # flows of one question each: a busy machine may hold one of them up
        subprocess.run(["dig", "+short", "+tries=1", f"@{line.far}", "www.example.test"],
                       check=True, stdout=subprocess.DEVNULL)
    rows = wait_for(lambda: (lambda found: found if len(found) == 5 else None)(
        [row for row in api.get("/instances/pisa-1/query?op=flows&limit=1000")["rows"]
         if row["server_port"] == 53 and "dns_answer_us" in row]), 5, "the DNS flows")
    row = sorted(rows, key=lambda row: row["dns_answer_us"])[2]
    did = line.tell()
    assert row["dns_answer_us"] == pytest.approx(did["rtt_us"], rel=0.05)
    assert row["quality"]["c2s"]["score"] == pytest.approx(
        worth("dns", "dns_answer", row["dns_answer_us"]), abs=2)


def test_flows_are_filtered_by_their_label(site):
    _, api, _ = site
    fair = api.get("/instances/pisa-1/query?op=flows&quality=fair&limit=100")["rows"]
    assert len(fair) >= 2 and all(row["penalty"] in range(41, 70) for row in fair)
    worst = api.get("/instances/pisa-1/query?op=flows&sort=penalty&desc=true&limit=100")["rows"]
    penalties = [row.get("penalty", 0) for row in worst]
    assert penalties == sorted(penalties, reverse=True)


def test_the_store_says_the_same_when_the_agent_is_away(site):
    lab, api, _ = site
    def transfers(answer):  # over: a flow that goes on is stored later
        return {row["flow_id"]: row for row in answer["rows"] if row["server_port"] == PORT}

    live = transfers(api.get("/instances/pisa-1/query?op=flows&quality=fair&limit=100"))
    assert len(live) >= 2
    wait_for(lambda: lab.sql("SELECT count(*) FROM flow WHERE server_port = %s AND"
                             " least(score_c2s, score_s2c) < 60", PORT)[0][0] >= len(live), 15,
             "the flows are stored", step=0.5)
    lab.agents["pisa-1"].stop()
    answer = wait_for(lambda: (lambda a: a if not a["live"] else None)(
        api.get("/instances/pisa-1/query?op=flows&quality=fair&limit=100")), 10, "a stored answer")
    stored = transfers(answer)
    assert set(stored) == set(live)
    for flow_id, row in stored.items():
        assert row["quality"] == live[flow_id]["quality"]
        for member in ("rtt_client_us", "rtt_server_us", "rtt_server_min_us", "segments_s2c",
                       "lost_before_s2c", "retransmitted_c2s", "needless_c2s", "penalty", "rtt_by"):
            assert row[member] == live[flow_id][member], member


def test_a_capture_with_gaps_is_said_to_be_one_live_and_stored(site):
    lab, api, _ = site
    capture = lab.dir / "blind-tap.pcap"
    cases.write("blind-tap", capture)
    lab.agent("pisa-2", f"file:{capture}")

    def flows(live):
        answer = api.get("/instances/pisa-2/query?op=flows&limit=100")
        whole = sorted(row["packets"] for row in answer["rows"]) == [30, 117]
        rows = {row["client_port"]: row["quality"] for row in answer["rows"]}
        return rows if answer["live"] == live and whole else None

    wait_for(lambda: (api.instance("pisa-2") or {}).get("state") == "up", 20, "pisa-2 is up")
    live = wait_for(lambda: flows(True), 20, "a live answer")
    lab.agents["pisa-2"].stop()  # its last records leave
    stored = wait_for(lambda: flows(False), 20, "a stored answer")
    assert stored == live
    for quality in stored.values():
        for direction in ("c2s", "s2c"):
            assert quality[direction] == {
                "label": "none", "confidence": "none", "unjudged": "capture_incomplete"}


def test_an_instance_tells_how_its_flows_went(site):
    _, api, line = site
    answer = api.get("/instances/pisa-1/quality")
    assert answer["all"]["labels"]["fair"] >= 2 and answer["all"]["labels"]["excellent"] >= 1
    assert sum(answer["all"]["labels"].values()) == answer["all"]["judged"]
    http_row = next(row for row in answer["apps"] if row["name"] == "HTTP")
    assert http_row["reason"] == "loss" and http_row["p5"] < 60
    assert {line.near, line.far} <= {row["name"] for row in answer["hosts"]}
