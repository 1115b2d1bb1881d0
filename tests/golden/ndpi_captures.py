"""Reads every capture of Debian's nDPI source package, its fuzzed ones among them, in each way in
which a person can ask, and wants a clean end: status 0, or 1 with a reason for a file that is cut
short. Meant for the build with sanitizers.

    ndpi_captures.py AGENT

Exit status 77, skipped, when the package is not there: tests/run fetches it.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from ndpi_package import fetched  # noqa: E402 (the path comes first)

SKIPPED = 77
LEAST_FUZZED = 5  # there are nine; none means that we look at the wrong names
WAYS = (("--json",), ("--top", "5"))
TIMEOUT_S = 120
COMPLAINTS = ("Sanitizer", "runtime error")


def fault(agent, capture, way):
    """What is wrong with how the agent read it, or ""."""
    try:
        done = subprocess.run([agent, "--read", capture, *way], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"not read within {TIMEOUT_S} s"
    said = done.stderr.decode(errors="replace")
    if any(word in said for word in COMPLAINTS):
        return said[-3000:]
    if done.returncode == 0 or (done.returncode == 1 and "cannot be read" in said):
        return ""
    return f"exit status {done.returncode}: {said[-1000:]}"


def main():
    folder = fetched()
    if folder is None:
        print("SKIPPED: nDPI's source package is not there")
        sys.exit(SKIPPED)
    captures = sorted(path for path in (folder / "pcap").iterdir() if "pcap" in path.suffix)
    fuzzed = sum("fuzz" in path.name for path in captures)
    faults = [f"{path.name} {' '.join(way)}: {why}" for path in captures for way in WAYS
              if (why := fault(sys.argv[1], path, way))]
    print(f"{len(captures)} captures read, {fuzzed} of them fuzzed, {len(faults)} faults")
    print("\n".join(faults))
    sys.exit(1 if faults or fuzzed < LEAST_FUZZED else 0)


main()
