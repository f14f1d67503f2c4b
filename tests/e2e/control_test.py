"""millracectl and the control socket of a running daemon."""

import json
import pathlib
import pwd
import socket
import subprocess
import unittest

from daemon import USER
from http_unix import OPEN_METRICS, get
from metrics_test import samples
from milter_peer import message_steps
from processes import can_connect, wait_until
from scanner import reply
from scanner_group import GroupTest, Load, ScannerProcess
from scripted import Hold, Pair, only_millrace
from stack import stack

NONE = "has no control socket"


class Asking:
    """Asks the daemon whose control socket is `self.socket`."""

    def ctl(self, *arguments, where=None, **how):
        program = pathlib.Path(stack().daemon_class.program()).with_name("millracectl")
        where = where or self.socket
        return subprocess.run(
            [program, *arguments, f"--socket={where}"], capture_output=True, text=True, **how
        )

    def answer(self, command):
        ended = self.ctl(command, "--json")
        self.assertIn(ended.returncode, (0, 1), ended)
        answer = json.loads(ended.stdout)
        self.assertEqual((answer["format"], answer["version"]), ("millrace-control", 1))
        self.assertEqual(answer["command"], command)
        return answer


class ControlTest(Asking, unittest.TestCase):
    def start(self, label, flags=()):
        pair = Pair(label, flags)
        self.addCleanup(pair.end)
        self.socket = pair.daemon.pid_file.with_suffix(".control")
        return pair

    @only_millrace(NONE)
    def test_status_of_a_daemon_with_which_nothing_is_wrong(self):
        pair = self.start("ctl-quiet")
        pair.answer(reply(return_value="reject"))
        with pair.peer() as peer:
            peer.play(message_steps())
        ended = self.ctl("status")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        for part in ("serving for", "Nothing is wrong.", "reject 1", f"SPOOL {pair.daemon.work_dir}"):
            self.assertIn(part, ended.stdout)
        status = self.answer("status")
        self.assertEqual(status["problems"], [])
        self.assertEqual(status["verdicts"]["reject"], 1)
        self.assertEqual(status["times"]["answer"]["count"], 1)
        self.assertEqual(status["program"]["state"], "serving")

    @only_millrace(NONE)
    def test_what_is_wrong_comes_first_and_is_the_exit_status(self):
        pair = self.start("ctl-busy", ["-m", "1"])
        first = Hold(pair)
        first.wait_for_scan()
        second = Hold(pair)
        wait_until(lambda: self.answer("queue")["groups"][0]["waiting"] == 1, "one to wait")
        ended = self.ctl("status")
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("1 message waits for a scanner", ended.stdout.splitlines()[3])
        group = self.answer("queue")["groups"][0]
        self.assertEqual((group["limit"], group["free"]), (1, 0))
        self.assertEqual(self.ctl("queue").returncode, 0)
        first.finish()
        second.finish()

    @only_millrace(NONE)
    def test_scanners_and_quota(self):
        pair = self.start("ctl-lists", ["--max-messages=7"])
        self.assertIn(str(pair.scanner.path), self.ctl("scanners").stdout)
        limits = {each["name"]: each for each in self.answer("quota")["limits"]}
        self.assertEqual(limits["messages"]["limit"], 7)
        self.assertIn("messages", self.ctl("quota").stdout)

    @only_millrace(NONE)
    def test_the_socket_is_its_owners_alone_and_goes_with_the_daemon(self):
        pair = self.start("ctl-rights")
        self.assertEqual(self.socket.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.socket.stat().st_uid, pwd.getpwnam(USER).pw_uid)
        self.assertEqual(self.ctl("status", user=USER, group=USER).returncode, 0)
        stranger = self.ctl("status", user="nobody", group="nogroup")
        self.assertEqual(stranger.returncode, 66)
        self.assertIn("Permission denied", stranger.stderr)
        # Even where the file lets everybody in.
        self.socket.chmod(0o666)
        stranger = self.ctl("status", user="nobody", group="nogroup")
        self.assertEqual(stranger.returncode, 66)
        self.assertIn("only root and the daemon's own user may ask", stranger.stderr)
        self.assertEqual(pair.daemon.stop(), 0)
        self.assertFalse(self.socket.exists())
        gone = self.ctl("status")
        self.assertEqual(gone.returncode, 66)
        self.assertIn("no daemon serves there", gone.stderr)

    @only_millrace(NONE)
    def test_it_can_be_elsewhere_or_nowhere(self):
        where = stack().lab.directory("run", 0o755, USER) / "ctl-other-place.sock"
        self.start("ctl-elsewhere", [f"--control-socket={where}"])
        self.assertEqual(self.ctl("status", where=where).returncode, 0)
        self.assertFalse(self.socket.exists())
        self.start("ctl-off", ["--control-socket=off"])
        self.assertFalse(self.socket.exists())

    @only_millrace(NONE)
    def test_where_nobody_asked_for_it_a_socket_that_cannot_be_made_is_a_warning(self):
        taken = stack().lab.directory("run", 0o755, USER) / "ctl-taken.control"
        taken.mkdir()
        pair = self.start("ctl-taken")
        wait_until(lambda: "could not open control socket" in pair.daemon.log, "a warning")
        pair.answer(reply())
        with pair.peer() as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))

    @only_millrace(NONE)
    def test_a_silent_client_does_not_hold_up_the_end(self):
        pair = self.start("ctl-silent")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
            silent.connect(str(self.socket))
            self.assertEqual(pair.daemon.stop(), 0)
        self.assertFalse(can_connect(self.socket))

    @only_millrace(NONE)
    def test_a_wrong_command_line_is_64(self):
        self.socket = "/nonexistent"
        for arguments in ((), ("stats",), ("status", "queue"), ("status", "--jsn")):
            ended = self.ctl(*arguments)
            self.assertEqual((ended.returncode, ended.stdout), (64, ""), arguments)
            self.assertIn("millracectl: ", ended.stderr)


class ScannersTest(Asking, GroupTest):
    def begin(self, names, keys):
        """A daemon of one scanner for each name, and load on it."""
        lab = stack().lab
        label = f"ctl-{names[0]}"
        self.scanners = {
            name: ScannerProcess(lab, f"{label}-{number}") for number, name in enumerate(names)
        }
        self.metrics = lab.directory("run", 0o755, USER) / f"{label}-metrics.sock"
        daemon = self.daemon(
            [
                (f"unix:{scanner.path}", f'name = "{name}"\n{keys}')
                for name, scanner in self.scanners.items()
            ],
            flags=[f"--metrics-socket=unix:{self.metrics}"],
        )
        self.socket = daemon.pid_file.with_suffix(".control")
        load = Load(daemon)
        load.messages(100)
        return daemon, load

    def of(self, name):
        """The scanner as the JSON has it."""
        return {each["name"]: each for each in self.answer("scanners")["scanners"]}[name]

    def now(self):
        return samples(get(self.metrics, "/metrics", OPEN_METRICS)[2])

    def problems(self):
        return [each["text"] for each in self.answer("status")["problems"]]

    @only_millrace(NONE)
    def test_the_one_of_two_that_was_killed_is_seen(self):
        daemon, load = self.begin(["sick", "well"], "connections_max = 8\nweight = 2")
        both = [self.of(name) for name in ("sick", "well")]
        self.assertEqual([each["breaker"] for each in both], ["closed", "closed"])
        self.assertEqual([each["limit"] for each in both], [8, 8])
        self.assertEqual([each["weight"] for each in both], [2, 2])
        group = both[0]["group"]
        now = self.now()
        for name in ("sick", "well"):
            labels = f"{{group={group},scanner={name}}}"
            self.assertGreater(now[f"millrace_scanner_scan_seconds_count{labels}"], 0)
            self.assertEqual(now[f"millrace_scanner_limit_now{labels}"], 8)
        self.scanners["sick"].kill()
        self.wait_for(daemon, self.scanners["sick"].path, "closed", "open")
        wait_until(lambda: self.of("sick")["breaker"] == "open", "the breaker to be shown")
        breaker = f"millrace_scanner_breaker{{group={group},scanner=sick,state=open}}"
        wait_until(lambda: self.now()[breaker] == 1, "the breaker in the metrics")
        now = self.now()
        self.assertEqual(
            now[f"millrace_scanner_breaker{{group={group},scanner=well,state=closed}}"], 1
        )
        events = "millrace_scanner_events_total{event=%s,group=" + group + ",scanner=sick}"
        self.assertGreater(now[events % "refused"], 0)
        self.assertGreater(now[events % "breaker_opened"], 0)
        self.assertLessEqual(now[f"millrace_slots_limit{{group={group}}}"], 9)

        def is_said():
            ended = self.ctl("status")
            return ended if "fails and gets no messages" in ended.stdout else None

        ended = wait_until(is_said, "the scanner among what is wrong")
        self.assertEqual(ended.returncode, 1)
        first = ended.stdout.splitlines()[3]
        self.assertRegex(first, "^  warning +scanner sick .*fails and gets no messages")
        wait_until(lambda: "FAILS" in self.ctl("scanners").stdout, "FAILS in the text")
        self.scanners["sick"].start()
        self.wait_for(daemon, self.scanners["sick"].path, "half-open", "slow-start")
        wait_until(
            lambda: any("works again and gets more" in text for text in self.problems()),
            "its slow start to be told",
        )
        load.messages(20)
        self.assertEqual(load.end()[1], [])

    @only_millrace(NONE)
    def test_a_group_without_a_live_scanner_is_critical(self):
        daemon, load = self.begin(["only"], "connections_max = 4")
        group = self.of("only")["group"]
        self.scanners["only"].kill()
        self.wait_for(daemon, self.scanners["only"].path, "closed", "open")

        def is_first():
            return "no scanner works: messages are not scanned" in self.problems()[0]

        wait_until(is_first, "that to be the first problem")
        # What lets messages through to fail at once is not shown as a limit.
        self.assertLessEqual(self.now()[f"millrace_slots_limit{{group={group}}}"], 4)
        self.assertIn("CRITICAL", self.ctl("status").stdout.splitlines()[3])
        load.end()

    @only_millrace(NONE)
    def test_metrics_of_several_scanners_pass_promtool(self):
        self.begin(["one", "other"], "connections_max = 4")[1].end()
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=get(self.metrics, "/metrics")[2],
            capture_output=True,
            text=True,
        )
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
