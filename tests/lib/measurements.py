"""docs/measurements.md: what the long runs of tests/run measured, with date, machine and commit."""

import datetime
import os
import pathlib
import platform
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
PATH = TOP / "docs/measurements.md"
HEAD = ("# Measurements\n\nAppended by `tests/run long NAME`. Ratios of one run can be trusted, "
        "absolute figures are their machine's.\n")


def commit():
    """The commit at hand, with a plus when the tree differs from it."""
    def git(*words):
        return subprocess.run(["git", *words], capture_output=True, text=True, cwd=TOP).stdout
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!docs/measurements.md")
    return (git("rev-parse", "--short", "HEAD").strip() or "no commit") + ("+" if changed else "")


def note(name, lines, of=None):
    """Appends one section of figures; `of` is the commit they are of where it is not at hand."""
    if not PATH.exists():
        PATH.write_text(HEAD)
    with open(PATH, "a") as out:
        out.write(f"\n## {name}, {datetime.date.today()}, {of or commit()}\n\n"
                  f"{os.cpu_count()} cores, {platform.machine()}, "
                  f"Linux {platform.release().split('-')[0]}\n\n")
        out.writelines(f"- {line}\n" for line in lines)
