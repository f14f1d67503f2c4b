#!/usr/bin/env python3
"""What bench/micro/run makes of Google Benchmark's JSON: medians, failures that show, the table between its marks."""
import importlib.machinery
import importlib.util
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("micro_run", str(pathlib.Path(__file__).with_name("run")))
SPEC = importlib.util.spec_from_loader("micro_run", LOADER)
micro = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(micro)

ABOUT = {"command": "bench/micro/run", "date": "2026-01-01 00:00 UTC", "commit": "0", "kernel": "6", "cpu": "a cpu",
         "cores": 2, "load": 0.1}


def one(name="BM_One/bytes:10", **fields):
    return {"name": name, "run_name": name, "run_type": "iteration", "cpu_time": 10.0, "real_time": 30.0,
            "time_unit": "ns", "allocs": 0.0, **fields}


class Merge(unittest.TestCase):
    def test_median_with_its_spread(self):
        row, = micro.merge("x_bench", [one(cpu_time=t) for t in (12.0, 10.0, 11.0)])
        self.assertEqual((row["ns_low"], row["ns"], row["ns_high"]), (10.0, 11.0, 12.0))

    def test_aggregates_are_not_repetitions(self):
        row, = micro.merge("x_bench", [one(), one(run_type="aggregate", cpu_time=99.0)])
        self.assertEqual(row["ns_high"], 10.0)

    def test_time_units(self):
        row, = micro.merge("x_bench", [one(cpu_time=1.5, time_unit="ms")])
        self.assertEqual(row["ns"], 1.5e6)

    def test_manual_time_is_the_shards(self):
        row, = micro.merge("x_bench", [one(name="BM_Relay_NewSession/epoll/manual_time")])
        self.assertEqual((row["name"], row["ns"]), ("BM_Relay_NewSession/epoll", 30.0))

    def test_the_worst_repetition_counts_for_allocations(self):
        row, = micro.merge("x_bench", [one(), one(allocs=0.5), one()])
        self.assertEqual(row["allocations"], 0.5)

    def test_a_failed_repetition_fails_the_benchmark(self):
        row, = micro.merge("x_bench", [one(), one(error_occurred=True, error_message="allocates")])
        self.assertEqual((row["error"], row["ns"]), ("allocates", None))


class Shown(unittest.TestCase):
    def found(self, *runs):
        return {"facts": ABOUT, "benchmarks": micro.merge("x_bench", list(runs))}

    def test_rates(self):
        row, = micro.merge("x_bench", [one(bytes_per_second=2.5e9, items_per_second=1234.0)])
        self.assertEqual(micro.rate(row), "2.5 GB/s, 1.23 k/s")

    def test_failure_is_in_the_table(self):
        text = micro.table(self.found(one(), one(name="BM_Two", error_occurred=True, error_message="allocates")))
        self.assertIn("BM_Two", text)
        self.assertIn("allocates", text)

    def test_only_what_is_between_the_marks_changes(self):
        page = f"before\n{micro.BEGIN}\nold\n{micro.END}\nafter\n"
        new = micro.replaced(page, self.found(one()))
        self.assertTrue(new.startswith("before\n") and new.endswith("\nafter\n"))
        self.assertNotIn("old", new)
        self.assertIn("| `BM_One/bytes:10` | 10.0 (10.0 .. 10.0) |  | 0 |", new)
        self.assertEqual(micro.replaced(new, self.found(one())), new)

    def test_missing_marks(self):
        self.assertTrue(micro.marks_missing("nothing"))
        self.assertTrue(micro.marks_missing(f"{micro.END}{micro.BEGIN}"))
        self.assertFalse(micro.marks_missing(f"{micro.BEGIN}{micro.END}"))


if __name__ == "__main__":
    unittest.main()
