"""What the long tests share: named steps with their times, a plain Debian root, and the figures that
go into docs/measurements.md."""

import contextlib
import datetime
import os
import pathlib
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
WORK = TOP / "build/long"
FIGURES = TOP / "docs/measurements.md"
MIRROR = os.environ.get("PICKET_DEBIAN_MIRROR", "http://deb.debian.org/debian")

sys.path[:0] = [str(TOP / "tests/integration"), str(TOP / "tests/lib")]


def run(*words, check=True, **more):
    """A command with its output captured; when it fails, its words and its end are shown."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: status {done.returncode}\n"
                         f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


@contextlib.contextmanager
def step(title, times=None):
    """Prints the title and how long it took; keeps the seconds in times[title]."""
    print(f"{title:58}", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("FAILED", flush=True)
        raise
    took = time.monotonic() - began
    if times is not None:
        times[title] = took
    print(f"{took:7.1f} s", flush=True)


def debian_tar():
    """A plain Debian 12 as an archive, made once by debootstrap; DEBIAN_MIRROR may be nearer."""
    WORK.mkdir(parents=True, exist_ok=True)
    archive, folder = WORK / "debian-bookworm.tar", WORK / "debian-bookworm"
    if not archive.exists():
        run("rm", "-rf", folder)
        run("debootstrap", "--variant=minbase", "bookworm", folder, MIRROR)
        run("tar", "-C", folder, "-cf", f"{archive}.new", ".")
        os.rename(f"{archive}.new", archive)
        run("rm", "-rf", folder)
    return archive


def machine():
    memory = next(line for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return f"{os.cpu_count()} cores, {int(memory.split()[1]) / 2**20:.0f} GiB"


def commit():
    changed = run("git", "-C", TOP, "status", "--porcelain", "--untracked-files=no").stdout.strip()
    return run("git", "-C", TOP, "rev-parse", "--short", "HEAD").stdout.strip() + \
        ("+" if changed else "")


def write_figures(title, figures):
    """Appends one measurement: figures is a list of (what, value with unit)."""
    if not FIGURES.exists():
        FIGURES.write_text("# Measurements\n\nAppended by `tests/run long NAME`, newest last.\n")
    now = datetime.datetime.now(datetime.timezone.utc)
    lines = [f"\n## {title}, {now:%Y-%m-%d %H:%M} UTC\n",
             f"{machine()}; commit {commit()}.\n", "| What | Figure |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in figures]
    with open(FIGURES, "a") as out:
        out.write("\n".join(lines) + "\n")
