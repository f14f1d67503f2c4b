"""millrace-replay's exit status where nothing was measured, and where its reports cannot go.

Played against its own null milter; the trace is made up, so there are no recorded verdicts in it.
"""

import pathlib
import signal
import socket
import subprocess
import unittest

import daemon
from processes import Child
from scripted import only_millrace
from stack import stack

PATIENCE_S = 60


def program(name):
    return pathlib.Path(daemon.Millrace.bin_dir) / name


@only_millrace("has nothing to do with it")
class ReplayExitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = stack().lab.directory("replay-exit")
        cls.trace = cls.folder / "trace"
        subprocess.run(
            [program("millrace-record"), "--generate", "20", "--seed", "1", "--out", cls.trace],
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        cls.null = cls.folder / "null.sock"
        argv = [program("millrace-replay"), "null", "--listen", cls.null]
        cls.milter = Child("null milter", argv, stack().lab.directory("log") / "null-milter.log")
        cls.addClassCleanup(cls.milter.stop)
        cls.milter.wait_until_accepting(cls.null)

    def play(self, *options):
        return subprocess.run(
            [program("millrace-replay"), "--milter", self.null, "--trace", self.trace, "--speed=max", *options],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def test_a_comparison_of_nothing_is_no_success(self):
        self.assertEqual(self.play().returncode, 0)
        for option in ("--diff", "--expect-same"):
            done = self.play(option)
            self.assertEqual(done.returncode, 1, option)
            self.assertIn("no verdict was compared", done.stderr)

    def test_a_report_that_cannot_be_written_is_told_before_the_run(self):
        for option in ("--json", "--html"):
            done = self.play(f"{option}={self.folder}/missing/report")
            self.assertEqual(done.returncode, 73, option)
            self.assertIn("missing/report: cannot be made", done.stderr)
            self.assertEqual(done.stdout, "", "nothing was played")

    def test_a_report_that_fails_at_the_end_does_not_take_the_other_one_along(self):
        page = self.folder / "page.html"
        done = self.play("--json=/dev/full", f"--html={page}")
        self.assertEqual(done.returncode, 73)
        self.assertIn("/dev/full: cannot be written", done.stderr)
        self.assertIn("</html>", page.read_text())

    def test_a_quiet_run_says_what_failed(self):
        nobody = self.folder / "nobody.sock"
        command = [program("millrace-replay"), "--milter", nobody, "--trace", self.trace, "--speed=max"]
        for option in ("--quiet", "--json=-"):
            done = subprocess.run([*command, option], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 1, option)
            self.assertIn("ENOENT", done.stderr, option)
        done = self.play("--quiet")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_session_that_is_not_in_the_trace_is_told(self):
        done = self.play("--only", "1,4711")
        self.assertEqual(done.returncode, 66)
        self.assertIn("no session 4711 in it", done.stderr)

    def test_messages_that_are_given_up_are_no_success(self):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(self.folder / "silent.sock"))
            silent.listen()
            silent.settimeout(PATIENCE_S)
            child = subprocess.Popen(
                [program("millrace-replay"), "--milter", self.folder / "silent.sock", "--trace", self.trace, "--speed=max"],
                stdout=subprocess.PIPE,
                text=True,
            )
            self.addCleanup(child.kill)
            with silent.accept()[0] as session:
                session.settimeout(PATIENCE_S)
                self.assertTrue(session.recv(1), "it has begun")
                child.send_signal(signal.SIGINT)
                child.send_signal(signal.SIGTERM)
                said, _ = child.communicate(timeout=PATIENCE_S)
        self.assertEqual(child.returncode, 1)
        self.assertIn(" in-flight=", said)


if __name__ == "__main__":
    unittest.main()
