#!/usr/bin/env python3
"""Holds functions and pages to their length. A function over 70 lines stands in long.txt with a
reason; none is over 100; the packet path reads as one page. Long files are only warned of.
Usage: sizes.py ROOT"""

import re
import sys
from pathlib import Path

from sources import sources

FUNCTION_MAX = 70  # lines, brace to brace
LISTED_MAX = 100
FILE_MAX = 600
PAGES = {"agent/worker.c": 300}  # lines of a file that must stay one page
LIST = "tests/lint/long.txt"
NAME = re.compile(r"(\w+)\(")


def functions(lines):
    """Yields (name, line, length): a body opens and closes with a brace in the first column."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            yield name_above(lines, opened - 2), opened, number - opened + 1
            opened = None


def name_above(lines, at):
    """The function's name: a declaration of several lines goes on indented."""
    while at > 0 and lines[at].startswith(" "):
        at -= 1
    found = NAME.search(lines[at])
    return found[1] if found else lines[at]


def listed(root):
    """{(file, function): reason} of long.txt; its lines are "FILE FUNCTION: REASON"."""
    path = root / LIST
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if line and not line.startswith("#"):
            place, _, reason = line.partition(": ")
            rows[tuple(place.split())] = reason.strip()
    return rows


def judge(root):
    """Yields what is wrong."""
    excused = listed(root)
    for path, file in sources(root):
        lines = path.read_text().splitlines()
        if len(lines) > PAGES.get(file, len(lines)):
            yield f"{file}: {len(lines)} lines; it must stay a page of {PAGES[file]}"
        elif len(lines) > FILE_MAX:
            print(f"{file}: warning: {len(lines)} lines")
        for name, line, length in functions(lines):
            if length <= FUNCTION_MAX:
                continue
            reason = excused.pop((file, name), "")
            if length > LISTED_MAX:
                yield f"{file}:{line}: {name} has {length} lines; split it, {LISTED_MAX} is the most"
            elif not reason:
                yield (f"{file}:{line}: {name} has {length} lines; split it at {FUNCTION_MAX}, or give "
                       f"the reason in {LIST}")
    for file, name in excused:
        yield f"{LIST}: {name} of {file} is no longer that long; remove its line"


def main():
    faults = list(judge(Path(sys.argv[1])))
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
