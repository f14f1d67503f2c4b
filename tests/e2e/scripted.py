"""What the tests with an emulated mail server and a scripted scanner share.

`ScriptedTest.play` plays one message (or given steps) to a daemon whose scanner gives the answer
that the test writes. One daemon for each set of flags serves all tests of a run.

Where millrace is better on purpose, a test names both expectations with `self.expected(millrace=,
incumbent=)`, or is marked `only_millrace(what the incumbent does)` when the incumbent's way cannot
be waited for (it does not answer, crashes, or leaves things behind); such tests are not part of a
run on the incumbent.
"""

import os
import threading
import unittest
from pathlib import Path

from milter_peer import MilterPeer, message_steps
from scanner import Scanner, reply
from stack import DEAD_SOCKET, stack

MALFUNCTION = ("reply", "451 4.6.0 Content scanner malfunction")


def only_millrace(what_the_incumbent_does):
    """Marks a test that the incumbent cannot be measured by; the runner leaves it out for the
    incumbent.
    """
    assert what_the_incumbent_does

    def mark(test):
        test.only_millrace = True
        return test

    return mark


class Pair:
    """A daemon of its own and the scanner behind it; `end` when a test is through with it."""

    def __init__(self, label, flags=(), scanner_stopped=False):
        lab = stack().lab
        self.scanner = None if scanner_stopped else Scanner(lab, label)
        self.daemon = stack().daemon_class(
            lab,
            label,
            DEAD_SOCKET if scanner_stopped else self.scanner.path,
            lab.directory("work") / label,
            flags,
        )

    def end(self):
        """Asks the daemon to end, so that not all of a run's daemons are there at once."""
        self.daemon.terminate()

    def answer(self, *actions):
        self.scanner.requests.clear()
        self.scanner.answer = lambda request: actions

    def peer(self, mail_server="postfix", **offer):
        return MilterPeer(self.daemon.connect(), mail_server, **offer)


_pairs = {}


def pair(flags=(), scanner_stopped=False):
    """The shared pair for these flags."""
    key = (tuple(flags), scanner_stopped)
    if key not in _pairs:
        _pairs[key] = Pair(f"scripted-{len(_pairs)}", flags, scanner_stopped)
    return _pairs[key]


class ScriptedTest(unittest.TestCase):
    maxDiff = None

    def expected(self, millrace, incumbent):
        return incumbent if stack().is_incumbent else millrace

    def play(self, *actions, flags=(), steps=None, **message):
        """Plays one session with one message; the scanner carries out `actions`.

        Returns the outcome of its last message; the scanner's requests are in `self.requests`.
        """
        used = pair(flags)
        used.answer(*(actions or [reply()]))
        with used.peer() as peer:
            outcomes = peer.play(steps or message_steps(**message))
            self.negotiated = peer.negotiated
        self.requests = used.scanner.requests
        return outcomes[-1]

    def spooled(self):
        """The spooled message of the only request, after the synthesized Received field."""
        self.assertEqual(len(self.requests), 1)
        email = self.requests[0].email
        self.assertTrue(email.startswith(b"Received: from "), email[:200])
        lines = email.split(b"\n")
        end = next(at for at, text in enumerate(lines[1:], 1) if not text.startswith(b"\t"))
        return b"\n".join(lines[end:])

    def received(self):
        """The synthesized Received field, without its last line end."""
        return self.requests[0].email[: -len(self.spooled()) - 1]


class Hold:
    """A message that is inside the scanner until `finish`; `outcome` is its answer then."""

    def __init__(self, pair, body="hello\r\n"):
        self._arrived, self._release = threading.Event(), threading.Event()
        self.outcome = None

        def answer(_):
            self._arrived.set()
            self._release.wait(60)
            return [reply()]

        pair.scanner.answer = answer
        self._peer = pair.peer()
        self._thread = threading.Thread(target=self._play, args=(body,), daemon=True)
        self._thread.start()

    def _play(self, body):
        try:
            self.outcome = self._peer.play(message_steps(body=body)[:-2])[-1]
        except (ConnectionError, OSError):
            pass  # the daemon was killed

    def wait_for_scan(self):
        assert self._arrived.wait(60)

    def wait_for_answer(self):
        self._thread.join(60)
        assert not self._thread.is_alive()

    def finish(self):
        self._release.set()
        self.wait_for_answer()
        self._peer.close()


def files_below(folder):
    """Folders may vanish meanwhile; os.walk() goes on where Path.rglob() would raise."""
    return [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]


def contains(folder, marker):
    """Whether a file below the folder holds the octets (files may vanish meanwhile)."""
    for path in files_below(folder):
        try:
            if marker in path.read_bytes():
                return True
        except FileNotFoundError:
            continue
    return False
