"""A scanner in another network namespace: another host with a shared file system, as far as it goes."""

import os
import unittest

from daemon import Millrace
from milter_peer import MilterPeer, message_steps
from netns import NetworkNamespace, needs_netns
from processes import wait_until
from scanner import Scanner, reply
from scripted import only_millrace
from stack import stack


def remote_scanner(test, label):
    """A scanner that answers "continue" from a namespace of its own; and that namespace."""
    lab = stack().lab
    namespace = NetworkNamespace(label)
    lab.on_close(namespace.close)
    test.addCleanup(namespace.close)
    return namespace.make(
        lambda: Scanner(lab, label, lambda _: [reply()], tcp=namespace.there)
    ), namespace


class RemoteScannerTest(unittest.TestCase):
    @needs_netns
    @only_millrace("knows no TCP scanner")
    def test_a_scanner_in_another_network_namespace_reads_the_shared_files(self):
        scanner, namespace = remote_scanner(self, "remote")
        lab = stack().lab
        daemon = Millrace(
            lab, "remote", f"inet:{scanner.port}@{namespace.there}", lab.directory("work") / "remote"
        )
        self.addCleanup(daemon.terminate)
        for number in range(5):
            with MilterPeer(daemon.connect()) as peer:
                steps = message_steps(body=f"message {number}\r\n")
                self.assertEqual(peer.play(steps)[-1].verdict, ("continue",))
        bodies = [request.email.rpartition(b"\n\n")[2] for request in scanner.requests]
        self.assertEqual(bodies, [b"message %d\n" % number for number in range(5)])
        # Another host may cache what it has read: each message has a file of its own.
        paths = {request.value("mail_file") for request in scanner.requests}
        self.assertEqual(len(paths), 5)
        wait_until(
            lambda: not any(os.path.exists(path) for path in paths), "the files to be removed"
        )
