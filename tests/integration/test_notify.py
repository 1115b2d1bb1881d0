"""Notifications: alerts of a real agent and rows of a real database, to a real mail server and a
real receiver of webhooks; nothing lost, nothing doubled, no storm of messages."""

import email
import email.policy
import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from client import Refused
from lab import free_port, wait_for

SECRET = "a key that signs"


class Mailbox:
    """Handler of a real SMTP server: keeps messages; may refuse them for a while."""

    def __init__(self):
        self.messages, self.refusing, self.logins = [], False, []

    async def handle_DATA(self, server, session, envelope):
        if self.refusing:
            return "451 try again later"
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, session.ssl is not None,
                              email.message_from_bytes(envelope.content,
                                                       policy=email.policy.default)))
        return "250 taken"

    def login(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.logins[-1] == ("picket", "mail secret"), handled=False)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        hooks = self.server.hooks
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hooks.calls.append((dict(self.headers), body))
        self.send_response(hooks.status)
        if hooks.status in (301, 302, 307):
            self.send_header("Location", hooks.elsewhere)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Hooks:
    """A real HTTP server that keeps what it is told."""

    def __init__(self):
        self.calls, self.status, self.elsewhere = [], 200, ""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.server.hooks = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/picket"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def alerts(self):
        return [alert for _, body in self.calls for alert in json.loads(body)["alerts"]]


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre that trusts the mail server's own authority."""
    api = shared_lab.start_centre()
    cert, key = shared_lab.dir / "mail.crt", shared_lab.dir / "mail.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    config = shared_lab.dir / "aggregator.conf"
    config.write_text(config.read_text() + f"[notify]\nca = {cert}\n")
    shared_lab.aggregator.stop()
    shared_lab.aggregator.start()
    wait_for(lambda: shared_lab.ready(api), 20, "the aggregator is back")
    shared_lab.api, shared_lab.cert, shared_lab.key = api, cert, key
    shared_lab.sql("INSERT INTO site (name) VALUES ('pisa'), ('lucca') RETURNING name")
    shared_lab.sql("INSERT INTO instance (name, title, site) VALUES ('p-1', 'P', 'pisa'),"
                   " ('l-1', 'L', 'lucca') RETURNING id")
    return shared_lab


@pytest.fixture
def hooks(site):
    made = Hooks()
    yield made
    made.server.shutdown()
    made.server.server_close()
    for recipient in site.api.get("/recipients")["items"]:
        site.api.request("DELETE", f"/api/v1/recipients/{recipient['id']}")


@pytest.fixture
def mailbox(site):
    """A mail server that wants STARTTLS and a login, and is the centre's."""
    box, context = Mailbox(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.cert, site.key)

    class Server(Controller):
        def factory(self):
            return SMTP(self.handler, tls_context=context, require_starttls=True,
                        authenticator=box.login, auth_required=True, hostname="localhost")

    port = free_port()
    server = Server(box, hostname="localhost", port=port)
    server.start()
    box.port, box.server = port, server
    site.api.call("PUT", "/api/v1/mail-server", {
        "host": "localhost", "port": port, "security": "starttls", "login": "picket",
        "password": "mail secret", "sender": "picket@centre.example",
        "console_url": "https://picket.example"})
    yield box
    if server.server is not None:
        server.stop()
    for recipient in site.api.get("/recipients")["items"]:
        site.api.request("DELETE", f"/api/v1/recipients/{recipient['id']}")


def add(site, **wish):
    return site.api.post("/recipients", {"name": f"R{time.monotonic_ns()}", "type": "webhook",
                                         "min_severity": "info", **wish})


# Raising and ending alerts as the store's writer does, with its own statements.
BEGIN = """WITH row AS (INSERT INTO alert (instance_id, kind, entity, entity_id, key, state, score,
               first_at, last_at, detail) SELECT i.id, %s, 2, %s, 'k', 'engaged', 100, now(), now(),
               'seen by a test' FROM instance i WHERE i.name = %s RETURNING *),
           told AS (INSERT INTO notify_outbox (alert_id, change, bucket) SELECT id, 'began', 0
               FROM row RETURNING pg_notify('notify', '')) SELECT id FROM row"""
END = """WITH row AS (UPDATE alert SET state = 'released', released_at = now() WHERE id = %s
             RETURNING *),
         told AS (INSERT INTO notify_outbox (alert_id, change, bucket) SELECT id, 'ended', 0
             FROM row RETURNING pg_notify('notify', '')) SELECT id FROM row"""


def kind_of(site, name):
    return next(k for k in site.api.get("/alert-kinds")["items"] if k["name"] == name)


def raise_alert(site, host, kind, instance="p-1"):
    return site.sql(BEGIN, kind["id"], host, instance)[0][0]


def log_of(site, recipient):
    return site.api.get(f"/deliveries?recipient={recipient['id']}")["items"]


def result_of_test(site, recipient):
    """What a test message came to."""
    made = site.api.post(f"/recipients/{recipient['id']}/test", {})["delivery"]
    return wait_for(lambda: next((d for d in log_of(site, recipient) if d["id"] == made
                                  and d["state"] != "waiting"), None), 30, "the test's result")


def test_an_alert_and_its_end_reach_a_webhook_signed(site, hooks):
    kind = kind_of(site, "ndpi_tls_selfsigned_certificate")
    recipient = add(site, address=hooks.url, secret=SECRET)
    assert recipient["has_secret"] and "secret" not in recipient
    alert = raise_alert(site, "10.0.0.9", kind)
    wait_for(lambda: len(hooks.calls) == 1, 10, "the beginning is told")
    headers, body = hooks.calls[0]
    stamp, mac = (part.split("=")[1] for part in headers["X-Picket-Signature"].split(","))
    assert abs(int(stamp) - time.time()) < 30
    assert hmac.compare_digest(
        mac, hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest())
    told = json.loads(body)
    assert (told["v"], told["test"], told["delivery"]) == (1, False, headers["X-Picket-Delivery"])
    (one,) = told["alerts"]
    assert (one["id"], one["change"], one["kind"], one["severity"], one["instance"], one["site"]) \
        == (str(alert), "began", kind["name"], kind["severity"], "p-1", "pisa")
    assert one["entity"] == {"type": "host", "id": "10.0.0.9"} and one["remedy"]
    site.sql(END, alert)
    wait_for(lambda: len(hooks.calls) == 2, 10, "the end is told")
    assert [a["change"] for a in hooks.alerts()] == ["began", "ended"]
    wait_for(lambda: [d["state"] for d in log_of(site, recipient)] == ["sent", "sent"], 5, "its log")


def test_the_writers_own_statements_fill_the_outbox(site, hooks):
    """The real path: an agent that dies is an alert of the centre, its return the end of it."""
    add(site, address=hooks.url, families=["fleet"])
    agent = site.agent("siena-1", "file:/dev/null", site="siena")
    wait_for(lambda: (site.api.instance("siena-1") or {}).get("state") == "up", 40, "it is up")
    agent.kill()
    wait_for(lambda: any(a["kind"] == "fleet_agent_unreachable" and a["change"] == "began"
                         for a in hooks.alerts()), 40, "its death is told")
    agent.start()
    wait_for(lambda: any(a["kind"] == "fleet_agent_unreachable" and a["change"] == "ended"
                         for a in hooks.alerts()), 40, "its return is told")
    died = [a for a in hooks.alerts() if a["kind"] == "fleet_agent_unreachable"]
    assert [(a["change"], a["instance"]) for a in died] == [("began", "siena-1"),
                                                            ("ended", "siena-1")]
    agent.stop()


def test_an_e_mail_goes_over_tls_with_a_login_and_reads_well(site, mailbox):
    kind = kind_of(site, "ndpi_tls_selfsigned_certificate")
    recipient = add(site, type="email", address="noc@site.example")
    alert = raise_alert(site, "10.0.0.8", kind)
    wait_for(lambda: mailbox.messages, 15, "an e-mail")
    sender, to, over_tls, message = mailbox.messages[0]
    assert (sender, to, over_tls) == ("picket@centre.example", ["noc@site.example"], True)
    assert mailbox.logins[-1] == ("picket", "mail secret")
    assert message["Subject"] == f"Picket: Error: {kind['title']}, p-1"
    assert message["Auto-Submitted"] == "auto-generated" and message["Date"]
    assert message["Message-ID"] == f"<{log_of(site, recipient)[0]['key']}@centre.example>"
    text = message.get_content()
    for part in ("10.0.0.8", "seen by a test", "pisa", kind["remedy"],
                 f"https://picket.example/alerts?id={alert}"):
        assert part in text


def test_a_storm_of_500_alerts_is_a_few_messages_and_none_is_left_out(site, hooks, mailbox):
    kind = kind_of(site, "ndpi_tls_selfsigned_certificate")
    mail = add(site, type="email", address="noc@site.example")
    add(site, address=hooks.url)
    first = raise_alert(site, "storm-first", kind)
    wait_for(lambda: mailbox.messages and hooks.calls, 15, "the first is told at once")
    site.sql("WITH row AS (INSERT INTO alert (instance_id, kind, entity, entity_id, key, state,"
             " score, first_at, last_at) SELECT i.id, %s, 2, 'storm-' || n, '', 'engaged', 100,"
             " now(), now() FROM instance i, generate_series(1, 500) n WHERE i.name = 'p-1'"
             " RETURNING id) INSERT INTO notify_outbox (alert_id, change, bucket)"
             " SELECT id, 'began', 0 FROM row RETURNING pg_notify('notify', '')", kind["id"])
    wait_for(lambda: len(hooks.alerts()) >= 501, 40, "all are told to the webhook")
    assert len({a["id"] for a in hooks.alerts()}) == len(hooks.alerts()) == 501
    assert len(hooks.calls) <= 7
    # The minute between e-mails is not waited for: the last one is made older.
    site.sql("UPDATE delivery SET created_at = created_at - interval '1 min' RETURNING id")
    site.sql("SELECT pg_notify('notify', '')")
    wait_for(lambda: len(mailbox.messages) == 2, 15, "the digest")
    assert mailbox.messages[1][3]["Subject"] == "Picket: 500 changes of alerts: 500 error"
    assert "And 450 more" in mailbox.messages[1][3].get_content()
    assert [d["alerts"] for d in log_of(site, mail)] == [500, 1]
    assert first


def test_only_what_a_recipient_wants_is_told(site, hooks):
    error = kind_of(site, "ndpi_tls_selfsigned_certificate")
    other = kind_of(site, "agent_started")
    others = Hooks()
    add(site, address=hooks.url, min_severity="error", sites=["lucca"], families=["tls"],
        recovery=False)
    add(site, address=others.url, enabled=False)
    wanted = raise_alert(site, "h1", error, "l-1")
    raise_alert(site, "h2", error, "p-1")   # another site
    raise_alert(site, "h3", other, "l-1")  # not as bad, and another family
    site.sql(END, wanted)                   # no recoveries
    last = raise_alert(site, "h4", error, "l-1")
    wait_for(lambda: [a["id"] for a in hooks.alerts()] == [str(wanted), str(last)], 15,
             "just these two")
    assert others.calls == []
    others.server.shutdown()


def test_a_receiver_that_is_away_gets_everything_later_once_and_under_one_key(site, hooks):
    kind = kind_of(site, "ndpi_tls_selfsigned_certificate")
    hooks.status = 503
    recipient = add(site, address=hooks.url)
    ids = [raise_alert(site, "away-1", kind)]
    wait_for(lambda: hooks.calls, 10, "a first try")
    wait_for(lambda: log_of(site, recipient)[0]["error"] == "answered with HTTP 503", 5, "its log")
    ids += [raise_alert(site, f"away-{n}", kind) for n in (2, 3)]
    entry = log_of(site, recipient)[0]
    assert (entry["state"], entry["tries"]) == ("waiting", 1)
    assert 5000 < entry["next_ms"] - time.time() * 1000 < 11000
    hooks.status = 200
    wait_for(lambda: len(log_of(site, recipient)) == 2 and
             all(d["state"] == "sent" for d in log_of(site, recipient)), 30, "all are sent")
    keys = [headers["X-Picket-Delivery"] for headers, _ in hooks.calls]
    assert keys[0] == keys[1] != keys[2] and len(keys) == 3
    taken = [a["id"] for _, body in hooks.calls[1:] for a in json.loads(body)["alerts"]]
    assert taken == [str(i) for i in ids]


def test_the_database_goes_away_while_a_message_is_under_way(site, hooks):
    """The receiver took it, the note of that has to wait: it is not sent again."""
    kind = kind_of(site, "ndpi_tls_selfsigned_certificate")
    recipient = add(site, address=hooks.url)

    def slow(self, original=Receiver.do_POST):
        site.database.stop()
        original(self)
    Receiver.do_POST, kept = slow, Receiver.do_POST
    try:
        raise_alert(site, "outage", kind)
        wait_for(lambda: hooks.calls, 15, "it is sent")
    finally:
        Receiver.do_POST = kept
    time.sleep(1)  # the sender meets the outage; nothing that could be awaited tells so
    site.database.start()
    wait_for(site.database_answers, 20, "the database is back")
    wait_for(lambda: site.ready(site.api), 20, "the centre is ready")
    wait_for(lambda: [d["state"] for d in log_of(site, recipient)] == ["sent"], 20, "it is noted")
    last = raise_alert(site, "after-outage", kind)
    wait_for(lambda: any(a["id"] == str(last) for a in hooks.alerts()), 15, "life goes on")
    assert len(hooks.calls) == 2 and len({a["id"] for a in hooks.alerts()}) == 2


def test_what_waits_survives_a_crash_of_the_centre(site, hooks):
    kind = kind_of(site, "ndpi_tls_selfsigned_certificate")
    hooks.status = 500
    add(site, address=hooks.url)
    alert = raise_alert(site, "crash", kind)
    wait_for(lambda: hooks.calls, 10, "a try that fails")
    site.aggregator.kill()
    hooks.status, before = 200, len(hooks.calls)
    site.aggregator.start()
    wait_for(lambda: site.ready(site.api), 20, "the centre is back")
    wait_for(lambda: len(hooks.calls) > before, 30, "it is sent after the restart")
    assert [a["id"] for _, body in hooks.calls[before:] for a in json.loads(body)["alerts"]] \
        == [str(alert)]


def test_a_redirect_is_not_followed(site, hooks):
    trap = Hooks()
    hooks.status, hooks.elsewhere = 302, trap.url
    recipient = add(site, address=hooks.url)
    assert result_of_test(site, recipient)["error"] == \
        "answered with HTTP 302; redirects are not followed"
    assert trap.calls == []
    trap.server.shutdown()


def test_the_test_button_tells_the_servers_own_words(site, hooks, mailbox):
    webhook = add(site, address=hooks.url, secret=SECRET)
    assert (result_of_test(site, webhook)["state"], json.loads(hooks.calls[0][1])["test"]) == \
        ("sent", True)
    mail = add(site, type="email", address="noc@site.example")
    assert result_of_test(site, mail)["state"] == "sent"
    assert mailbox.messages[0][3]["Subject"] == "Picket: Test message"
    mailbox.refusing = True
    refused = result_of_test(site, mail)
    assert (refused["state"], refused["tries"]) == ("dead", 1) and "451" in refused["error"]
    site.api.call("PUT", "/api/v1/mail-server", {
        "host": "localhost", "port": mailbox.port, "security": "starttls", "login": "picket",
        "password": "wrong", "sender": "picket@centre.example"})
    assert "denied" in result_of_test(site, mail)["error"].lower()
    nobody = add(site, address=f"http://127.0.0.1:{free_port()}/")
    assert "connect" in result_of_test(site, nobody)["error"].lower()


def test_a_certificate_of_nobody_is_refused(site, mailbox, tmp_path):
    """A mail server with another certificate than the one whose authority is known."""
    cert, key = tmp_path / "x.crt", tmp_path / "x.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    box, port = Mailbox(), free_port()
    server = Controller(box, hostname="localhost", port=port, tls_context=context)
    server.start()
    try:
        site.api.call("PUT", "/api/v1/mail-server", {
            "host": "localhost", "port": port, "security": "starttls",
            "sender": "picket@centre.example"})
        mail = add(site, type="email", address="noc@site.example")
        assert "certificate" in result_of_test(site, mail)["error"].lower()
        assert box.messages == []
    finally:
        server.stop()


def test_secrets_are_sealed_and_never_told(site, hooks, mailbox):
    recipient = add(site, address=hooks.url, secret=SECRET)
    stored = site.sql("SELECT secret FROM recipient") + site.sql("SELECT password FROM mail_server")
    assert all(SECRET not in (row[0] or "") and "mail secret" not in (row[0] or "")
               for row in stored)
    said = json.dumps([site.api.get("/recipients"), site.api.get("/mail-server"),
                       site.api.get("/deliveries")]) + site.aggregator.text()
    assert SECRET not in said and "mail secret" not in said
    body = {"name": recipient["name"], "type": "webhook", "min_severity": "info",
            "address": hooks.url}
    path = f"/api/v1/recipients/{recipient['id']}"
    assert site.api.call("PUT", path, body)[0]["has_secret"]
    assert not site.api.call("PUT", path, {**body, "address": hooks.url + "/x"})[0]["has_secret"]


@pytest.mark.parametrize("wish, field", [
    ({"address": "ftp://x/"}, "address"), ({"address": "http://"}, "address"),
    ({"address": "http://user:pw@host/"}, "address"), ({"address": "http://a b/"}, "address"),
    ({"type": "email", "address": "nobody"}, "address"),
    ({"type": "email", "address": "a@b\r\nBcc: c@d"}, "address"),
    ({"type": "email", "address": "a@b,c@d"}, "address"), ({"type": "fax"}, "type"),
    ({"min_severity": "bad"}, "min_severity"), ({"families": "tls"}, "families"),
    ({"sites": ["a}b"]}, "sites"), ({"secret": "short"}, "secret"),
    ({"type": "email", "address": "a@b", "secret": "long enough"}, "secret"),
])
def test_a_wrong_recipient_is_refused_by_its_field(site, wish, field):
    with pytest.raises(Refused) as refused:
        add(site, **{"address": "http://127.0.0.1:1/", **wish})
    assert (refused.value.status, refused.value.body["error"]["field"]) == (400, field)
