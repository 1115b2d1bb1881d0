"""What processes take: CPU as the system accounts it, and memory as the kernel shares it out."""

import os
import pathlib
import subprocess
import sys


def measure(command, cwd=None):
    """CPU seconds of a process and of all that it waited for, its peak resident bytes, and the first
    line that it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=cwd)
    line = process.stdout.readline().decode(errors="replace").strip()
    while process.stdout.read(1 << 16):
        pass
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, line


def family(pid):
    """A process and all below it."""
    found = [pid]
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def name_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def mappings(pid):
    """(name, its share in bytes) of each piece of a process's memory."""
    name = ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            name = words[5] if len(words) > 5 else ""
        elif words[0] == "Pss:":
            yield name, int(words[1]) * 1024


def pss_bytes(pids):
    """(all, of it the rings of capture): memory that several processes map counts in parts."""
    total = ring = 0
    for pid in pids:
        for name, size in mappings(pid):
            total += size
            ring += size if name.startswith("socket:") else 0
    return total, ring
