"""The daemon under test beside the incumbent: every recorded transaction is played to both.

Both get the same steps from the same emulated mail server and the same scanner's replies.
Requests, spooled octets and replies have to be equal but for the differences of `differences.py`,
which are named and justified there. The incumbent itself is held to what was recorded, so that a
mistake of the emulation shows.
"""

import re
import unittest

import daemon
import differences
import milter_peer
from milter_peer import MilterPeer
from scanner import CLOSE, Request, Scanner
from stack import DEAD_SOCKET, stack

# The line of the synthesized Received field that holds the time of day (the queue id stays).
DATE = re.compile(rb"\n\t\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [^\n]*\n\t\(envelope-from")


def without_date(email):
    head, empty, rest = email.partition(b"\n\n")
    return DATE.sub(b"\n\tDATE\n\t(envelope-from", head, 1) + empty + rest


class Played:
    """What a daemon made of a transaction: for every message the request, the spool and the
    effects.
    """

    def __init__(self, requests, emails, outcomes):
        self.requests = requests
        self.emails = emails
        self.outcomes = outcomes


def comparable(request):
    """The request's attributes without the path of its directory, which each daemon chooses
    itself.
    """
    folder = request.value("tempdir")
    assert request.value("mail_file") == f"{folder}/email.txt", request.attributes
    return [
        (name, value) for name, value in request.attributes if name not in ("tempdir", "mail_file")
    ]


class Bench:
    """Running daemons of one class, one for each set of flags, each with a scanner of its own."""

    def __init__(self, daemon_class):
        self._class = daemon_class
        self._pairs = {}

    def pair(self, flags, stopped):
        key = (*flags, stopped)
        if key not in self._pairs:
            lab = stack().lab
            label = f"{self._class.name}-side-{len(self._pairs)}"
            scanner = None if stopped else Scanner(lab, label)
            self._pairs[key] = scanner, self._class(
                lab,
                label,
                DEAD_SOCKET if stopped else scanner.path,
                lab.directory("side", 0o755) / label,
                flags,
            )
        return self._pairs[key]

    def play(self, transaction):
        """Plays all sessions; the scanner gives the recorded replies in their order."""
        scanner, running = self.pair(transaction["flags"], transaction["scanner_stopped"])
        replies = [scan["reply"].encode("latin-1") for scan in transaction["scans"]]
        if scanner:
            scanner.requests.clear()
            scanner.answer = lambda request: [replies.pop(0), CLOSE]
        outcomes = []
        for steps in transaction["sessions"]:
            with MilterPeer(running.connect(), transaction["mail_server"]) as peer:
                outcomes += peer.play(steps)
        requests = list(scanner.requests) if scanner else []
        return Played(
            [comparable(request) for request in requests],
            [without_date(request.email) for request in requests],
            [outcome.effects for outcome in outcomes],
        )


class SideBySideTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.incumbent = Bench(daemon.Incumbent)
        cls.tested = Bench(stack().daemon_class) if not stack().is_incumbent else cls.incumbent

    def compare(self, name):
        transaction = milter_peer.load(name)
        incumbent = self.incumbent.play(transaction)
        ours = self.tested.play(transaction)
        if not stack().is_incumbent:
            differences.apply(transaction, incumbent)
            differences.drop_additions(ours)
        self.assertEqual(ours.requests, incumbent.requests)
        self.assertEqual(ours.emails, incumbent.emails)
        self.assertEqual(ours.outcomes, incumbent.outcomes)

    def check_recorded(self, name):
        transaction = milter_peer.load(name)
        played = self.incumbent.play(transaction)
        self.assertEqual(
            played.requests,
            [
                comparable(Request.parse(scan["request"].encode("latin-1")))
                for scan in transaction["scans"]
            ],
        )
        self.assertEqual(
            played.emails,
            [without_date(milter_peer.octets(scan["email"])) for scan in transaction["scans"]],
        )
        self.assertEqual(
            played.outcomes,
            [differences.recorded_effects(packets) for packets in transaction["replies"]],
        )


def _add_tests():
    for name in milter_peer.names():
        words = re.sub(r"\W", "_", name)
        setattr(
            SideBySideTest,
            f"test_same_as_the_incumbent_{words}",
            lambda self, name=name: self.compare(name),
        )
        setattr(
            SideBySideTest,
            f"test_incumbent_does_what_was_recorded_{words}",
            lambda self, name=name: self.check_recorded(name),
        )


_add_tests()
