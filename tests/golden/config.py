"""Holds what a program says of a settings file against what was once found right: the settings that
differ from the defaults as it prints them back, or every fault; and the exit status.

    config.py PROGRAM NAME             config/NAME.in against config/NAME.ok
    config.py PROGRAM --update NAME…   writes the .ok anew: read the difference before a commit

A line "# environment: NAME=VALUE" in the .in sets that variable. In the .ok the file is called FILE.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent / "config"


def run(program, path, option, extra):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PICKET_")}
    done = subprocess.run([program, "--config", path, option], capture_output=True, text=True,
                          timeout=30, env={**plain, **extra}, errors="replace")
    return done.returncode, (done.stdout + done.stderr).replace(str(path), "FILE")


def flat(printed):
    """The printed form, one line a setting, each with its section."""
    section, lines = "", []
    for line in printed.splitlines():
        if line.startswith("["):
            section = line[1:-1] + "."
        elif line:
            lines.append(section + line)
    return lines


def print_anew(program, text):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        return run(program, pathlib.Path(file.name), "--print-config", {})[1]


def said(program, path):
    """Exit status and words; settings without fault must print to what loads to the same."""
    extra = dict(re.findall(r"(?m)^# environment: (\w+)=(.*)$", path.read_text(errors="replace")))
    status, words = run(program, path, "--check-config", extra)
    if status != 0:
        return f"exit status {status}\n{words}"
    _, printed = run(program, path, "--print-config", extra)
    if "********" not in printed and print_anew(program, printed) != printed:
        return "what it prints does not load to the same\n" + printed
    plain = flat(print_anew(program, "name = x\n" if "agent" in path.name else "\n"))
    return f"exit status {status}\n" + "".join(f"{line}\n" for line in flat(printed)
                                               if line not in plain)


def main():
    program, words = sys.argv[1], sys.argv[2:]
    bad = 0
    for name in (word for word in words if word != "--update"):
        found, golden = said(program, HERE / f"{name}.in"), HERE / f"{name}.ok"
        if "--update" in words:
            golden.write_text(found)
            continue
        wanted = golden.read_text() if golden.exists() else ""
        if found != wanted:
            bad += 1
            sys.stdout.writelines(difflib.unified_diff(
                wanted.splitlines(True), found.splitlines(True), f"{name}.ok", "found"))
    sys.exit(1 if bad else 0)


main()
