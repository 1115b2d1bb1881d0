#!/usr/bin/env python3
"""Fails for a call of a function in banned.txt. Usage: banned.py ROOT"""

import re
import sys
from pathlib import Path

from sources import sources

# What is not code: comments and literals. A literal wins over a comment mark inside it.
NOT_CODE = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.DOTALL)


def read_banned(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines)


def code_only(text):
    """The text with everything that is not code blanked, its lines kept."""
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def main():
    banned = read_banned(Path(__file__).with_name("banned.txt"))
    call = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")
    files = sources(Path(sys.argv[1]))
    faults = 0
    for path, file in files:
        for number, line in enumerate(code_only(path.read_text()).splitlines(), 1):
            for match in call.finditer(line):
                print(f"{file}:{number}: {match[1]} is banned; use {banned[match[1]]}")
                faults += 1
    print(f"banned: {len(files)} files, {faults} faults")
    return 1 if faults or not files else 0


sys.exit(main())
