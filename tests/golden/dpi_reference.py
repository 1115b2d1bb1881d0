"""Holds our use of nDPI against the results that its authors expect.

    dpi_reference.py AGENT [--junit FILE]

Reads every capture of Debian's nDPI 4.2 source package that has an expected result with
`picket-agent --read FILE --dpi-reference` and compares the multiset (protocol, flows). Fails below
98 % agreement, on a difference that dpi_reference.txt does not list, and on one that it lists and
that is no more. Exit status 77, skipped, when the source package cannot be had.

The package is fetched once, by apt with a source list of its own (the machine's is only read, for
its mirror) and checked by Debian's key, into $XDG_CACHE_HOME/picket; nothing of it stands here.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import xml.sax.saxutils

HERE = pathlib.Path(__file__).parent
VERSION = "4.2"
LEAST = 0.98
SKIPPED = 77
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"
FETCH_S = 600
ROW = re.compile(r"^([^\t]+)\t\d+\t\d+\t(\d+)\s*$")


class Skip(Exception):
    """The comparison cannot be made on this machine, and why."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "picket" / f"ndpi-{VERSION}"


def mirror():
    """Where this machine gets Debian 12 from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
         "Codename: bookworm", "Component: main"], capture_output=True, text=True, timeout=60)
    uris = done.stdout.split()
    return uris[0] if done.returncode == 0 and uris else MIRROR


def apt(folder, *words):
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
    }
    command = ["apt-get", "-q"] + [f"-o{key}={value}" for key, value in options.items()]
    try:
        done = subprocess.run(command + list(words), cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=FETCH_S)
    except subprocess.TimeoutExpired as late:
        raise Skip(f"apt-get {words[0]} took longer than {FETCH_S} s") from late
    # What cannot be reached leaves update with status 0 and a warning.
    if done.returncode != 0 or "W: Failed to fetch" in done.stderr:
        raise Skip(f"apt-get {words[0]}: {done.stderr.strip()[-400:]}")


def unpack(archive, folder):
    """Captures, results and the rules that the results were made with."""
    wanted = re.compile(r"^[^/]+/(tests/(?:pcap|result)|example)/([^/]+)$")
    with tarfile.open(archive) as tar:
        for member in tar:
            match = wanted.match(member.name)
            if not match or not member.isfile():
                continue
            if match[1] == "example" and match[2] != "protos.txt":
                continue
            place = folder / match[1].rsplit("/", 1)[-1]
            place.mkdir(exist_ok=True)
            with tar.extractfile(member) as source, open(place / match[2], "wb") as target:
                shutil.copyfileobj(source, target)


def fetch():
    """The unpacked package; fetched when it is not there yet."""
    folder = cache_folder()
    if (folder / "complete").exists():
        return folder
    if not shutil.which("apt-get") or not pathlib.Path(KEYRING).exists():
        raise Skip("no apt-get, or no keyring of Debian")
    work = folder.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "archives" / "partial").mkdir(parents=True)
    (work / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] {mirror()} bookworm main\n")
    apt(work, "update")
    apt(work, "--tar-only", "--download-only", "source", f"ndpi={VERSION}-2")
    archive = next(work.glob("ndpi_*.orig.tar.*"), None)
    if archive is None:
        raise Skip("the source package came without its archive")
    unpack(archive, work)
    archive.unlink()
    for leftover in ("lists", "archives"):
        shutil.rmtree(work / leftover)
    (work / "complete").touch()
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    return folder


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
