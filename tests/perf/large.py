"""The large capture that everything is measured on: real applications of Debian's nDPI package, in
copies with addresses of their own, about twenty packets a flow. Where the package cannot be had, the
captures of deploy/captures, which have few applications."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import ndpi_package  # noqa: E402 (the path comes first)

DEPLOY = HERE.parents[1] / "deploy/captures"
# A capture above this is one long transfer: it would say little of applications.
PACKETS_MAX = 10_000
COPIES = 12
DEPLOY_COPIES = 200


def sources():
    """The captures to make it of, how many copies of each, and what to call that."""
    try:
        found = sorted((ndpi_package.fetch() / "pcap").glob("*.pcap"))
    except ndpi_package.Skip as why:
        print(f"nDPI's package cannot be had, so deploy/captures are used: {why}")
        return sorted(DEPLOY.glob("*.pcap")), DEPLOY_COPIES, "deploy/captures"
    return [path for path in found if "fuzz" not in path.name], COPIES, "nDPI's package"


def make(folder, copies=None):
    """Writes FOLDER/large.pcap; its path, and a line that says what it is."""
    paths, usual, name = sources()
    out = pathlib.Path(folder) / "large.pcap"
    made = subprocess.run([sys.executable, HERE / "make_capture.py", out, str(copies or usual),
                           str(PACKETS_MAX), *paths], check=True, capture_output=True, text=True)
    return out, f"capture: {made.stdout.strip()} of {name}, {out.stat().st_size / 1e6:.0f} MB"
