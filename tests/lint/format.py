#!/usr/bin/env python3
"""Fails for a C source that clang-format would change. Usage: format.py ROOT CLANG_FORMAT"""

import re
import subprocess
import sys
from pathlib import Path

from sources import sources


def main():
    root, clang_format = Path(sys.argv[1]), sys.argv[2]
    files = [file for _, file in sources(root)]
    command = [clang_format, "--dry-run", "-Werror", *files]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    faulty = sorted(set(re.findall(r"^([^:\s]+\.[ch]):\d+:", result.stderr, re.MULTILINE)))
    for file in faulty:
        print(f"{file}: clang-format -i would change it")
    print(f"format: {len(files)} files, {len(faulty)} faults")
    return 1 if result.returncode != 0 or not files else 0


sys.exit(main())
