"""The metrics' endpoint of a running daemon: what Prometheus' own programs make of it, who may
connect, and that it never gets into the way of mail.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

from daemon import USER
from http_unix import OPEN_METRICS, get
from milter_peer import message_steps
from processes import Child, wait_until
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from scanner import CLOSE, reply
from scripted import Hold, Pair, only_millrace
from stack import stack

RULES = pathlib.Path(__file__).resolve().parents[2] / "packaging/examples/millrace.rules.yml"
NONE = "has no metrics"


def samples(text):
    """name and labels -> value, of an OpenMetrics text; raises where it is none."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


class MetricsTest(unittest.TestCase):
    maxDiff = None

    def start(self, label, flags=(), where=None):
        """A daemon with metrics at `where`: a socket of its own, or "tcp"."""
        lab = stack().lab
        if where == "tcp":
            self.where = lab.ports.take()
            address = f"inet:{self.where}@127.0.0.1"
        else:
            self.where = lab.directory("run", 0o755, USER) / f"{label}-metrics.sock"
            address = f"unix:{self.where}"
        pair = Pair(label, [f"--metrics-socket={address}", *flags])
        self.addCleanup(pair.end)
        return pair

    def play(self, pair, *actions):
        pair.answer(*(actions or [reply()]))
        with pair.peer() as peer:
            return peer.play(message_steps())[-1].verdict

    def now(self):
        status, kind, text = get(self.where, "/metrics", OPEN_METRICS)
        self.assertEqual(status, 200)
        self.assertTrue(kind.startswith("application/openmetrics-text; version=1.0.0"), kind)
        return samples(text)

    @only_millrace(NONE)
    def test_promtool_finds_nothing_to_say(self):
        pair = self.start("promtool")
        self.play(pair)
        status, kind, text = get(self.where, "/metrics")
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
        )
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    @only_millrace(NONE)
    def test_messages_are_counted_by_what_became_of_them(self):
        pair = self.start("counted", ["-m", "3"])
        before = self.now()
        self.assertEqual(before["millrace_slots_limit{group=}"], 3)
        self.play(pair)
        self.play(pair, reply(return_value="reject"))
        self.play(pair, reply(return_value="reject"))
        self.play(pair, CLOSE)

        def is_counted():
            after = self.now()
            begun = after["millrace_messages_begun_total"] - before["millrace_messages_begun_total"]
            # A session's end may come after its last answer.
            return after if begun == 4 and after["millrace_sessions"] == 0 else None

        after = wait_until(is_counted, "four messages, and their sessions to be over")
        rose = {name: after[name] - before.get(name, 0) for name in after}
        self.assertEqual(rose["millrace_verdicts_total{verdict=continue}"], 1)
        self.assertEqual(rose["millrace_verdicts_total{verdict=reject}"], 2)
        self.assertEqual(rose["millrace_refusals_total{class=scan-failed}"], 1)
        reason = "class=scan-failed,reason=scanner closed without a whole reply"
        self.assertEqual(rose[f"millrace_refusal_reasons_total{{{reason}}}"], 1)
        self.assertEqual(rose["millrace_messages_begun_total"], 4)
        self.assertEqual(rose["millrace_answer_seconds_count"], 4)
        self.assertEqual(rose["millrace_scan_seconds_count"], 4)
        self.assertGreater(rose["millrace_message_size_bytes_sum"], 4 * len("hello\r\n"))
        self.assertGreater(after["millrace_loop_turn_seconds_count"], 0)
        self.assertEqual(after["millrace_slots_free{group=}"], 3)
        self.assertEqual((after["millrace_messages"], after["millrace_orphans"]), (0, 0))
        self.assertGreater(after["process_open_fds"], 0)

    @only_millrace(NONE)
    def test_who_waits_is_seen(self):
        pair = self.start("waits", ["-m", "1"])
        first = Hold(pair)
        first.wait_for_scan()
        second = Hold(pair)
        wait_until(lambda: self.now()["millrace_queue_length{group=}"] == 1, "a message to wait")
        now = self.now()
        self.assertEqual((now["millrace_messages"], now["millrace_slots_free{group=}"]), (2, 0))
        first.finish()
        second.finish()

    @only_millrace(NONE)
    def test_prometheus_scrapes_it(self):
        pair = self.start("scraped", where="tcp")
        self.play(pair)
        lab = stack().lab
        port = lab.ports.take()
        folder = lab.directory("prometheus")
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            f"rule_files: ['{RULES}']\n"
            "scrape_configs:\n"
            "  - job_name: millrace\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{self.where}']}}]\n"
        )
        prometheus = Child(
            "prometheus",
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            lab.directory("log") / "prometheus.log",
        )
        lab.on_close(lambda: prometheus.stop(5))
        self.addCleanup(prometheus.stop, 5)
        prometheus.wait_until_accepting(("127.0.0.1", port))

        def target():
            status, _, text = get(port, "/api/v1/targets")
            active = json.loads(text)["data"]["activeTargets"] if status == 200 else []
            return active[0] if active and active[0]["health"] != "unknown" else None

        scraped = wait_until(target, "Prometheus to scrape")
        self.assertEqual((scraped["health"], scraped["lastError"]), ("up", ""))

        def value():
            query = "/api/v1/query?query=millrace_verdicts_total%7Bverdict%3D%22continue%22%7D"
            result = json.loads(get(port, query)[2])["data"]["result"]
            return result[0]["value"][1] if result else None

        self.assertEqual(wait_until(value, "the metric"), "1")
        _, _, rules = get(port, "/api/v1/rules")
        for group in json.loads(rules)["data"]["groups"]:
            for rule in group["rules"]:
                self.assertNotEqual(rule["health"], "err", rule)

    @only_millrace(NONE)
    def test_the_example_rules_are_right_and_name_metrics_that_are_there(self):
        checked = subprocess.run(
            ["promtool", "check", "rules", RULES], capture_output=True, text=True
        )
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.play(self.start("rules"))
        asked = set(re.findall(r"\b(?:millrace|process)_[a-z_]+", RULES.read_text()))

        def all_are_there():
            # What the spool has room for is known within a second.
            text = get(self.where, "/metrics")[2]
            return asked <= set(re.findall(r"^([a-z_]+)[{ ]", text, re.MULTILINE))

        wait_until(all_are_there, f"all of {sorted(asked)}")

    @only_millrace(NONE)
    def test_labels_do_not_grow_with_mail(self):
        pair = self.start("bounded")
        self.play(pair)
        before = set(self.now())
        pair.answer(reply())
        with pair.peer() as peer:
            peer.play(message_steps(helo="other.example", sender="<x@y.example>"))
        self.assertEqual(set(self.now()), before)

    @only_millrace(NONE)
    def test_health_follows_the_daemon_and_its_socket_goes_with_it(self):
        pair = self.start("health")
        held = Hold(pair)
        held.wait_for_scan()
        self.assertEqual(get(self.where, "/healthz")[::2], (200, "serving\n"))
        self.assertEqual(self.where.stat().st_mode & 0o777, 0o660)
        os.kill(pair.daemon.pid, signal.SIGTERM)
        wait_until(lambda: get(self.where, "/healthz")[::2] == (503, "stopping\n"), "503")
        held.finish()
        self.assertEqual(pair.daemon.wait(15), 0)
        self.assertFalse(self.where.exists())

    @only_millrace(NONE)
    def test_clients_that_misbehave_hold_up_neither_mail_nor_scrapes(self):
        pair = self.start("misbehave")
        clients = []
        for said in [b"GET /metrics HT", b"", b"\0" * 4096, b"POST / HTTP/1.1\r\n"] * 20:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.connect(str(self.where))
            client.send(said)
            clients.append(client)
        self.assertEqual(self.play(pair), ("continue",))
        self.assertEqual(get(self.where, "/metrics")[0], 200)
        self.assertTrue(pair.daemon.is_running())
        for client in clients:
            client.close()

    def refused(self, *flags):
        lab = stack().lab
        command = stack().daemon_class.command_for(
            lab.directory("run", 0o755, USER) / "refused.sock",
            None,
            "/nonexistent",
            lab.directory("work/refused", 0o750, USER),
        )
        return subprocess.run(
            [*command, *flags], capture_output=True, text=True, user=USER, group=USER, cwd="/"
        )

    @only_millrace(NONE)
    def test_only_this_host_unless_told_otherwise(self):
        port = stack().lab.ports.take()
        for address in (f"inet:{port}@0.0.0.0", f"inet:{port}", f"inet6:{port}@::"):
            for more in ((), ("--check-config",)):
                ended = self.refused(f"--metrics-socket={address}", *more)
                self.assertEqual(ended.returncode, 70, ended)
                self.assertIn(address, ended.stderr)
                self.assertIn("--metrics-allow-remote", ended.stderr)
        allowed = self.refused(
            f"--metrics-socket=inet:{port}@0.0.0.0", "--metrics-allow-remote", "--check-config"
        )
        self.assertEqual(allowed.returncode, 0, allowed)
        self.assertIn(f"metrics_socket: inet:{port}@0.0.0.0", allowed.stdout)

    @only_millrace(NONE)
    def test_a_socket_that_cannot_be_made_is_an_error_at_start(self):
        ended = self.refused("--metrics-socket=/nonexistent/metrics.sock")
        self.assertEqual(ended.returncode, 70, ended)
        self.assertIn("/nonexistent/metrics.sock", ended.stderr)
