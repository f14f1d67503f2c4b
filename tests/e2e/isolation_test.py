"""A message never touches another's: whatever a scanner keeps, replaces or reads late.

Each test has a daemon of its own, so that spool slots are reused as far as the daemon reuses them.
"""

import os
import threading
import unittest

from milter_peer import message_steps, transaction_steps
from processes import wait_until
from scanner import CLOSE, HANG, Request, reply
from scripted import Hold, Pair, contains, only_millrace
from stack import stack

FIRST, SECOND = b"body-of-the-first-message", b"body-of-the-second-message"


def steps_of(body):
    return message_steps(body=body.decode() + "\r\n")


class ScannerKeepsFilesTest(unittest.TestCase):
    """What the scanner does to the first message shows in no way in the second."""

    def play_both(self, label, with_first, flags=()):
        """`with_first(request)` acts on the first message; returns the request of the second."""
        pair = Pair(label, flags)
        self.addCleanup(pair.end)
        pair.scanner.answer = with_first
        with pair.peer() as peer:
            peer.play(steps_of(FIRST))
        pair.answer(reply())
        with pair.peer() as peer:
            self.assertEqual(peer.play(steps_of(SECOND))[-1].verdict, ("continue",))
        (second,) = pair.scanner.requests
        self.assertIn(SECOND, second.email)
        self.assertNotIn(FIRST, second.email)
        self.assertTrue(second.email.endswith(SECOND + b"\n"))
        return second

    def test_hard_link_kept_outside_keeps_the_first_message(self):
        kept = stack().lab.directory("kept") / "link"

        def link(request):
            os.link(request.value("mail_file"), kept)
            return [reply()]

        self.play_both("keeps-link", link)
        self.assertNotIn(SECOND, kept.read_bytes())

    def test_file_kept_open_never_shows_the_second_message(self):
        opened = []

        def keep_open(request):
            opened.append(open(request.value("mail_file"), "rb"))
            return [reply()]

        self.play_both("keeps-open", keep_open)
        with opened[0] as file:
            self.assertNotIn(SECOND, file.read())

    def test_replaced_message_file_is_not_written_to(self):
        other = stack().lab.directory("kept") / "replacement"
        other.write_bytes(b"something else")
        os.chmod(other, 0o666)

        def replace(request):
            os.unlink(request.value("mail_file"))
            os.symlink(other, request.value("mail_file"))
            return [reply()]

        self.play_both("replaces", replace)
        self.assertEqual(other.read_bytes(), b"something else")

    def test_shorter_message_has_nothing_of_a_longer_one(self):
        pair = Pair("shorter")
        self.addCleanup(pair.end)
        for body in (FIRST * 10000, SECOND):
            pair.answer(reply())
            with pair.peer() as peer:
                peer.play(steps_of(body))
        self.assertTrue(pair.scanner.requests[0].email.endswith(b"\n\n" + SECOND + b"\n"))
        self.assertNotIn(FIRST, pair.scanner.requests[0].email)


class LateScannerTest(unittest.TestCase):
    """A scanner that reads after we have given up finds its own message or nothing."""

    def read_late(self, label, give_up, flags=()):
        """Plays the first message until `give_up(pair)` returns; then others; then reads again."""
        pair = Pair(label, flags)
        self.addCleanup(pair.end)
        first, answered = [], threading.Event()

        def answer(request):
            if FIRST in request.email:
                first.append(request)
                answered.wait(60)
                return [CLOSE]
            return [reply()]

        pair.scanner.answer = answer
        try:
            give_up(pair)
            for _ in range(3):
                with pair.peer() as peer:
                    self.assertEqual(peer.play(steps_of(SECOND))[-1].verdict, ("continue",))
            with pair.peer() as peer:
                peer.play(steps_of(SECOND)[:-3])  # a message that is being written right now
                late = Request.parse(first[0].raw)
                self.assertNotIn(SECOND, late.email)
        finally:
            answered.set()

    def test_after_our_timeout(self):
        def give_up(pair):
            with pair.peer() as peer:
                self.assertEqual(peer.play(steps_of(FIRST))[-1].verdict[1][:3], "451")

        self.read_late("late-timeout", give_up, ("-T", "1"))

    def test_after_a_lost_connection(self):
        def give_up(pair):
            with pair.peer() as peer:
                steps = steps_of(FIRST)
                peer.play(steps[:-3])
                peer.begin_end_of_message(steps[-3])
                wait_until(lambda: pair.scanner.requests, "the scan to begin")

        self.read_late("late-lost", give_up)


class WaitForScannerTest(unittest.TestCase):
    """-m: no more scans at once than allowed, whatever the clients do; -M: no longer wait."""

    def test_no_more_scans_than_allowed_while_clients_leave(self):
        pair = Pair("limit", ("-m", "4"))
        self.addCleanup(pair.end)
        lock, release = threading.Lock(), threading.Semaphore(0)
        now, most, begun = [0], [0], threading.Semaphore(0)

        def answer(_):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            begun.release()
            release.acquire(timeout=60)
            with lock:
                now[0] -= 1
            return [reply()]

        pair.scanner.answer = answer
        peers = [pair.peer() for _ in range(16)]
        for peer in peers:
            steps = steps_of(FIRST)
            peer.play(steps[:-3])
            peer.begin_end_of_message(steps[-3])
        for _ in range(4):
            self.assertTrue(begun.acquire(timeout=60))
        for peer in peers[::2]:
            peer.close()  # half of the clients leave, some of them in mid-scan
        for _ in peers:
            release.release()
        verdicts = [peer.finish_end_of_message().verdict for peer in peers[1::2]]
        for peer in peers:
            peer.close()
        self.assertEqual(verdicts, [("continue",)] * 8)
        self.assertLessEqual(most[0], 4)

    def test_message_that_waits_too_long_is_a_temporary_failure(self):
        pair = Pair("wait", ("-m", "1", "-M", "1"))
        self.addCleanup(pair.end)
        held = Hold(pair)
        held.wait_for_scan()
        with pair.peer() as peer:
            verdict = peer.play(message_steps())[-1].verdict
        held.finish()
        self.assertEqual(held.outcome.verdict, ("continue",))
        incumbent = "451 4.6.0 Content scanner malfunction"
        self.assertTrue(
            verdict[1].startswith(incumbent if stack().is_incumbent else "451 4.3.2 "), verdict
        )

    def test_slot_is_given_back_after_a_failure(self):
        pair = Pair("slot-back", ("-m", "1", "-M", "5", "-T", "1"))
        self.addCleanup(pair.end)
        for actions in ([CLOSE], [reply()], [b"garbage\r\n\r\n", CLOSE], [reply()]):
            pair.answer(*actions)
            with pair.peer() as peer:
                outcome = peer.play(message_steps())[-1]
            self.assertEqual(len(pair.scanner.requests), 1)
        self.assertEqual(outcome.verdict, ("continue",))


class AbortTest(unittest.TestCase):
    def test_message_that_is_dropped_leaves_the_spool(self):
        pair = Pair("dropped")
        self.addCleanup(pair.end)
        pair.answer(reply())
        steps = steps_of(FIRST * 1000)
        with pair.peer() as peer:
            peer.play(steps[:-3])
            peer.play([{"op": "abort"}])
            peer.play(transaction_steps(["<bob@lab.test>"], "x\r\n", [("Subject", " y")]))
            self.assertEqual(peer.outcomes[-1].verdict, ("continue",))
            self.assertNotIn(FIRST, pair.scanner.requests[-1].email)
        wait_until(lambda: not contains(pair.daemon.work_dir, FIRST), "the spool to be clean", 30)

    @only_millrace("leaves the message unanswered")
    def test_hanging_scan_is_given_up_when_the_daemon_ends(self):
        pair = Pair("hang-end")
        self.addCleanup(pair.end)
        pair.answer(HANG)
        peer = pair.peer()
        self.addCleanup(peer.close)
        steps = steps_of(FIRST)
        peer.play(steps[:-3])
        peer.begin_end_of_message(steps[-3])
        wait_until(lambda: pair.scanner.requests, "the scan to begin")
        pair.daemon.terminate()
        self.assertEqual(peer.finish_end_of_message().verdict[1][:3], "451")
        self.assertEqual(pair.daemon.wait(10), 0)
