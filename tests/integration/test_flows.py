"""What a person does at a site is on the instance's page two seconds later."""

import shutil
import subprocess
import time

import pytest

from lab import Process, free_port, wait_for

DNS_SERVER = "127.0.0.77"
pytestmark = pytest.mark.alone  # a flow must show within two seconds


@pytest.fixture(scope="module")
def site(shared_lab):
    """A centre and one live agent on loopback, beside a web server and a DNS server."""
    lab = shared_lab
    api = lab.start_centre()
    web, dns = free_port(), 53  # nDPI knows DNS by its port; the address is the test's own
    Process(lab, "web", ["/usr/bin/python3", "-m", "http.server", str(web), "--bind",
                         "127.0.0.1"]).start()
    Process(lab, "dns", [shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), "--keep-in-foreground",
                         "--no-hosts", "--no-resolv", "--conf-file=/dev/null", "--bind-interfaces",
                         f"--listen-address={DNS_SERVER}", f"--port={dns}", "--pid-file=",
                         "--address=/example.test/192.0.2.7", "--user=root"]).start()
    lab.agent("pisa-1", "lo", capture=f"filter = port {web} or (host {DNS_SERVER} and port {dns})")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
    wait_for(lambda: any(source["state"] == "running" for row in api.get(
        "/instances/pisa-1/query?op=status")["rows"] for source in row["sources"]), 10, "it captures")
    return lab, api, web, dns


def flow_with(api, **wanted):
    """The live flows that have these values."""
    answer = api.get("/instances/pisa-1/query?op=flows&limit=100&sort=last_ms&desc=true")
    assert answer["live"], answer
    return [row for row in answer["rows"] if all(row[key] == value
                                                 for key, value in wanted.items())]


def test_a_curl_is_an_http_flow_within_two_seconds(site):
    _, api, web, _ = site
    subprocess.run(["curl", "-sS", "-o", "/dev/null", f"http://127.0.0.1:{web}/"], check=True)
    ended = time.monotonic()
    rows = wait_for(lambda: flow_with(api, server_port=web, protocol="HTTP", status="closed"), 2,
                    "the HTTP flow")
    assert time.monotonic() - ended <= 2
    assert rows[0]["transport"] == "tcp" and rows[0]["bytes_s2c"] > 0


def test_a_dig_is_a_dns_flow_within_two_seconds(site):
    _, api, _, dns = site
    subprocess.run(["dig", "+short", "+tries=1", f"@{DNS_SERVER}", "-p", str(dns), "www.example.test"],
                   check=True, stdout=subprocess.DEVNULL)
    ended = time.monotonic()
    rows = wait_for(lambda: flow_with(api, server_port=dns, protocol="DNS"), 2, "the DNS flow")
    assert time.monotonic() - ended <= 2
    assert rows[0]["host"] == "www.example.test"


def test_a_filter_narrows_and_a_page_has_its_limit(site):
    _, api, web, _ = site
    for _ in range(5):
        subprocess.run(["curl", "-sS", "-o", "/dev/null", f"http://127.0.0.1:{web}/"], check=True)
    wait_for(lambda: len(flow_with(api, server_port=web)) >= 5, 3, "five flows")
    answer = api.get(f"/instances/pisa-1/query?op=flows&port={web}&limit=2")
    assert len(answer["rows"]) == 2 and answer["total"] >= 5
    assert api.get("/instances/pisa-1/query?op=flows&app=dns&limit=10")["total"] < answer["total"]


def test_the_hosts_of_an_instance_answer_live(site):
    _, api, web, _ = site
    subprocess.run(["curl", "-sS", "-o", "/dev/null", f"http://127.0.0.1:{web}/"], check=True)
    rows = wait_for(lambda: api.get("/instances/pisa-1/query?op=hosts&limit=10")["rows"], 5,
                    "hosts")
    assert rows[0]["host"] == "127.0.0.1" and rows[0]["local"] is True


def test_flows_and_counters_are_stored(site):
    lab, _, web, _ = site
    subprocess.run(["curl", "-sS", "-o", "/dev/null", f"http://127.0.0.1:{web}/"], check=True)
    wait_for(lambda: lab.sql("SELECT 1 FROM flow WHERE server_port = %s AND protocol = 'HTTP'",
                             web), 15, "the flow is stored", step=0.5)
    wait_for(lambda: lab.sql("SELECT 1 FROM counter_app WHERE app = 'HTTP'"), 25,
             "the application's counter is stored", step=0.5)


def test_an_agent_that_is_away_says_so_and_its_stored_rows_are_shown(site):
    lab, api, _, _ = site
    lab.agents["pisa-1"].kill()
    answer = wait_for(lambda: (lambda a: a if not a["live"] else None)(
        api.get("/instances/pisa-1/query?op=flows&limit=10")), 10, "an answer that is not live")
    assert answer["error"]["code"] and answer["rows"] and answer["age_ms"] > 0
    lab.agents["pisa-1"].start()
