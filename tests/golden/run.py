"""Holds what `picket-agent --read` says of a capture against what was once found right.

    run.py AGENT NAME             one case; exit status 1 and the difference when it is not the same.
                                  NAME.json holds what --json says, NAME.txt what a person reads
    run.py AGENT --update [NAME]  writes the golden files anew: read the difference before a commit
"""

import difflib
import json
import pathlib
import subprocess
import sys
import tempfile

import cases

HERE = pathlib.Path(__file__).parent


def read(agent, name, *options):
    """What is said of a case."""
    with tempfile.TemporaryDirectory() as folder:
        capture = pathlib.Path(folder) / f"{name}.pcap"
        cases.write(name, capture)
        done = subprocess.run([agent, "--read", capture, *options], capture_output=True, text=True,
                              timeout=60)
    if done.returncode != 0:
        sys.exit(f"{name}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def read_json(agent, name):
    """The flows of a case as pretty JSON, one key a line so that differences can be read."""
    flows = [json.loads(line) for line in read(agent, name, "--json").splitlines()]
    return json.dumps(flows, indent=1, sort_keys=True) + "\n"


def check(found, golden, update):
    """1 when it is not what was once found right, after showing the difference."""
    if update:
        golden.write_text(found)
        return 0
    wanted = golden.read_text() if golden.exists() else ""
    if found != wanted:
        sys.stdout.writelines(difflib.unified_diff(
            wanted.splitlines(True), found.splitlines(True), golden.name, "found"))
    return found != wanted


def main():
    agent, words = sys.argv[1], sys.argv[2:]
    update = "--update" in words
    names = [word for word in words if word != "--update"] or list(cases.CASES)
    bad = 0
    for name in names:
        bad += check(read_json(agent, name), HERE / f"{name}.json", update)
        table = HERE / f"{name}.txt"
        if table.exists():
            bad += check(read(agent, name, "--top", "3"), table, update)
            whole = table.read_text().split("\n\n", 1)[0] + "\n"
            bad += read(agent, name, "--top", "0") != whole  # the file as a whole, and no more
    sys.exit(1 if bad else 0)


main()
