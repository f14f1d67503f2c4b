"""Many sessions at once: messages in flight beyond 1024 descriptors, and idle sessions."""

import resource
import threading
import unittest

from milter_peer import message_steps
from scanner import reply
from scripted import Pair, only_millrace

IN_FLIGHT = 1200
IDLE = 10000


def idle_sessions():
    """As many of IDLE as the limit of open files allows: the daemon keeps descriptors for more than
    sessions.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return IDLE if hard == resource.RLIM_INFINITY else min(IDLE, hard // 2)


class CapacityTest(unittest.TestCase):
    @only_millrace("uses select(): descriptors from 1024 on fail")
    def test_1200_messages_in_the_scanner_at_once_all_get_their_verdict(self):
        pair = Pair("capacity")
        self.addCleanup(pair.end)
        release, arrived = threading.Event(), threading.Semaphore(0)

        def hold(_):
            arrived.release()
            release.wait(120)
            return [reply()]

        pair.scanner.answer = hold
        peers = []
        try:
            for _ in range(IN_FLIGHT):
                peer = pair.peer()
                peers.append(peer)
                steps = message_steps()
                peer.play(steps[:-3])
                peer.begin_end_of_message(steps[-3])
            for _ in peers:
                self.assertTrue(arrived.acquire(timeout=120), "not all reached the scanner")
            release.set()
            verdicts = [peer.finish_end_of_message().verdict for peer in peers]
        finally:
            release.set()
            for peer in peers:
                peer.close()
        self.assertEqual(verdicts, [("continue",)] * IN_FLIGHT)

    @only_millrace(
        "uses select(): with so many sessions its scanner socket is beyond 1023 and fails"
    )
    def test_idle_sessions_stay_connected_and_are_served(self):
        pair = Pair("idle")
        self.addCleanup(pair.end)
        pair.answer(reply())
        peers = []
        try:
            for _ in range(idle_sessions()):
                peer = pair.peer()
                peers.append(peer)
                peer.play(message_steps()[:2])
                peer.flush()
            steps = message_steps()
            for peer in peers[:: len(peers) // 10]:
                self.assertEqual(peer.play(steps[2:-2])[-1].verdict, ("continue",))
            for peer in peers:
                begun = peer.play(steps[2:5] + [{"op": "abort"}])  # DATA is answered
                self.assertEqual([outcome for outcome in begun if outcome.at != "eom"], [])
                peer.play([{"op": "quit"}])
                self.assertTrue(peer.ended_by_filter)
        finally:
            for peer in peers:
                peer.close()
