"""Holds our use of nDPI against the results that its authors expect.

    dpi_reference.py AGENT [--junit FILE]

Reads every capture of Debian's nDPI 4.2 source package that has an expected result with
`picket-agent --read FILE --dpi-reference` and compares the multiset (protocol, flows). Fails below
98 % agreement, on a difference that dpi_reference.txt does not list, and on one that it lists and
that is no more. Exit status 77, skipped, when the source package cannot be had.

The package is fetched once (tests/lib/ndpi_package.py); nothing of it stands here.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import xml.sax.saxutils

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

from ndpi_package import VERSION, Skip, fetch  # noqa: E402 (the path comes first)

LEAST = 0.98
SKIPPED = 77
ROW = re.compile(r"^([^\t]+)\t\d+\t\d+\t(\d+)\s*$")


def check_library(agent):
    linked = subprocess.run(["ldd", agent], capture_output=True, text=True, timeout=60).stdout
    if f"libndpi.so.{VERSION}" not in linked:
        raise Skip(f"the agent is not linked with libndpi {VERSION}, for which the results are")


def expected(path):
    flows = collections.Counter()
    for line in path.read_text(errors="replace").splitlines():
        match = ROW.match(line)
        if match:
            flows[match[1]] += int(match[2])
    return flows


def ours(agent, capture, rules):
    done = subprocess.run([agent, "--read", capture, "--dpi-reference", "--dpi-rules", rules,
                           "--json"], capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1):  # 1: a file cut short, whose flows count all the same
        return collections.Counter({f"exit status {done.returncode}": 1})
    return collections.Counter(json.loads(line)["app"] for line in done.stdout.splitlines())


def difference(wanted, found):
    """"Unknown -2, DNS +1": what we have too little or too much of."""
    change = collections.Counter(found)
    change.subtract(wanted)
    return ", ".join(f"{name} {count:+d}" for name, count in sorted(change.items()) if count)


def listed():
    rows = {}
    for line in (HERE / "dpi_reference.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, change, reason = line.split("\t")
            rows[name] = (change, reason)
    return rows


def compare(agent, folder):
    """Faults, the number of captures, and of those that agree."""
    known, faults, total, agreed = listed(), [], 0, 0
    for result in sorted((folder / "result").glob("*.out")):
        name = result.name[:-len(".out")]
        capture = folder / "pcap" / name
        if not capture.exists():
            faults.append(f"{name}: an expected result without its capture")
            continue
        total += 1
        change = difference(expected(result), ours(agent, capture, folder / "example/protos.txt"))
        wanted, reason = known.pop(name, ("", ""))
        if not change:
            agreed += 1
        if change != wanted:
            faults.append(f"{name}: differs by \"{change}\", listed is \"{wanted}\"")
        elif change:
            print(f"listed: {name}: {change}: {reason}")
    faults += [f"{name}: listed, but no such capture" for name in known]
    return faults, total, agreed


def write_junit(path, faults, skipped):
    inner = "".join(f"<failure>{xml.sax.saxutils.escape(fault)}</failure>" for fault in faults)
    if skipped:
        inner = f"<skipped message={xml.sax.saxutils.quoteattr(skipped)}/>"
    path.write_text(f'<testsuite name="dpi"><testcase name="agreement with nDPI">{inner}'
                    "</testcase></testsuite>\n")


def main():
    agent = sys.argv[1]
    junit = pathlib.Path(sys.argv[3]) if sys.argv[2:3] == ["--junit"] else None
    faults, skipped = [], ""
    try:
        check_library(agent)
        faults, total, agreed = compare(agent, fetch())
        print(f"{agreed} of {total} captures agree with nDPI {VERSION}'s expected results: "
              f"{100 * agreed / max(total, 1):.1f} %")
        if total == 0 or agreed < LEAST * total:
            faults.append(f"less than {100 * LEAST:.0f} % agree")
    except Skip as why:
        skipped = str(why)
        print(f"SKIPPED: the comparison with nDPI's expected results was not made: {skipped}")
    for fault in faults:
        print(f"FAULT: {fault}")
    if junit:
        write_junit(junit, faults, skipped)
    sys.exit(SKIPPED if skipped else 1 if faults else 0)


main()
