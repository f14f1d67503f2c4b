"""Bodies by splice(2) under --spool-newlines=crlf: the scanner reads the very octets that were sent.

Over Unix and TCP sockets, for sizes around every threshold on the way: a packet, a receive, a drain
of the pipe, a session's share of a turn, the pipe itself.
"""

import unittest

from daemon import Millrace
from milter_peer import MilterPeer, message_steps
from scanner import Scanner, reply
from scripted import only_millrace
from stack import stack

KIB = 1024
THRESHOLDS = (4 * KIB, 64 * KIB - 1, 256 * KIB, 512 * KIB, 1024 * KIB, 2048 * KIB)
FLAGS = ("--scanner-kind=other", "--spool-newlines=crlf")


def numbered(size):
    """Text with every kind of line end that shows any octet that is lost, doubled or moved."""
    ends = ("\r\n", "\n", "\r")
    return "".join(f"{at:>40}{ends[at % 3]}" for at in range(size // 41 + 1))[:size]


class SpliceTest(unittest.TestCase):
    def daemon(self, label, tcp, splice):
        lab = stack().lab
        scanner = Scanner(lab, label, lambda request: [reply()])
        port = lab.ports.take() if tcp else None
        # Asynchronous work splices nothing, and saying both is an error.
        writes = "auto" if Millrace.spool_writes() == "async" else Millrace.spool_writes()
        flags = (*FLAGS, f"--spool-splice={splice}", f"--spool-writes={writes}", "--shards=1")
        work = lab.directory("work") / label
        return scanner, Millrace(lab, label, scanner.path, work, flags, milter_port=port)

    def bodies_arrive(self, tcp, splice):
        scanner, target = self.daemon(f"splice-{splice}-{'tcp' if tcp else 'unix'}", tcp, splice)
        sizes = [threshold + more for threshold in THRESHOLDS for more in (-6, -5, -1, 0, 1, 5, 6)]
        for size in (0, 1, *sizes):
            scanner.requests.clear()
            body = numbered(size)
            with MilterPeer(target.connect()) as peer:
                verdict = peer.play(message_steps(body=body))[-1].verdict
            self.assertEqual(verdict, ("continue",), size)
            header, end, content = scanner.requests[0].email.partition(b"\r\n\r\n")
            self.assertTrue(end, size)
            self.assertEqual(content, body.encode(), f"{size} octets differ")
            self.assertNotIn(b"\n", header.replace(b"\r\n", b""))
            self.assertTrue(header.endswith(b"\r\nSubject: x"), header[-100:])
        self.assertEqual(target.stop(), 0)
        return target.log

    @only_millrace("knows no CRLF")
    def test_spliced_over_a_unix_socket(self):
        self.assertIn("bodies_spliced=", self.bodies_arrive(tcp=False, splice="on"))

    @only_millrace("knows no CRLF")
    def test_spliced_over_tcp(self):
        self.assertIn("bodies_spliced=", self.bodies_arrive(tcp=True, splice="on"))

    @only_millrace("knows no CRLF")
    def test_written_over_a_unix_socket(self):
        self.assertNotIn("bodies_spliced=", self.bodies_arrive(tcp=False, splice="off"))

    @only_millrace("knows no CRLF")
    def test_a_session_that_ends_inside_a_body_leaves_nothing_behind(self):
        scanner, target = self.daemon("splice-cut", tcp=False, splice="on")
        for _ in range(3):
            peer = MilterPeer(target.connect())
            steps = message_steps(body=numbered(3 * 1024 * KIB))
            peer.play([step for step in steps if step["op"] not in ("eom", "abort", "quit")])
            peer.flush()
            peer.close()
        with MilterPeer(target.connect()) as peer:
            self.assertEqual(peer.play(message_steps(body="next"))[-1].verdict, ("continue",))
        self.assertEqual(len(scanner.requests), 1)
        self.assertEqual(scanner.requests[0].email.partition(b"\r\n\r\n")[2], b"next")
        self.assertEqual(target.stop(), 0)
