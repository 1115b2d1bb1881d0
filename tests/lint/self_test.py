#!/usr/bin/env python3
"""Shows that the lint checks find what they are for, on small trees made for it."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).parent


def run(check, files):
    """Runs a check on a tree of {name: text}; returns its exit status and output."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        command = [sys.executable, HERE / check, folder]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


class Layers(unittest.TestCase):
    def judge(self, name, line, *others):
        return run("layers.py", {name: f"\n{line}\n", **{other: "" for other in others}})

    def test_a_stage_may_include_the_stages_before_it(self):
        status, _ = self.judge("agent/flow/a.c", '#include "agent/dpi/b.h"', "agent/dpi/b.h")
        self.assertEqual(status, 0)

    def test_a_stage_may_not_include_a_later_one(self):
        status, out = self.judge("agent/dpi/a.c", '#include "agent/flow/b.h"', "agent/flow/b.h")
        self.assertEqual(status, 1)
        self.assertIn("agent/dpi/a.c:2: agent/dpi may include", out)

    def test_common_knows_neither_program(self):
        status, _ = self.judge("common/a.c", '#  include "agent/b.h"', "agent/b.h")
        self.assertEqual(status, 1)

    def test_common_does_not_know_the_wire(self):
        status, _ = self.judge("common/a.c", '#include "common/wire/b.h"', "common/wire/b.h")
        self.assertEqual(status, 1)

    def test_agent_and_aggregator_do_not_know_each_other(self):
        status, _ = self.judge("aggregator/a.c", '#include "agent/b.h"', "agent/b.h")
        self.assertEqual(status, 1)

    def test_an_include_without_its_folder_is_refused(self):
        status, _ = self.judge("common/a.c", '#include "b.h"', "common/b.h")
        self.assertEqual(status, 1)

    def test_a_folder_without_a_row_is_refused(self):
        status, _ = self.judge("agent/new/a.c", '#include "common/b.h"', "common/b.h")
        self.assertEqual(status, 1)

    def test_a_foreign_library_stays_in_its_file(self):
        self.assertEqual(self.judge("agent/dpi/dpi.c", "#include <ndpi_api.h>")[0], 0)
        self.assertEqual(self.judge("agent/dpi/other.c", "#include <ndpi_api.h>")[0], 1)

    def test_an_empty_tree_is_a_failure(self):
        self.assertEqual(run("layers.py", {})[0], 1)


class Banned(unittest.TestCase):
    def judge(self, line):
        return run("banned.py", {"common/a.c": f"\n{line}\n"})

    def test_a_banned_call_is_found(self):
        status, out = self.judge("    n = atoi(text);")
        self.assertEqual(status, 1)
        self.assertIn("common/a.c:2: atoi is banned; use strtol", out)

    def test_comments_literals_and_longer_names_are_not_calls(self):
        line = '/* atoi(x) */ puts("it\'s atoi(x)"); my_atoi(x); strtok_r(a, b, c); s->signal(1);'
        self.assertEqual(self.judge(line)[0], 0)


class Sizes(unittest.TestCase):
    def judge(self, length, reasons="", name="common/a.c"):
        body = "    x++;\n" * (length - 2)
        text = f"int long_one(int a,\n             int b)\n{{\n{body}}}\n"
        return run("sizes.py", {name: text, "tests/lint/long.txt": reasons})

    def test_seventy_lines_need_no_reason(self):
        self.assertEqual(self.judge(70)[0], 0)

    def test_more_lines_need_a_reason(self):
        status, out = self.judge(71)
        self.assertEqual(status, 1)
        self.assertIn("common/a.c:3: long_one has 71 lines", out)
        self.assertEqual(self.judge(71, "common/a.c long_one: a table of cases\n")[0], 0)

    def test_a_reason_without_words_is_none(self):
        self.assertEqual(self.judge(71, "common/a.c long_one: \n")[0], 1)

    def test_more_than_a_hundred_have_no_reason(self):
        self.assertEqual(self.judge(101, "common/a.c long_one: a table of cases\n")[0], 1)

    def test_a_reason_that_nobody_needs_must_go(self):
        status, out = self.judge(20, "common/a.c long_one: a table of cases\n")
        self.assertEqual(status, 1)
        self.assertIn("no longer that long", out)

    def test_the_packet_path_is_one_page(self):
        self.assertEqual(run("sizes.py", {"agent/worker.c": "x\n" * 300})[0], 0)
        self.assertEqual(run("sizes.py", {"agent/worker.c": "x\n" * 301})[0], 1)


if __name__ == "__main__":
    unittest.main()
