#!/usr/bin/env python3
"""What bench/profile reads from callgrind's output, and how it judges a figure.

Made-up dumps, nothing is started; a ctest.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import callgrind

loader = importlib.machinery.SourceFileLoader("profile_run", str(HERE / "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("profile_run", loader))
loader.exec_module(run)

DUMP = """\
# callgrind format
version: 1
positions: line
events: Ir
thread: 1

fl=(1) a.cc
fn=(1) engine::First(int)
10 100
+2 20
cfn=(2) engine::Second<char>(std::vector<int> const&)
calls=3 40
12 9000
* 5

fl=(2) b.cc
fn=(2)
40 900
thread: 2
fn=(1)
10 1
"""


class CallgrindTest(unittest.TestCase):
    def test_counts_what_a_function_does_itself(self):
        self.assertEqual(callgrind.instructions(DUMP.splitlines(keepends=True)), {
            "engine::First(int)": 126, "engine::Second<char>(std::vector<int> const&)": 900})

    def test_takes_the_difference_by_function(self):
        self.assertEqual(callgrind.difference({"a": 5, "b": 2, "c": 7}, {"b": 2, "c": 8, "d": 1}),
                         {"a": 5, "c": -1, "d": -1})

    def test_shortens_names(self):
        for name, short in [("engine::First(int)", "engine::First"),
                            ("engine::(anonymous namespace)::Second(char)", "engine::Second"),
                            ("void relay::Call<int (char)>(std::pair<int, int>) const", "relay::Call"),
                            ("__memcpy_avx_unaligned_erms", "__memcpy_avx_unaligned_erms"),
                            ("a::Last() const [clone .part.0]", "a::Last"),
                            ("a::Recursive(int)'2", "a::Recursive")]:
            self.assertEqual(callgrind.short(name), short)


class CheckTest(unittest.TestCase):
    def judged(self, now, compiler="g++ 1"):
        with tempfile.TemporaryDirectory() as folder:
            stored = pathlib.Path(folder) / "expected.json"
            stored.write_text(json.dumps({"compiler": "g++ 1", "instructions_per_message": {"many": 1000, "long": 500}}))
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                fine = run.check(stored, {"compiler": compiler, "instructions_per_message": now})
            return fine, text.getvalue()

    def test_fails_above_five_percent_alone(self):
        self.assertTrue(self.judged({"many": 1050, "long": 400})[0])
        fine, text = self.judged({"many": 1051, "long": 400})
        self.assertFalse(fine)
        self.assertIn("many: 1,051 instructions per message, +5.1 % against 1,000 stored, more than 5 % worse", text)
        self.assertIn("long: 400 instructions per message, -20.0 %", text)

    def test_holds_nothing_against_another_compiler(self):
        fine, text = self.judged({"many": 2000}, compiler="g++ 2")
        self.assertTrue(fine)
        self.assertIn("not held against it", text)

    def test_leaves_out_what_is_not_stored(self):
        self.assertTrue(self.judged({"new": 7})[0])


if __name__ == "__main__":
    unittest.main()
