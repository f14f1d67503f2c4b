#!/usr/bin/env python3
"""What bench/compare makes of its measurements: medians, ratios within rounds, failures that show, page and tables.

Made-up rounds, nothing is started; a ctest.
"""
import html.parser
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import daemons
import figures
import load
import markdown
import page
import report
import summary

ABOUT = {"command": "bench/compare/run", "date": "2026-01-01 00:00 UTC", "commit": "0", "kernel": "6", "cpu": "<any>",
         "cores": 2, "daemon_cpu": 0, "load_cpu": 1, "incumbent": "1", "disk": "/x is ext4", "reply_bytes": 385,
         "load_average_before": (0.0, 0.0, 0.0), "load_average_after": (0.0, 0.0, 0.0), "seconds_taken": 1.0,
         "notes": []}


def measured(subject, number, cpu_us, **other):
    """The result of one measurement in which everything passed, unless `other` says otherwise."""
    result = {"subject": subject, "scenario": "many", "spool": "tmpfs", "round": number, "messages": 100,
              "left_by_client": 0, "failed": 0, "errors": {}, "outcomes": {"accepted": 100}, "ended_by_itself": "",
              "idle_wanted": 0, "idle_stood": 0, "idle_left": 0, "cpu_us": cpu_us, "per_second": 1000.0, "cores": 0.5,
              "cpu_us_per_mb": None, "p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 3.0, "latency_buckets": [], "in_flight": None,
              "peak_mib": 9.0}
    return {**result, **other}


def nothing_passed(subject, number):
    return measured(subject, number, None, messages=0, failed=7, outcomes={"tempfailed": 7}, p50_ms=None, p99_ms=None,
                    per_second=0.0)


def run_of(*rounds, **apart):
    names = {result["scenario"] for result in rounds}
    return summary.whole(ABOUT, [s for s in load.SCENARIOS if s.name in names], list(rounds), apart)


def target_of(run, beginning):
    return next(target for target in run["targets"] if target["row"].startswith(beginning))


def idle_figures(octets, threads=0.0):
    point = {"sessions": 1000, "rss_anon_kib": 5000, "threads": 3, "descriptors": 1100, "slots": 1}
    return {"subject": "millrace uring, 1 shard", "points": [point, {**point, "sessions": 10000}],
            "bytes_per_session": octets, "threads_per_session": threads, "descriptors_per_session": 1.0, "more_slots": 0}


def row_of(run, subject):
    return next(row for row in run["summary"] if row["subject"] == subject)


class SummaryTest(unittest.TestCase):
    def test_ratios_are_taken_within_each_round(self):
        run = run_of(measured("amavisd-milter", 0, 1000.0), measured("millrace uring", 0, 50.0),
                     measured("floor", 0, 25.0), measured("millrace uring", 1, 80.0),
                     measured("amavisd-milter", 1, 4000.0), measured("floor", 1, 20.0))
        row = row_of(run, "millrace uring")
        self.assertEqual(row["to_floor"], {"median": 3.0, "min": 2.0, "max": 4.0})
        self.assertEqual(report.to_incumbent(row), "1/28.6 (20.0 .. 50.0)")
        self.assertEqual(report.cell(row["cpu_us"], 1), "65.0 (50.0 .. 80.0)")

    def test_a_round_in_which_the_reference_failed_has_no_ratio(self):
        run = run_of(measured("amavisd-milter", 0, 1000.0), measured("millrace uring", 0, 50.0),
                     nothing_passed("amavisd-milter", 1), measured("millrace uring", 1, 10.0))
        self.assertEqual(row_of(run, "millrace uring")["to_incumbent"]["max"], 0.05)
        self.assertEqual(row_of(run, "amavisd-milter")["failed"], 7)

    def test_without_a_reference_there_is_no_ratio(self):
        run = run_of(measured("millrace epoll", 0, 50.0))
        self.assertEqual(report.to_incumbent(row_of(run, "millrace epoll")), "-")
        self.assertEqual(report.to_floor(row_of(run, "millrace epoll")), "-")


class TargetsTest(unittest.TestCase):
    """What is met, what is not, and what was not measured."""

    def test_shares_and_multiples(self):
        run = run_of(measured("amavisd-milter", 0, 1000.0), measured("millrace uring", 0, 50.0),
                     measured("floor", 0, 20.0))
        self.assertEqual(target_of(run, "many, tmpfs: CPU")["met"], True)
        times = [t for t in run["targets"] if t["row"] == "many, tmpfs: CPU per message" and "floor" in t["target"]]
        self.assertEqual([(t["measured"], t["met"]) for t in times], [("2.50 times", False)])
        self.assertEqual(target_of(run, "long, tmpfs: CPU")["met"], None)
        self.assertEqual(target_of(run, "heap")["measured"], "not measured")

    def test_one_failure_is_one_too_many(self):
        for failed, met in [(0, True), (1, False)]:
            run = run_of(measured("millrace uring", 0, 50.0, scenario="storm", failed=failed, in_flight=4000),
                         measured("amavisd-milter", 0, None, scenario="storm", failed=4000, messages=0))
            target = target_of(run, "storm")
            self.assertEqual(target["met"], met)
            self.assertIn("4,000 in flight", target["measured"])
            self.assertIn("amavisd-milter 4,000 of 4,000", target["measured"])

    def test_nothing_that_passed_is_no_success(self):
        run = run_of(measured("millrace uring", 0, None, scenario="storm", messages=0))
        self.assertEqual(target_of(run, "storm")["met"], False)

    def test_latency_is_compared_by_its_p99(self):
        run = run_of(measured("amavisd-milter", 0, 9.0, scenario="rate60", p99_ms=8.0, latency_buckets=[[5, 1]]),
                     measured("millrace uring", 0, 9.0, scenario="rate60", p99_ms=1.0, latency_buckets=[[1, 2]]),
                     measured("amavisd-milter", 1, 9.0, scenario="rate60", p99_ms=8.0, latency_buckets=[[5, 2]]))
        self.assertEqual(target_of(run, "rate60")["measured"], "1/8.0 (1.00 ms)")
        self.assertEqual(row_of(run, "amavisd-milter")["latency_buckets"], [[5, 3]])
        run = run_of(measured("amavisd-milter", 0, 9.0, scenario="rate60", p99_ms=8.0),
                     measured("millrace uring", 0, 9.0, scenario="rate60", p99_ms=1.0),
                     measured("floor", 0, 9.0, scenario="rate60", p99_ms=0.5))
        self.assertEqual(target_of(run, "rate60")["measured"], "1/8.0 (1.00 ms); the floor: 1/16.0 (0.50 ms)")

    def test_two_shards_against_one(self):
        for cost, met in [(54.0, True), (56.0, False)]:
            run = run_of(measured(load.ONE_SHARD, 0, 50.0, scenario="shards"),
                         measured(load.TWO_SHARDS, 0, cost, scenario="shards"))
            self.assertEqual(target_of(run, "shards: CPU")["met"], met)

    def test_crlf_is_compared_with_the_floor_that_leaves_line_ends(self):
        run = run_of(measured("floor", 0, 10.0, scenario="large"), measured("floor crlf", 0, 20.0, scenario="large"),
                     measured("millrace uring", 0, 12.0, scenario="large"))
        self.assertEqual(row_of(run, "floor crlf")["to_floor"]["median"], 1.0)
        self.assertEqual(report.to_floor(row_of(run, "floor crlf")), "1")

    def test_what_is_measured_apart(self):
        run = run_of(measured("floor", 0, 1.0), idle=[idle_figures(900.0), idle_figures(1100.0)],
                     allocations=[{"benchmark": "BM_A", "per_message": 0.0, "failed": False},
                                  {"benchmark": "BM_B", "per_message": 0.5, "failed": False}],
                     system_calls=[{"subject": "millrace uring", "scenario": "many", "spool": "tmpfs", "messages": 1,
                                    "failed": 0, "errors": {}, "per_message": 19.5, "by_call": {"read": 19.5}},
                                   {"subject": "floor", "scenario": "many", "spool": "tmpfs", "messages": 1,
                                    "failed": 0, "errors": {}, "per_message": 18.0, "by_call": {"read": 18.0}}],
                     masks=[{"subject": "DATA", "scenario": "many", "per_message": 19.5}])
        self.assertEqual(target_of(run, "idle session, user")["met"], False)
        self.assertEqual(target_of(run, "idle session, threads")["met"], True)
        self.assertEqual(target_of(run, "heap")["measured"], "in BM_B")
        self.assertEqual(target_of(run, "many, tmpfs: system")["measured"], "19.5 (floor: 18.0, DATA: 19.5)")
        for text in [markdown.tables(run), page.render(run)]:
            for part in ["1,100", "DATA", "19.5"]:
                self.assertIn(part, text)


class FiguresTest(unittest.TestCase):
    """The SVG files: well-formed, told apart without colour, nothing loaded."""

    def test_files(self):
        buckets = [[200, 900], [900, 99], [5000, 1]]
        run = run_of(measured("amavisd-milter", 0, 1000.0), measured("millrace uring", 0, 50.0),
                     measured("floor", 0, 25.0),
                     measured("millrace uring", 0, 50.0, scenario="rate60", latency_buckets=buckets))
        with tempfile.TemporaryDirectory() as folder:
            figures.write(run, pathlib.Path(folder) / "plots")
            made = {path.name: path.read_text() for path in (pathlib.Path(folder) / "plots").iterdir()}
        self.assertEqual(sorted(made), ["cpu-tmpfs.svg", "floor-tmpfs.svg", "latency-rate60.svg"])
        for text in made.values():
            xml.etree.ElementTree.fromstring(text)
            self.assertNotIn("http", text.replace("http://www.w3.org/2000/svg", ""))
            self.assertIn("prefers-color-scheme: dark", text)
        self.assertIn("millrace uring", made["cpu-tmpfs.svg"])

    def test_a_run_in_which_nothing_passed_has_no_plots(self):
        self.assertEqual(figures.all_figures(run_of(nothing_passed("millrace uring", 0))), [])


class RatesTest(unittest.TestCase):
    def test_a_rate_is_a_share_of_the_capacity(self):
        rate60 = next(s for s in load.SCENARIOS if s.name == "rate60").at_rate({"amavisd-milter": 500.0})
        self.assertEqual(rate60.shape(), ["--rate", "300", "--max-sessions", "64"])
        self.assertIn("300 messages a second", rate60.title)

    def test_every_subject_of_a_scenario_exists(self):
        names = {subject.name for subject in daemons.SUBJECTS}
        for scenario in load.SCENARIOS:
            self.assertLessEqual(set(scenario.subjects), names, scenario.name)


class ShownTest(unittest.TestCase):
    """Every form of report of a run in which the incumbent fails."""

    def setUp(self):
        self.run_ = run_of(
            nothing_passed("amavisd-milter", 0), measured("millrace uring", 0, 50.0), measured("floor", 0, 25.0),
            measured("millrace epoll", 0, 50.0, idle_wanted=10, idle_left=4, failed=6, ended_by_itself="SIGSEGV: <log>"),
            system_calls=[{"subject": "floor", "scenario": "many", "spool": "tmpfs", "messages": 1, "failed": 0, "errors": {},
                    "per_message": 3.0, "by_call": {"recvfrom": 3.0}}])

    def check(self, text):
        for part in ["tempfailed 7", "of 10 idle sessions 6 did not stand to the end", "SIGSEGV", "recvfrom", "2.00"]:
            self.assertIn(part, text)

    def test_markdown(self):
        text = markdown.replaced(f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n", self.run_)
        self.check(text)
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
        self.assertNotIn("\nold\n", text)

    def test_markdown_shows_plots_where_they_are(self):
        self.assertIn("](plots/cpu-tmpfs.svg)", markdown.tables(self.run_, "plots"))
        self.assertNotIn(".svg", markdown.tables(self.run_))

    def test_markdown_wants_its_marks(self):
        self.assertRaises(ValueError, markdown.replaced, "no marks", self.run_)

    def test_page(self):
        text = page.render(self.run_)
        self.check(text)
        self.assertIn("amavisd-milter: nothing passed", text)
        self.assertIn("not measured", text)
        self.assertIn("SIGSEGV: &lt;log&gt;", text)

    def test_page_loads_nothing_and_closes_its_elements(self):
        checker = PageChecker()
        checker.feed(page.render(self.run_))
        self.assertEqual(checker.open_, [])


class PageChecker(html.parser.HTMLParser):
    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open_ = []

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "link", "img", "iframe") or {"src", "href"} & {name for name, _ in attrs}:
            raise AssertionError(f"<{tag}> may load something")
        if tag not in self.VOID:
            self.open_.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open_ or self.open_.pop() != tag:
            raise AssertionError(f"</{tag}> closes nothing")


class FactsTest(unittest.TestCase):
    def test_the_command_names_none_of_the_users_files(self):
        given = ["--build", "/home/x", "--rounds", "3", "--json=/home/x.json", "--html", "/home/x.html", "--quick"]
        self.assertEqual(summary.without_files(given), ["--rounds", "3", "--quick"])


if __name__ == "__main__":
    unittest.main()
