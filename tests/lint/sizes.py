#!/usr/bin/env python3
"""Lists long functions and files, as a warning only: never fails. Usage: sizes.py ROOT"""

import sys
from pathlib import Path

from sources import sources

FUNCTION_MAX = 100  # lines, brace to brace
FILE_MAX = 600  # lines


def long_functions(lines):
    """Yields (line, length): a body opens and closes with a brace in the first column."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            if number - opened + 1 > FUNCTION_MAX:
                yield opened, number - opened + 1
            opened = None


def main():
    for path, file in sources(Path(sys.argv[1])):
        lines = path.read_text().splitlines()
        if len(lines) > FILE_MAX:
            print(f"{file}: warning: {len(lines)} lines")
        for number, length in long_functions(lines):
            print(f"{file}:{number}: warning: a function of {length} lines")


main()
