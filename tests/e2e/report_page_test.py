"""The HTML page of millrace-replay in a real Chromium: what it draws, and that it needs nothing.

The reports are the golden one with other series in it, so every number of points is known.
"""

import copy
import itertools
import json
import math
import pathlib
import subprocess
import unittest

import chromium
from scripted import only_millrace
from stack import stack

GOLDEN = pathlib.Path(__file__).parent.parent / "golden/replay/report-1.json"
POINTS_MAX = 400  # what report_page.js condenses longer series to
INCUMBENT = "has nothing to do with it"
HOSTILE = "</script><!-- \"x\" & '\ufffd'\n\u2028<img src=x onerror=alert(1)>"
# Chromium's windows are not as narrow as a phone, a frame is. It tells the page around it what only
# a script can see.
MEASURE = """<script>
const root = document.documentElement;
parent.postMessage({overflow: root.scrollWidth - root.clientWidth, width: innerWidth,
                    paper: getComputedStyle(document.body).backgroundColor}, "*");
</script></body>"""
FRAME = """<!DOCTYPE html><meta charset="utf-8"><title>phone</title><body>
<script>onmessage = (event) => Object.assign(document.body.dataset, event.data);</script>
<iframe src="page.html" width="400" height="800" style="border: 0"></iframe></body>"""

_numbers = itertools.count()


def histogram(values):
    """A list of [value, count] as millrace-replay writes it, for these values."""
    values = sorted(values)
    buckets = [[value, len(list(group))] for value, group in itertools.groupby(values)]
    at = lambda share: values[max(0, math.ceil(share * len(values)) - 1)]  # noqa: E731
    return {
        "count": len(values),
        "mean": sum(values) / len(values),
        **{name: at(share) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))},
        "p999": at(0.999),
        "max": values[-1],
        "buckets": buckets,
    }


def report(seconds, label="run", sampled=True, slower=1):
    """A report of so many seconds, with ten messages in each."""
    made = copy.deepcopy(json.loads(GOLDEN.read_text()))
    made.update(label=label, source="set", options=[["as", "postfix"]], errors={}, errors_count=0)
    made.update(seconds=float(seconds), messages=10 * seconds, messages_per_second=10.0)
    for name in ("end_of_message_us", "transaction_us"):
        made[name] = histogram([slower * (1000 + 10 * (i % 600)) for i in range(10 * seconds)])
    column = lambda value: [value] * seconds  # noqa: E731
    latency = {
        name: [slower * scale * (1000 + i % 7) for i in range(seconds)]
        for name, scale in (("p50", 1), ("p90", 2), ("p99", 3), ("max", 4))
    }
    latency["count"] = column(10)
    process = {
        "running": column(True),
        "cpu_us": column(50000),
        "cpu_user_us": column(30000),
        "cpu_system_us": column(20000),
        "voluntary_switches": column(40),
        "involuntary_switches": column(3),
        "rss_bytes": column(20 * 2**20),
        "threads": column(3),
        "descriptors": column(60),
    }
    made["series"] = {
        "at_s": [float(i) for i in range(seconds)],
        "length_s": column(1.0),
        **{name: column(10) for name in ("scheduled", "started", "finished")},
        "errors": column(0),
        "in_flight_max": column(4),
        "end_of_message_us": latency,
        "transaction_us": latency,
        "process": process if sampled else None,
    }
    made["process"] = None
    if sampled:
        made["process"] = {
            "pid": 1,
            "name": "millrace",
            "ended": False,
            "cpu_us": 50000 * seconds,
            "cpu_user_us": 30000 * seconds,
            "cpu_system_us": 20000 * seconds,
            "cpu_us_per_message": 5000.0,
            "voluntary_switches": 40 * seconds,
            "involuntary_switches": 3 * seconds,
            "rss_bytes_max": 20 * 2**20,
            "threads_max": 3,
            "descriptors_max": 60,
        }
    return made


class ReportPageTest(unittest.TestCase):
    maxDiff = None

    def page_of(self, *reports):
        """The page's file for these reports, and the folder that it is in."""
        folder = stack().lab.directory(f"report-{next(_numbers)}")
        files = []
        for i, made in enumerate(reports):
            files.append(folder / f"{i}.json")
            files[-1].write_text(json.dumps(made))
        page = folder / "page.html"
        program = pathlib.Path(stack().daemon_class.bin_dir) / "millrace-replay"
        done = subprocess.run(
            [program, "compare", *files, "--html", page], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return folder, page

    def opened(self, *reports, **how):
        folder, page = self.page_of(*reports)
        visit = chromium.open_page(folder, page, **how)
        self.assertEqual(visit.console, [])
        self.assertEqual([a for a in visit.requests if not a.startswith("file://")], [])
        self.assertNotIn("http:", page.read_text())
        self.assertNotIn("https:", page.read_text())
        return visit

    def plots(self, visit):
        """Title -> {series: number of points that its path has}."""
        plots = {}
        for figure in visit.root.all("figure"):
            title = next(figure.all("h3")).text
            drawing = next(each for each in figure.all("svg") if "role" in each.attributes)
            self.assertEqual(drawing.attributes["role"], "img")
            self.assertEqual(next(drawing.all("title")).text, title)
            plots[title] = {}
            for path in drawing.all("path"):
                self.assertNotIn("NaN", path.attributes["d"])
                series = path.attributes["data-series"]
                plots[title][series] = int(path.attributes["data-points"])
        return plots

    @only_millrace(INCUMBENT)
    def test_one_run_has_all_its_plots(self):
        visit = self.opened(report(60))
        steps = {name: 60 for name in ("p50", "p90", "p99", "max")}
        # 600 buckets and the beginning; the golden connects are one.
        percentiles = {"end of message": 601, "whole transaction": 601, "connect": 2}
        self.assertEqual(
            self.plots(visit),
            {
                "Latency over percentiles": percentiles,
                "End of message: latency over time": steps,
                "Whole transaction: latency over time": steps,
                "Throughput": {"finished": 60, "started": 60, "scheduled": 60},
                "In flight": {"in flight": 60},
                "Errors": {"errors": 60},
                "CPU of the daemon": {"user + system": 60, "user": 60, "system": 60},
                "Memory of the daemon": {"resident": 60},
                "Context switches": {"voluntary": 60, "involuntary": 60},
                "Descriptors and threads": {"descriptors": 60, "threads": 60},
            },
        )
        tiles = [
            (next(tile.all("dt")).text, next(tile.all("dd")).text)
            for tile in visit.root.all("div", class_="tile")
        ]
        self.assertIn(("messages per second", "10.00 1/s"), tiles)
        self.assertIn(("CPU per message", "5,000 µs"), tiles)

    @only_millrace(INCUMBENT)
    def test_a_path_has_one_step_for_each_point(self):
        visit = self.opened(report(60, sampled=False))
        paths = [p for p in visit.root.all("path") if p.attributes.get("data-series") == "finished"]
        self.assertEqual(len(paths), 1)
        self.assertEqual(paths[0].attributes["d"].count("L"), 59)
        self.assertNotIn("CPU of the daemon", self.plots(visit))

    @only_millrace(INCUMBENT)
    def test_two_runs_are_side_by_side_with_ratios(self):
        visit = self.opened(report(30, "before"), report(20, "after", slower=2))
        plots = self.plots(visit)
        self.assertEqual(
            plots["End of message: latency over percentiles"], {"A before": 301, "B after": 201}
        )
        self.assertEqual(
            plots["Whole transaction: latency over time"],
            {"A p50": 30, "A p99": 30, "B p50": 20, "B p99": 20},
        )
        self.assertEqual(plots["Throughput"], {"A before": 30, "B after": 20})
        text = visit.root.text
        self.assertIn("Runs side by side", text)
        p50 = next(r for r in visit.root.all("tr") if r.text.startswith("p50, ms"))
        self.assertIn("× worse", p50.text)

    @only_millrace(INCUMBENT)
    def test_long_runs_are_condensed(self):
        visit = self.opened(report(7200))
        self.assertEqual(self.plots(visit)["Throughput"]["finished"], POINTS_MAX)

    @only_millrace(INCUMBENT)
    def test_a_short_last_step_belongs_to_the_one_before(self):
        made = report(5)
        made["series"]["length_s"][-1] = 0.01
        self.assertEqual(self.plots(self.opened(made))["Throughput"]["finished"], 4)

    @only_millrace(INCUMBENT)
    def test_every_plot_has_its_table(self):
        visit = self.opened(report(12), fragment="#tables")
        for figure in visit.root.all("figure"):
            title = next(figure.all("h3")).text
            rows = list(next(figure.all("tbody")).all("tr"))
            self.assertEqual(len(rows), 9 if "percentiles" in title else 12, title)

    @only_millrace(INCUMBENT)
    def test_hostile_texts_are_text(self):
        visit = self.opened(json.loads(GOLDEN.read_text()))
        self.assertEqual(list(visit.root.all("img")), [])
        self.assertEqual(len(list(visit.root.all("script"))), 2)  # the data and ours
        shown = [cell.text for cell in visit.root.all("td")]
        self.assertEqual(shown.count(HOSTILE), 5)  # label, option, and three of the change

    @only_millrace(INCUMBENT)
    def test_short_and_empty_runs_are_drawn_too(self):
        empty = report(1, sampled=False)
        for name in ("end_of_message_us", "transaction_us", "connect_us", "start_lateness_us"):
            empty[name] = dict(empty[name], count=0, buckets=[])
        for name in ("end_of_message_us", "transaction_us"):
            empty["series"][name] = {key: [None] for key in ("count", "p50", "p90", "p99", "max")}
        plots = self.plots(self.opened(empty))
        self.assertEqual(list(plots), ["Throughput", "In flight", "Errors"])
        self.assertEqual(plots["In flight"], {"in flight": 1})

    @only_millrace(INCUMBENT)
    def test_fits_a_phone_light_and_dark(self):
        papers = set()
        for dark in (False, True):
            folder, page = self.page_of(report(60, "before"), report(60, "after"))
            page.write_text(page.read_text().replace("</body>", MEASURE))
            phone = folder / "phone.html"
            phone.write_text(FRAME)
            visit = chromium.open_page(folder, phone, dark=dark)
            body = next(visit.root.all("body")).attributes
            self.assertEqual((body["data-width"], body["data-overflow"]), ("400", "0"))
            papers.add(body["data-paper"])
        self.assertEqual(len(papers), 2)

    @only_millrace(INCUMBENT)
    def test_a_page_that_fails_or_asks_would_be_seen(self):
        folder, page = self.page_of(report(2))
        page.write_text(
            page.read_text()
            .replace("default-src 'none'", "default-src *")
            .replace("</body>", "<img src='http://192.0.2.1:9/x'><script>missing()</script></body>")
        )
        visit = chromium.open_page(folder, page)
        self.assertTrue(any("missing is not defined" in line for line in visit.console))
        self.assertIn("http://192.0.2.1:9/x", visit.requests)


if __name__ == "__main__":
    unittest.main()
