"""A flow out of a tunnel, to a server of a known country and network: from a capture file to the
store, the API and a report; and what is told when the files are not there."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from lab import wait_for  # noqa: E402
from mmdb import asn, country, write_mmdb  # noqa: E402
from packets import tcp_conversation, vxlan, write_pcap  # noqa: E402

CLIENT, SERVER, VNI = "10.0.0.1", "203.0.113.9", 5001
REQUEST = b"GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"


def status(api, name):
    return api.get(f"/instances/{name}/query?op=status")["rows"][0]["geo"]


def test_country_network_and_tunnel_reach_the_centre(lab, tmp_path):
    api = lab.start_centre()
    frames = tcp_conversation(CLIENT, 40000, SERVER, 80, REQUEST, b"HTTP/1.1 200 OK\r\n\r\n",
                              1_700_000_000.0)
    write_pcap(tmp_path / "office.pcap", [
        (at, vxlan(frame, frame[26:30] != bytes([10, 0, 0, 1]), vni=VNI)) for at, frame in frames])
    countries, networks = tmp_path / "country.mmdb", tmp_path / "asn.mmdb"
    write_mmdb(countries, "GeoLite2-Country", {"203.0.113.0/24": country("DE")})
    lab.agent("pisa-1", f"lo file:{tmp_path}/office.pcap",
              capture="filter = udp port 4789 or vlan",
              extra=f"[geo]\ncountry = {countries}\nasn = {networks}\n")
    wait_for(lambda: (api.instance("pisa-1") or {}).get("state") == "up", 20, "pisa-1 is up")
    told = status(api, "pisa-1")
    assert (told["country"]["state"], told["country"]["type"]) == ("loaded", "GeoLite2-Country")
    assert told["asn"] == {"state": "absent", "path": str(networks)}

    row, = wait_for(lambda: lab.sql(
        "SELECT client_country, server_country, server_asn, server_as, tunnel, tunnel_id FROM flow"
        " WHERE server = %s AND final", SERVER), 20, "the flow is stored", step=0.5)
    assert row == (None, "DE", None, None, 4, VNI)
    hosts = api.get("/instances/pisa-1/query?op=hosts&limit=10")["rows"]
    assert {h["host"]: h.get("country") for h in hosts} == {CLIENT: None, SERVER: "DE"}

    # A file that comes is found without a restart; what was stored stays as it was told.
    write_mmdb(networks, "GeoLite2-ASN", {"203.0.113.0/24": asn(64500, "Beispiel GmbH")})
    wait_for(lambda: status(api, "pisa-1")["asn"]["state"] == "loaded", 15, "the file is found",
             step=0.5)
    host, = [h for h in api.get("/instances/pisa-1/query?op=hosts&limit=10")["rows"]
             if h["host"] == SERVER]
    assert (host["asn"], host["as"]) == (64500, "Beispiel GmbH")

    countries.unlink()
    wait_for(lambda: status(api, "pisa-1")["country"]["state"] == "absent", 15,
             "the file is missed", step=0.5)
    assert api.instance("pisa-1")["state"] == "up"  # a state, no fault

    report = api.post("/reports", {"scope": "fleet", "period": "hour", "time_zone": "UTC"})
    wait_for(lambda: api.get(f"/reports/{report['id']}")["state"] == "done", 60, "the report is made")
    _, _, page = api.request("GET", f"/api/v1/reports/{report['id']}/html")
    assert '<tr data-row="DE">' in page.decode() and "No AS data" not in page.decode()
