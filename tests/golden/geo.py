"""Holds what agent/geo says of addresses against MMDB files of our own making, which mmdblookup
must read alike, through their coming, changing, breaking and going.

    geo.py LOOK
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from mmdb import asn, country, write_mmdb  # noqa: E402

COUNTRIES = {"192.0.2.0/25": country("DE"),
             "198.51.100.0/24": {"registered_country": {"iso_code": "IT"}},
             "203.0.113.7/32": {"country_code": "FR"}, "2001:db8::/32": country("JP"),
             "100.64.0.0/10": {"country": "CH"}, "192.0.2.128/25": country("not a code")}
NETWORKS = {"192.0.2.0/24": asn(64500, "Beispiel GmbH"), "2001:db8:1::/48": asn(4200000000, "例え"),
            "203.0.113.0/24": {"asn": "AS64501", "name": "Exemple"},
            "198.51.100.0/24": asn(64502, "x" * 100)}
WANTED = {"192.0.2.1": "DE|64500|Beispiel GmbH", "192.0.2.200": "|64500|Beispiel GmbH",
          "198.51.100.9": "IT|64502|" + "x" * 47, "203.0.113.7": "FR|64501|Exemple",
          "203.0.113.8": "|64501|Exemple", "2001:db8::1": "JP|0|", "2001:db8:1::1": "JP|4200000000|例え",
          "100.64.1.1": "CH|0|", "10.0.0.1": "|0|", "::1": "|0|"}


class Look:
    def __init__(self, program, *files):
        self.process = subprocess.Popen([program, *files], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=30)


def check_mmdblookup(path, faults):
    """Another reader of the format finds the same in our file."""
    if not shutil.which("mmdblookup"):
        return
    for address, code in (("192.0.2.1", "DE"), ("2001:db8::5", "JP")):
        done = subprocess.run(["mmdblookup", "--file", path, "--ip", address, "country", "iso_code"],
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0 or f'"{code}"' not in done.stdout:
            faults.append(f"mmdblookup {address}: {done.stdout}{done.stderr}")
    done = subprocess.run(["mmdblookup", "--file", path, "--ip", "10.1.1.1"], capture_output=True,
                          text=True, timeout=30)
    if done.returncode == 0:
        faults.append(f"mmdblookup finds an address that is not there: {done.stdout}")


def main():
    faults = []

    def expect(what, found, wanted):
        if found != wanted:
            faults.append(f"{what}: found {found!r}, not {wanted!r}")

    with tempfile.TemporaryDirectory() as name:
        first, second = pathlib.Path(name) / "country.mmdb", pathlib.Path(name) / "asn.mmdb"
        look = Look(sys.argv[1], first, second)
        expect("no files", look.ask("state"), "absent |absent ")
        expect("no files, an address", look.ask("192.0.2.1"), "|0|")
        write_mmdb(first, "GeoLite2-Country", COUNTRIES)
        write_mmdb(second, "GeoLite2-ASN", NETWORKS)
        check_mmdblookup(first, faults)
        expect("files came", look.ask("state"), "loaded GeoLite2-Country|loaded GeoLite2-ASN")
        for address, wanted in WANTED.items():
            expect(address, look.ask(address), wanted)
            expect(f"{address} again", look.ask(address), wanted)
        write_mmdb(first, "Other-Country", {"192.0.2.0/24": country("ES")})
        expect("a new file", look.ask("192.0.2.1"), "ES|64500|Beispiel GmbH")
        expect("hold", look.ask("hold"), "?")
        with open(first, "r+b") as file:  # as cp over it does, between two looks
            file.truncate(0)
        expect("a file cut in place", look.ask("192.0.2.77"), "ES|64500|Beispiel GmbH")
        expect("the end after it", look.end(), 0)
        look = Look(sys.argv[1], first, second)
        expect("an empty file", look.ask("state"), "bad |loaded GeoLite2-ASN")
        with open(first, "r+b") as file:
            file.truncate((256 << 20) + 1)
        expect("a giant file", look.ask("why"), "the file has 257 MiB; at most 256 MiB are read|")
        write_mmdb(first, "Other-Country", {"192.0.2.0/24": country("ES")})
        broken = pathlib.Path(name) / "broken"
        broken.write_bytes(first.read_bytes()[:100])
        os.replace(broken, second)
        expect("a broken file", look.ask("state"), "loaded Other-Country|bad ")
        expect("a broken file, an address", look.ask("192.0.2.1"), "ES|0|")
        first.unlink()
        expect("a file gone", look.ask("state"), "absent |bad ")
        expect("a file gone, an address", look.ask("192.0.2.1"), "|0|")
        expect("the end", look.end(), 0)
    print("\n".join(faults) or f"{len(WANTED)} addresses, as the files say")
    sys.exit(1 if faults else 0)


main()
