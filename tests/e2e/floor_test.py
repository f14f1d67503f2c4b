"""The floor of bench/compare beside millrace: what it leaves out must not show on the milter wire.

Both get the same messages and the same scanner's reply. A mail server has to send both the same
octets and to read the same packets from both, and the scanner has to find the same message (but for
the Received field, which the floor leaves out): else the ratio to the floor compares two jobs.
"""

import pathlib
import unittest

import daemon
from milter_peer import MilterPeer, message_steps, transaction_steps
from scanner import Scanner, line, reply
from scripted import only_millrace
from stack import stack

REPLY = reply(
    line("insheader", "0", "X-Spam-Status", "No, score=-1 required=6\n tests=[NONE]"),
    line("insheader", "0", "X-Spam-Level", ""),
    line("addheader", "X-Added", "last"),
    line("chgheader", "1", "Subject", "50% off"),
)
HEADERS = (
    ("Received", " from far.example.net\n\tby near.example.net; Sun, 22 Nov 2026 10:00:00 +0000"),
    ("Subject", "  two blanks before it"),
    ("X-Empty", ""),
)


class Floor(daemon.Daemon):
    name = "millrace-floor"
    newlines = "lf"

    @classmethod
    def program(cls):
        path = pathlib.Path(daemon.Millrace.program()).with_name("millrace-floor")
        if not path.exists():
            raise daemon.HarnessError(f"{path} does not exist: build it with MILLRACE_BENCH")
        return str(path)

    @classmethod
    def command_for(cls, milter_socket, milter_port, scanner, work_dir):
        return [
            cls.program(),
            f"--listen={milter_socket}",
            f"--scanner={scanner}",
            f"--work={work_dir}",
            f"--newlines={cls.newlines}",
        ]


class FloorCrlf(Floor):
    newlines = "crlf"


class MillraceCrlf(daemon.Millrace):
    """millrace as bench/compare measures it beside that floor."""

    @classmethod
    def own_flags(cls):
        return [*super().own_flags(), "--spool-newlines=crlf", "--scanner-kind=other"]


class TappedPeer(MilterPeer):
    """Keeps the octets of both directions."""

    def __init__(self, *arguments):
        self.sent, self.got = b"", []
        super().__init__(*arguments)

    def flush(self):
        self.sent += bytes(self._out)
        super().flush()

    def read(self):
        self.got.append(super().read())
        return self.got[-1]


class Played:
    """One session with one daemon: what was sent, what was read, what the scanner found."""

    _running = {}  # one of each kind serves all tests

    def __init__(self, kind, steps, mail_server):
        if kind not in self._running:
            lab, label = stack().lab, f"floor-{kind.__name__}"
            scanner = Scanner(lab, label, lambda request: [REPLY])
            work = lab.directory("work") / label
            self._running[kind] = scanner, kind(lab, label, scanner.path, work)
        scanner, target = self._running[kind]
        scanner.requests.clear()
        with TappedPeer(target.connect(), mail_server) as peer:
            peer.play(steps)
            self.sent, self.got = peer.sent, peer.got
        self.emails = [request.email for request in scanner.requests]


def without_our_received(email, line_end):
    """The message after its first field."""
    lines = email.split(line_end)
    return line_end.join(
        lines[next(at for at, text in enumerate(lines[1:], 1) if text[:1] not in b"\t ") :]
    )


class FloorTest(unittest.TestCase):
    def check(self, steps, mail_server="postfix"):
        self.check_pair(daemon.Millrace, Floor, b"\n", steps, mail_server)
        self.check_pair(MillraceCrlf, FloorCrlf, b"\r\n", steps, mail_server)

    def check_pair(self, millrace, its_floor, line_end, steps, mail_server):
        ours = Played(millrace, steps, mail_server)
        floor = Played(its_floor, steps, mail_server)
        self.assertEqual(ours.sent, floor.sent)
        self.assertEqual(ours.got, floor.got)
        emails = [without_our_received(email, line_end) for email in ours.emails]
        self.assertEqual(emails, floor.emails)
        self.assertGreater(len(floor.emails), 0)

    @only_millrace("is no part of this comparison")
    def test_a_message_as_postfix(self):
        self.check(message_steps(headers=HEADERS, body="one\r\n\r\n.two\r\nno line end"))

    @only_millrace("is no part of this comparison")
    def test_a_message_as_sendmail(self):
        self.check(message_steps(headers=HEADERS, body="one\r\n"), "sendmail")

    @only_millrace("is no part of this comparison")
    def test_several_messages_of_falling_length_in_a_session(self):
        steps = message_steps(headers=HEADERS, body="long line\r\n" * 3000)
        for count in (300, 3, 0):
            steps[-1:-1] = [*transaction_steps(["<bob@lab.test>"], "short\r\n" * count, HEADERS)]
            steps[-1:-1] = [{"op": "abort"}]
        self.check(steps)

    @only_millrace("is no part of this comparison")
    def test_lone_carriage_returns_at_and_around_the_ends_of_packets(self):
        for body in ("\r", "a\r", "\r\r\n\r", "a\rb\r\r\nc\n\r\r\r\n" * 50):
            for chunk in (1, 2, 3, 65535):
                with self.subTest(body=body[:20], chunk=chunk):
                    steps = message_steps(headers=HEADERS, body=body)
                    next(step for step in steps if step["op"] == "body")["chunk"] = chunk
                    self.check(steps)

    @only_millrace("is no part of this comparison")
    def test_a_body_of_several_receives(self):
        self.check(message_steps(headers=HEADERS, body="0123456789 and so on\r\n" * 60_000))

    @only_millrace("is no part of this comparison")
    def test_crlf_keeps_the_body_as_it_came(self):
        body = "one\r\ntwo\rthree\n\r\n"
        floor = Played(FloorCrlf, message_steps(headers=HEADERS, body=body), "postfix")
        self.assertTrue(floor.emails[0].endswith(b"\r\n\r\n" + body.encode()))
