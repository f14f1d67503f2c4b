#!/usr/bin/env python3
"""What bench/compare makes of its measurements: medians, ratios within rounds, failures that show, page and tables.

Made-up rounds, nothing is started; a ctest.
"""
import html.parser
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

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
              "p50_ms": 1.0, "p99_ms": 2.0, "peak_mib": 9.0}
    return {**result, **other}


def nothing_passed(subject, number):
    return measured(subject, number, None, messages=0, failed=7, outcomes={"tempfailed": 7}, p50_ms=None, p99_ms=None,
                    per_second=0.0)


def run_of(*rounds, calls=()):
    return summary.whole(ABOUT, [s for s in load.SCENARIOS if s.name == "many"], list(rounds), list(calls))


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


class ShownTest(unittest.TestCase):
    """Every form of report of a run in which the incumbent fails."""

    def setUp(self):
        self.run_ = run_of(
            nothing_passed("amavisd-milter", 0), measured("millrace uring", 0, 50.0), measured("floor", 0, 25.0),
            measured("millrace epoll", 0, 50.0, idle_wanted=10, idle_left=4, failed=6, ended_by_itself="SIGSEGV: <log>"),
            calls=[{"subject": "floor", "scenario": "many", "spool": "tmpfs", "messages": 1, "failed": 0, "errors": {},
                    "per_message": 3.0, "by_call": {"recvfrom": 3.0}}])

    def check(self, text):
        for part in ["tempfailed 7", "of 10 idle sessions 6 did not stand to the end", "SIGSEGV", "recvfrom", "2.00"]:
            self.assertIn(part, text)

    def test_markdown(self):
        text = markdown.replaced(f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n", self.run_)
        self.check(text)
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
        self.assertNotIn("\nold\n", text)

    def test_markdown_wants_its_marks(self):
        self.assertRaises(ValueError, markdown.replaced, "no marks", self.run_)

    def test_page(self):
        text = page.render(self.run_)
        self.check(text)
        self.assertIn("amavisd-milter: nothing passed", text)
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
