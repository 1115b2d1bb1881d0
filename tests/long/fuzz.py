#!/usr/bin/env python3
"""Runs fuzz targets one after another, each from its corpus on, and says what came of it. What
breaks a target lies in build/fuzz/found; what reached new code stays in build/fuzz/corpus for the
next run. --keep adds a few of the smallest of those to tests/fuzz/corpus.
Usage: fuzz.py BUILD [--keep] [TARGET...] [SECONDS]   (default: every target, 600 s)"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from measurements import TOP, note  # noqa: E402 (the path comes first)

SECONDS = 600
RUN_MAX_S = 3600  # of one call; the rest is left to the next
KEEP_COUNT, KEEP_BYTES = 4, 256
INTERRUPTED = 72  # how libFuzzer ends when it is told to
INPUT_MAX = 65536  # no target reads more at once: messages are at most 256 KiB, mostly far less


class Target:
    def __init__(self, program):
        self.program, self.name = program, program.name.removeprefix("fuzz_")
        build = program.parents[2]
        self.corpus = TOP / "tests/fuzz/corpus" / self.name
        self.grown = build / "corpus" / self.name
        self.found = build / "found" / self.name
        self.log = build / f"fuzz_{self.name}.log"

    def call(self, *words, log=subprocess.DEVNULL):
        return subprocess.run([self.program, *words], stdout=log, stderr=log, cwd=TOP).returncode

    def run(self, seconds):
        """Returns whether it ended clean, and one line of figures."""
        for folder in (self.grown, self.found):
            folder.mkdir(parents=True, exist_ok=True)
        with open(self.log, "wb") as log:
            status = self.call(f"-max_total_time={seconds}", f"-max_len={INPUT_MAX}", "-timeout=10",
                               "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=1",
                               f"-artifact_prefix={self.found}/", self.grown, self.corpus, log=log)
        text = self.log.read_text(errors="replace")

        def figure(pattern):
            values = re.findall(pattern, text)
            return int(values[-1]) if values else 0

        runs = figure(r"stat::number_of_executed_units: *(\d+)")
        peak = figure(r"stat::peak_rss_mb: *(\d+)")
        edges = figure(r"cov: (\d+)")
        verdict = f"FAILED, see {self.log.relative_to(TOP)}"
        if status == 0:
            verdict = "clean"
        elif status == INTERRUPTED:
            verdict = "interrupted before its time, nothing found until then"
        return status == 0 and runs > 0, (f"{self.name}: {seconds} s, {runs:,} executions, "
                                          f"{edges} edges, peak {peak} MB: {verdict}")

    def keep(self):
        """Adds the smallest of the inputs that reach what the corpus does not; returns how many."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.corpus, folder, dirs_exist_ok=True)
            self.call("-set_cover_merge=1", folder, self.grown)
            known = {path.name for path in self.corpus.iterdir()}
            new = sorted((path for path in pathlib.Path(folder).iterdir()
                          if path.name not in known and path.stat().st_size <= KEEP_BYTES),
                         key=lambda path: path.stat().st_size)
            for path in new[-KEEP_COUNT:]:
                shutil.copy(path, self.corpus / path.name[:12])
            return len(new[-KEEP_COUNT:])


def chosen(build, names):
    targets = [Target(path) for path in sorted((build / "tests/fuzz").glob("fuzz_*"))
               if path.is_file() and os.access(path, os.X_OK)]
    known = [target.name for target in targets]
    for name in names:
        if name not in known:
            sys.exit(f"tests/run long fuzz: no target is called '{name}'; there are: "
                     f"{' '.join(known)}")
    return [target for target in targets if not names or target.name in names]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    words = sys.argv[2:]
    keep = "--keep" in words
    numbers = [int(word) for word in words if word.isdigit()]
    seconds = numbers[-1] if numbers else SECONDS
    targets = chosen(build, [w for w in words if w != "--keep" and not w.isdigit()])
    room = max(1, RUN_MAX_S // seconds)
    lines, clean = [], True
    for target in targets[:room]:
        good, line = target.run(seconds)
        clean = clean and good
        lines.append(line + (f"; {target.keep()} inputs kept" if keep and good else ""))
        print(lines[-1], flush=True)
    note("fuzz", lines)
    if targets[room:]:
        print("an hour is over; the next run: tests/run long fuzz "
              + " ".join(target.name for target in targets[room:]))
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
