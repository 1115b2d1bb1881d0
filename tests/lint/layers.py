#!/usr/bin/env python3
"""Holds every include of the C sources against layers.txt. Usage: layers.py ROOT"""

import re
import sys
from pathlib import Path

from sources import sources

GENERATED = {"common/version.h"}
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def read_rules(path):
    """Returns {folder: folders it may include} and {start of a header: places that may use it}."""
    folders, foreign = {}, {}
    for line in path.read_text().splitlines():
        name, colon, names = line.partition("#")[0].partition(":")
        if colon and name.startswith("foreign "):
            foreign[name.split()[1]] = names.split()
        elif colon:
            folders[name.strip()] = names.split()
    return folders, foreign


def lies_under(path, places):
    return any(path == place or path.startswith(place + "/") for place in places)


def row_of(file, folders):
    """The row for a file: its own folder, or for tests the tree as a whole."""
    folder = str(Path(file).parent)
    if folder not in folders and folder.startswith("tests/"):
        return "tests"
    return folder if folder in folders else None


def judge_own(root, file, target, folders):
    row = row_of(file, folders)
    if row is None:
        return f"the folder {Path(file).parent} has no row in layers.txt"
    if target not in GENERATED and not (root / target).is_file():
        return f'"{target}": an include of ours starts at the root of the tree'
    if str(Path(target).parent) == row or lies_under(target, folders[row]):
        return None
    return f'{row} may include {", ".join([row] + folders[row])}; not "{target}"'


def judge_foreign(file, header, foreign):
    for start, places in foreign.items():
        if header.startswith(start) and not lies_under(file, places + ["tests"]):
            return f'<{header}> belongs in {", ".join(places)} only'
    return None


def main():
    root = Path(sys.argv[1])
    folders, foreign = read_rules(Path(__file__).with_name("layers.txt"))
    files = sources(root)
    faults = 0
    for path, file in files:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = INCLUDE.match(line)
            if not include:
                continue
            own, header = include.groups()
            if own:
                fault = judge_own(root, file, own, folders)
            else:
                fault = judge_foreign(file, header, foreign)
            if fault:
                print(f"{file}:{number}: {fault}")
                faults += 1
    print(f"layers: {len(files)} files, {faults} faults")
    return 1 if faults or not files else 0


sys.exit(main())
