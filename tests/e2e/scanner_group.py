"""A millrace of several scanners under load: scanners that can be killed and stopped, sessions that
play messages without end, and what the log tells of breakers.
"""

import os
import pathlib
import re
import signal
import sys
import threading
import time
import unittest

from daemon import Millrace
from milter_peer import MilterPeer, message_steps
from processes import Child, can_connect, wait_until
from scanner import Scanner, reply
from stack import stack

CHANGE = re.compile(r"scanner breaker shard=\d+ scanner=(\S+) from=(\S+) to=(\S+)")
DRAWN = {
    ("closed", "open"),
    ("slow-start", "open"),
    ("slow-start", "closed"),
    ("open", "half-open"),
    ("open", "slow-start"),
    ("half-open", "slow-start"),
    ("half-open", "open"),
}


class ScannerProcess:
    """`scanner.py` in a process of its own on the Unix socket `path`, which can be killed and stopped
    as a process can; it answers "continue" after `delay_s`.
    """

    def __init__(self, lab, label, delay_s=0.05):
        self.lab, self.label, self.delay_s, self.starts = lab, label, delay_s, 0
        self.path = lab.directory("scanners") / f"{label}.sock"
        self.child = None
        self.start()
        lab.on_close(self.close)

    def start(self):
        self.starts += 1
        self.path.unlink(missing_ok=True)
        self.child = Child(
            f"scanner ({self.label})",
            [sys.executable, __file__, str(self.path), str(self.delay_s)],
            self.lab.directory("log") / f"{self.label}-{self.starts}.log",
            cwd=os.path.dirname(__file__),
        )
        wait_until(lambda: can_connect(self.path), f"the scanner {self.label} to listen")

    def kill(self):
        self.child.process.kill()
        self.child.process.wait()

    def send(self, number):
        self.child.process.send_signal(number)

    def close(self):
        if self.child.process.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()


class Load:
    """Sessions that play messages, one after the other, until `end`."""

    def __init__(self, daemon, sessions=8):
        self._daemon, self._ending = daemon, threading.Event()
        self.verdicts, self.errors = [], []
        self._threads = [
            threading.Thread(target=self._play, args=(number,), daemon=True)
            for number in range(sessions)
        ]
        for thread in self._threads:
            thread.start()

    def _play(self, number):
        try:
            with MilterPeer(self._daemon.connect()) as peer:
                count = 0
                while not self._ending.is_set():
                    steps = message_steps(
                        body=f"session {number}\r\n" * 50, macros={"i": f"4CC{number:03}X{count}"}
                    )[:-1]
                    if count:
                        steps = [step for step in steps if step["op"] not in ("connect", "helo")]
                    verdict = peer.play(steps)[-1].verdict
                    self.verdicts.append((time.monotonic(), verdict))
                    count += 1
        except (OSError, AssertionError) as error:
            self.errors.append(f"session {number}: {error!r}")

    def messages(self, more):
        """Waits for so many more messages."""
        until = len(self.verdicts) + more
        wait_until(
            lambda: self.errors or len(self.verdicts) >= until, f"{more} more messages of the load"
        )

    def failed(self):
        return sum(verdict != ("continue",) for _, verdict in self.verdicts)

    def end(self):
        """(accepted, others): how many, and the verdicts that are not "continue"."""
        self._ending.set()
        for thread in self._threads:
            thread.join(120)
        assert not self.errors, self.errors
        others = [verdict for _, verdict in self.verdicts if verdict != ("continue",)]
        return len(self.verdicts) - len(others), others


class GroupTest(unittest.TestCase):
    label = 0

    def daemon(self, scanners, extra="", flags=()):
        """A millrace of several scanners: (address, keys) of each."""
        lab = stack().lab
        GroupTest.label += 1
        label = f"group-{GroupTest.label}"
        config = lab.directory("config", 0o755) / f"{label}.toml"
        self.write(config, scanners, extra)
        daemon = Grouped(lab, label, config, lab.directory("work") / label, flags)
        daemon.config = config
        self.addCleanup(daemon.terminate)
        return daemon

    def write(self, config, scanners, extra=""):
        text = "".join(
            f'[[scanner]]\nsocket = "{address}"\n{keys}\n' for address, keys in scanners
        )
        config.write_text(text + extra)
        config.chmod(0o644)

    def reload(self, daemon, scanners, event="reloaded generation="):
        """With these scanners; waits for what the log tells of it."""
        self.write(daemon.config, scanners)
        before = daemon.log.count(event)
        os.kill(daemon.pid, signal.SIGHUP)
        wait_until(lambda: daemon.log.count(event) > before, f"'{event}' in the log")

    def changes(self, daemon):
        found = [match.groups() for match in CHANGE.finditer(daemon.log)]
        for _, before, after in found:
            self.assertIn((before, after), DRAWN)
        return found

    def wait_for(self, daemon, path, before, after):
        wanted = (f"unix:{path}", before, after)
        wait_until(lambda: wanted in self.changes(daemon), f"the breaker {wanted} in the log")


class Grouped(Millrace):
    """Its scanners are in a file: `scanner` is that file."""

    @classmethod
    def command_for(cls, milter_socket, milter_port, scanner, work_dir):
        command = super().command_for(milter_socket, milter_port, scanner, work_dir)
        at = command.index("-S")
        return [*command[:at], "--config", str(scanner), *command[at + 2 :]]


def serve(path, delay_s):
    """In the scanner's own process."""

    class Here:
        def directory(self, _):
            return pathlib.Path(path).parent

        def on_close(self, _):
            pass

    Scanner(Here(), os.path.basename(path)[: -len(".sock")], lambda _: [delay_s, reply()])
    signal.pause()


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))
