"""What the long tests share: named steps with their times, a plain Debian root, and the figures that
go into docs/measurements.md."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
WORK = TOP / "build/long"
MIRROR = os.environ.get("PICKET_DEBIAN_MIRROR", "http://deb.debian.org/debian")

sys.path[:0] = [str(TOP / "tests/integration"), str(TOP / "tests/lib")]

from measurements import note  # noqa: E402 (the path comes first)


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


def write_figures(title, figures):
    """Appends one measurement: figures is a list of (what, value with unit)."""
    note(title, [f"{what}: {value}" for what, value in figures])
