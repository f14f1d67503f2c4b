"""A spool on a disk that stalls: what is answered meanwhile, and that nothing is lost.

The disk is a loop device's file system, frozen as fsfreeze(8) does it, or throttled so that the
kernel holds up whoever writes. Which shard is caught in a file call is not up to the test: it
looks at what each session is told. With `--spool-writes=async` nobody is caught, with `inline`
everybody who gets that far: the tests expect what the run's mode promises.
"""

import threading
import unittest

from daemon import USER, Millrace
from loop_disk import LoopDisk, needs_loop_disk
from milter_peer import MilterPeer, message_steps
from processes import HarnessError, wait_until
from scanner import Scanner
from scripted import files_below, only_millrace
from sendmail import Sendmail
from smtp_client import SmtpClient, message
from stack import stack

INLINE_ONLY = "writes in the session's own thread, which waits as long as the disk"
ONSET = "spool disk stalls"
CLEARED = "spool disk is good again"
LATER = r"^45[12] 4\.3\.[012] "
SLOW_BYTES_PER_S = 1 << 20
MORE_THAN_SPARE_SLOTS = 24  # of two shards, with those that were used before


class Session:
    """A milter session that plays one message after the other, each with a marker of its own;
    `outcomes` is (marker, verdict) of each.
    """

    def __init__(self, test, name, body_bytes=2000):
        self.name, self.outcomes = name, []
        self._body_bytes = body_bytes
        self._peer = MilterPeer(test.daemon.connect())
        test.addCleanup(self._peer.close)

    def play(self):
        marker = f"{self.name}-{len(self.outcomes)}"
        body = f"{marker}\r\n" + ("x" * 70 + "\r\n") * (self._body_bytes // 72)
        steps = message_steps(body=body)[:-1]
        if self.outcomes:
            steps = [step for step in steps if step["op"] not in ("connect", "helo")]
        self.outcomes.append((marker, self._peer.play(steps)[-1].verdict))
        return self.outcomes[-1][1]


class Sending(threading.Thread):
    """Plays `count` messages of a session (None: until `end`); `error` is what ended it before."""

    def __init__(self, session, count=None):
        super().__init__(daemon=True)
        self.session, self.error = session, None
        self._left, self._ending = count, threading.Event()
        self.start()

    def run(self):
        try:
            while self._left != 0 and not self._ending.is_set():
                self.session.play()
                self._left = self._left and self._left - 1
        except (OSError, AssertionError) as error:
            self.error = error

    def end(self):
        self._ending.set()
        self.join(120)
        assert not self.is_alive(), f"{self.session.name} is still waiting"
        if self.error:
            raise self.error


class StallTest(unittest.TestCase):
    def setUp(self):
        lab = stack().lab
        label = f"stall-{self._testMethodName[-12:]}"
        # The lab's own folder may be on tmpfs.
        self.disk = LoopDisk(lab.directory(label), USER)
        self.addCleanup(self.disk.close)
        lab.on_close(self.disk.close)
        self.scanner = Scanner(lab, label)
        self.daemon = stack().daemon_class(
            lab,
            label,
            self.scanner.path,
            self.disk.mount / "work",
            ["--shards=2"],
        )
        self.writes = Millrace.spool_writes()
        self.addCleanup(self.daemon.stop)
        self.addCleanup(self.disk.thaw)

    def await_messages(self, sendings, more):
        before = [len(sending.session.outcomes) for sending in sendings]
        wait_until(
            lambda: all(
                len(sending.session.outcomes) >= count + more or sending.error
                for sending, count in zip(sendings, before)
            ),
            "sessions to go on",
        )

    def await_log(self, text, times=1):
        wait_until(lambda: self.daemon.log.count(text) >= times, f"the log line: {text}")

    def await_change(self, text):
        """The governor's line, where there is a governor."""
        if self.writes == "auto":
            self.await_log(text)

    def await_refusals(self, sessions, sendings):
        """Those whose shard is free are told that there is no room now."""
        if self.writes == "inline":
            return  # every shard is caught, or will be
        # Some may find a slot at hand; then their end of message waits, as mail servers do.
        wait_until(
            lambda: sum(not sending.is_alive() for sending in sendings) >= 2,
            "sessions to be told that there is no room now",
        )
        for session in sessions:
            for marker, verdict in session.outcomes:
                self.assertEqual(verdict[0], "reply", marker)
                self.assertRegex(verdict[1], LATER)

    def check(self, sessions):
        """Each message was scanned whole, or refused for now."""
        scanned = b"".join(request.email for request in self.scanner.requests)
        for session in sessions:
            for marker, verdict in session.outcomes:
                if verdict == ("continue",):
                    self.assertIn(f"{marker}\n".encode(), scanned)
                else:
                    self.assertEqual(verdict[0], "reply", marker)
                    self.assertRegex(verdict[1], LATER, marker)
        self.assertTrue(self.daemon.is_running())

    @needs_loop_disk
    @only_millrace(INLINE_ONLY)
    def test_a_frozen_disk_holds_the_shard_in_a_call_alone_and_loses_nothing(self):
        before = [Session(self, f"before{number}") for number in range(4)]
        for session in before:
            self.assertEqual(session.play(), ("continue",))
        self.disk.freeze()
        caught = Sending(Session(self, "caught"), 1)
        self.await_change(ONSET)
        # The shard that is caught accepts nobody: these are served by the other. Asynchronous, none
        # is, and there are slots made ahead.
        count = {"auto": 3, "async": MORE_THAN_SPARE_SLOTS, "inline": 0}[self.writes]
        free = [Session(self, f"free{number}") for number in range(count)]
        waiting = [Sending(session, 1) for session in free]
        self.await_refusals(free, waiting)
        if self.writes != "async":
            self.assertTrue(caught.is_alive(), "nothing ends on a frozen disk")
        self.disk.thaw()
        for sending in waiting:
            sending.end()
        caught.end()
        if self.writes != "async":
            self.assertEqual(caught.session.outcomes[0][1], ("continue",))
        for session in [*before, *free, caught.session]:
            self.assertEqual(session.play(), ("continue",), session.name)
        self.check([*before, *free, caught.session])
        self.await_change(CLEARED)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(files_below(self.daemon.work_dir), [])

    @needs_loop_disk
    @only_millrace(INLINE_ONLY)
    def test_a_throttled_disk_does_not_stop_small_mail(self):
        if not self.disk.can_be_slow():
            raise HarnessError("this kernel has no blkio throttle for the loop device")
        small = [Sending(Session(self, f"small{number}")) for number in range(4)]
        self.await_messages(small, 2)
        self.disk.slow(SLOW_BYTES_PER_S)
        large = [
            Sending(Session(self, f"large{number}", body_bytes=4 << 20)) for number in range(3)
        ]
        self.await_change(ONSET)
        self.await_messages(small, 3)
        self.disk.fast()
        self.await_messages(large, 1)
        for sending in small + large:
            sending.end()
        self.check([sending.session for sending in small + large])
        self.await_change(CLEARED)
        self.assertEqual(self.daemon.stop(), 0)

    @needs_loop_disk
    @only_millrace(INLINE_ONLY)
    def test_sendmail_keeps_its_sessions_over_a_freeze(self):
        sendmail = Sendmail(
            stack().lab,
            stack().cache,
            self.daemon.milter_socket,
            stack().sink.port,
            "sendmail-stall",
            timeouts="",
        )
        clients = [SmtpClient(sendmail.port) for _ in range(4)]
        sent = [message(f"before {number}") for number in range(4)]
        for client, one in zip(clients, sent):
            self.assertEqual(client.deliver(one).code, 250)
        self.disk.freeze()
        replies = {}
        frozen = [message(f"frozen {number}") for number in range(4)]

        def deliver(number):
            replies[number] = clients[number].deliver(frozen[number])

        threads = [threading.Thread(target=deliver, args=(n,), daemon=True) for n in range(4)]
        for thread in threads:
            thread.start()
        self.await_change(ONSET)
        try:
            # Less than the 10 s that Sendmail waits for a reply: those of the caught shard wait too.
            wait_until(lambda: replies, "a session of the other shard to be answered", 6)
        except HarnessError:
            pass  # all four were on one shard
        self.disk.thaw()
        for thread in threads:
            thread.join(120)
        last = [message(f"after {number}") for number in range(4)]
        for number, client in enumerate(clients):
            self.assertIn(replies[number].code, (250, 451), replies[number])
            if replies[number].code != 250:
                client.command("RSET")  # refused at DATA, the envelope is still there
            self.assertEqual(client.deliver(last[number]).code, 250)
            client.close()
        accepted = sent + last + [frozen[n] for n in range(4) if replies[n].code == 250]
        scanned = b"".join(request.email for request in self.scanner.requests)
        for one in accepted:
            stack().sink.wait_for(one.message_id)
            self.assertIn(one.message_id.encode(), scanned)
