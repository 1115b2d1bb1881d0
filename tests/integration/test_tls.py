"""Between machines everything goes by TLS, by the authority that picketctl init makes; the token is
all that a site needs to know it."""

import os
import socket
import ssl
import subprocess

import pytest

from lab import AGENT, AGGREGATOR, Lab, wait_for
from packets import write_load


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("tls"), tls=True)
    api = lab.start_centre()
    lab.capture = lab.dir / "load.pcap"
    write_load(lab.capture, flows=20, seconds=10)
    lab.agent("pisa-1", f"file:{lab.capture}?loop")
    yield lab, api
    lab.close()


def state_of(api, name):
    return (api.instance(name) or {}).get("state")


def test_an_agent_knows_its_centre_by_the_token_alone(centre):
    lab, api = centre
    wait_for(lambda: state_of(api, "pisa-1") == "up", 30, "pisa-1 is up over TLS")
    assert "ca =" not in (lab.dir / "pisa-1.conf").read_text()
    assert (lab.dir / "pisa-1.spool/identity/ca.pem").read_text() == lab.ca.read_text()


def test_an_agent_without_its_token_still_knows_its_centre_after_a_restart(centre):
    lab, api = centre
    wait_for(lambda: state_of(api, "pisa-1") == "up", 30, "pisa-1 is up")
    lab.agents["pisa-1"].stop()
    (lab.dir / "pisa-1.token").unlink()
    lab.agents["pisa-1"].start()
    wait_for(lambda: state_of(api, "pisa-1") == "up", 30, "pisa-1 is up again")


def test_a_token_made_in_the_console_carries_the_authority_too(centre):
    lab, api = centre
    made = api.post("/instances", {"name": "roma-1", "site": "roma"})
    token = lab.dir / "roma-1.token"
    token.write_text(made["token"])
    lab.agent("roma-1", f"file:{lab.capture}?loop", site="roma", token=token)
    wait_for(lambda: state_of(api, "roma-1") == "up", 30, "roma-1 is up")
    lab.agents["roma-1"].stop()


def test_an_agent_does_not_speak_to_a_server_of_another_authority(centre):
    lab, _ = centre
    bare = lab.dir / "bare.token"
    made = lab.token("lost-1", "pisa").read_text().strip()
    bare.write_text(".".join(made.split(".")[:4]))  # the system's authorities then count
    agent = lab.agent("lost-1", f"file:{lab.capture}?loop", token=bare)
    wait_for(lambda: "cannot reach NATS" in agent.text(), 15, "the log says so")
    assert "enrolled" not in agent.text()
    agent.stop()


def test_the_console_speaks_http_1_1_behind_tls_alone(centre):
    lab, api = centre
    context = ssl.create_default_context(cafile=lab.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", lab.http_port), 5) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as link:
            assert link.selected_alpn_protocol() == "http/1.1"
    status, headers, _ = api.request("GET", "/")
    assert status == 200
    _, headers = api.call("POST", "/api/v1/session",
                          {"user": "admin", "password": lab.password_file.read_text().strip()})
    assert "Secure" in headers["Set-Cookie"]


def test_a_renewed_certificate_keeps_its_names(centre):
    lab, _ = centre
    before = (lab.dir / "centre/server.pem").read_text()
    lab.picketctl("certificate", "issue", "server")
    assert (lab.dir / "centre/server.pem").read_text() != before
    listed = lab.picketctl("certificate", "list").stdout
    assert "localhost 127.0.0.1" in listed and " 82" in listed and " days" in listed


def expiries(api):
    return {alert["detail"].split(": ")[0]: alert["detail"] for alert in api.get("/alerts?state=engaged&limit=500")["items"]
            if alert["name"] == "fleet_license_or_token_expiry"}


def test_a_database_s_certificate_is_watched_and_one_that_went_is_not(centre):
    lab, api = centre
    watched = lab.dir / "centre/postgres.pem"
    lab.aggregator.stop()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "10", "-subj", "/CN=postgres",
                    "-addext", "subjectAltName=DNS:postgres", "-keyout", os.devnull,
                    "-out", watched], check=True, capture_output=True)
    lab.sql("INSERT INTO alert (kind, entity, entity_id, key, state, score, first_at, last_at,"
            " detail) VALUES (355, 6, 'centre', 'server.pem', 'engaged', 50, now(), now(), 'old: ')"
            " RETURNING id")
    lab.aggregator.start()
    wait_for(lambda: lab.ready(api), 20, "the aggregator answers")
    wait_for(lambda: list(expiries(api)) == [str(watched)], 10, "one begins, the other ends")
    assert "ends in 9 days" in expiries(api)[str(watched)]
    watched.unlink()
    lab.aggregator.stop()
    lab.aggregator.start()
    wait_for(lambda: lab.ready(api), 20, "the aggregator answers")
    wait_for(lambda: expiries(api) == {}, 10, "a file that went has no alert")


@pytest.mark.parametrize("program, settings, fault", [
    (AGENT, {"PICKET_NAME": "a", "PICKET_NATS_URLS": "nats://192.0.2.1:4222"}, "nats.urls"),
    (AGGREGATOR, {"PICKET_NATS_URLS": "nats://192.0.2.1:4222"}, "nats.urls"),
    (AGGREGATOR, {"PICKET_HTTP_LISTEN": "0.0.0.0:8443"}, "http.listen"),
])
def test_plain_text_beyond_this_machine_is_refused(program, settings, fault):
    done = subprocess.run([program, "--check-config"], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **settings})
    assert done.returncode == 2
    assert f"{fault}:" in done.stderr and "beyond this machine" in done.stderr
