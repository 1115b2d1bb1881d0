"""Holds the records of several workers against those of one, for every capture that there is; also
what several threads of `picket-agent --read` say, for those of many flows.

    split.py SPLIT AGENT
"""

import pathlib
import subprocess
import sys
import tempfile

import cases

TOP = pathlib.Path(__file__).resolve().parents[2]


def captures(folder):
    for name in cases.CASES:
        path = folder / f"{name}.pcap"
        cases.write(name, path)
        yield path
    yield from sorted((TOP / "deploy/captures").glob("*.pcap"))


def read(path, workers):
    return subprocess.run([sys.argv[2], "--read", path, "--json", "--workers", str(workers)],
                          capture_output=True, timeout=120, check=True).stdout


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in captures(pathlib.Path(folder)):
            done = subprocess.run([sys.argv[1], path], capture_output=True, text=True, timeout=120)
            same = done.returncode == 0
            if path.is_relative_to(TOP):
                same = same and read(path, 1) == read(path, 3)
            bad += not same
            print(f"{path.stem}: {'same' if same else 'OTHER'}\n{done.stdout}{done.stderr}", end="")
    sys.exit(1 if bad else 0)


main()
