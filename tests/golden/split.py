"""Holds the records of several workers against those of one, for every capture that there is.

    split.py SPLIT
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


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in captures(pathlib.Path(folder)):
            done = subprocess.run([sys.argv[1], path], capture_output=True, text=True, timeout=120)
            bad += done.returncode != 0
            print(f"{path.stem}: {'same' if done.returncode == 0 else 'OTHER'}\n{done.stdout}"
                  f"{done.stderr}", end="")
    sys.exit(1 if bad else 0)


main()
