"""Mail servers that speak oddly: every message still gets its answer, and nobody else is harmed."""

import struct

import milter_wire as wire
from milter_peer import message_steps, transaction_steps
from scanner import reply
from scripted import Pair, ScriptedTest, only_millrace, pair

SILENT = "does not answer, so the mail server runs into its timeout"


def begin(**extra):
    """CONNECT to HELO."""
    return message_steps(**extra)[:2]


class SessionTest(ScriptedTest):
    def setUp(self):
        self.pair = pair()
        self.pair.answer(reply())

    def peer(self, **arguments):
        peer = self.pair.peer(**arguments)
        self.addCleanup(peer.close)
        return peer

    def assert_serves_a_message(self, peer):
        outcomes = len(peer.outcomes)
        peer.play(transaction_steps(["<bob@lab.test>"], "hello\r\n", [("Subject", " x")]))
        self.assertEqual([outcome.verdict for outcome in peer.outcomes[outcomes:]], [("continue",)])

    def test_aborts_are_never_answered_and_the_session_goes_on(self):
        peer = self.peer()
        peer.play([*begin(), {"op": "abort"}, {"op": "abort"}])
        self.assert_serves_a_message(peer)
        peer.play([{"op": "abort"}, {"op": "abort"}])
        self.assert_serves_a_message(peer)

    def test_aborted_message_leaves_nothing_in_the_next(self):
        peer = self.peer()
        peer.play(begin())
        unfinished = transaction_steps(["<lost@lab.test>"], "lost\r\n", [("Subject", " lost")])[:-1]
        peer.play([*unfinished, {"op": "abort"}])
        self.assert_serves_a_message(peer)
        request = self.pair.scanner.requests[-1]
        self.assertEqual(request.values("recipient"), ["<bob@lab.test>"])
        self.assertNotIn(b"lost", request.email)
        self.assertEqual(len(self.pair.scanner.requests), 1)

    def test_new_MAIL_without_ABORT_begins_anew(self):
        peer = self.peer()
        peer.play(begin())
        peer.play(transaction_steps(["<lost@lab.test>"], "lost\r\n", [("Subject", " lost")])[:-1])
        self.assert_serves_a_message(peer)
        self.assertEqual(self.pair.scanner.requests[-1].values("recipient"), ["<bob@lab.test>"])

    def test_second_HELO_is_the_one_that_counts(self):
        peer = self.peer()
        peer.play([*begin(), {"op": "helo", "args": ["second.example.net"], "macros": {}}])
        self.assert_serves_a_message(peer)
        self.assertEqual(self.pair.scanner.requests[-1].value("helo_name"), "second.example.net")

    def test_no_filter_reply_comes_but_where_one_is_due(self):
        peer = self.peer(mail_server="sendmail")
        peer.play(message_steps())
        self.assertTrue(peer.ended_by_filter)

    def test_last_chunk_in_the_end_of_message_packet_is_part_of_the_body(self):
        peer = self.peer()
        steps = message_steps(body="first\r\n")
        steps = [dict(step, data="second\r\n") if step["op"] == "eom" else step for step in steps]
        self.assertEqual(peer.play(steps)[-1].verdict, ("continue",))
        self.assertTrue(self.pair.scanner.requests[-1].email.endswith(b"\n\nfirst\nsecond\n"))

    @only_millrace(SILENT)
    def test_second_DATA_is_answered(self):
        peer = self.peer()
        peer.play(begin())
        steps = transaction_steps(["<bob@lab.test>"], "hello\r\n", [("Subject", " x")])
        at = [step["op"] for step in steps].index("data")
        peer.play(steps[: at + 1])
        self.assertEqual(peer.play([steps[at], *steps[at + 1 :]])[-1].verdict, ("continue",))

    @only_millrace(SILENT)
    def test_unknown_command_in_a_message_is_answered_where_asked_for(self):
        peer = self.peer(protocol=0, version=3)
        peer.play(begin())
        steps = [
            step
            for step in transaction_steps(["<bob@lab.test>"], "hello\r\n", [("Subject", " x")])
            if step["op"] != "data"
        ]
        peer.play([*steps[:2], {"op": "unknown", "line": "FOO"}])
        self.assertEqual(peer.play(steps[2:])[-1].verdict, ("continue",))

    @only_millrace(SILENT)
    def test_end_of_message_without_a_message_is_answered(self):
        peer = self.peer()
        peer.play([*begin(), {"op": "eom", "macros": {}}])
        self.assertEqual(len(peer.outcomes), 1)
        self.assert_serves_a_message(peer)

    @only_millrace("answers nothing after QUIT_NC but right behind a verdict")
    def test_session_ended_with_QUIT_NC_can_be_begun_again_at_any_point(self):
        peer = self.peer()
        for _ in range(2):
            peer.play(begin())
            peer.send(wire.packet("K"))
        peer.play(begin(connect={"address": "192.0.2.77"}))
        self.assert_serves_a_message(peer)
        self.assertEqual(self.pair.scanner.requests[-1].value("client_address"), "192.0.2.77")


class HostileTest(ScriptedTest):
    """Each with a daemon of its own, which has to serve a message afterwards."""

    @classmethod
    def setUpClass(cls):
        cls.pair = Pair("hostile")
        cls.addClassCleanup(cls.pair.end)
        cls.pair.answer(reply())

    def tearDown(self):
        with self.pair.peer() as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))

    def assert_closed_after(self, octets, negotiate=True):
        if negotiate:
            peer = self.pair.peer()
            self.addCleanup(peer.close)
            peer.send(octets)
            self.assertTrue(peer.reads_end())
            return
        with self.pair.daemon.connect() as connection:
            connection.sendall(octets)
            with connection.makefile("rb") as file:
                try:
                    self.assertEqual(file.read(), b"")
                except ConnectionResetError:
                    pass  # closed with octets of ours unread

    def test_length_beyond_every_limit_closes(self):
        self.assert_closed_after(struct.pack("!I", 0x10000001) + b"B" + b"x" * 100)

    @only_millrace("takes the next octets for a command")
    def test_length_of_nothing_closes(self):
        self.assert_closed_after(struct.pack("!I", 0))

    def test_unknown_command_closes(self):
        self.assert_closed_after(wire.packet("z"))

    def test_something_else_than_a_mail_server_is_cut_off(self):
        self.assert_closed_after(b"GET / HTTP/1.0\r\n\r\n", negotiate=False)

    def test_version_below_2_closes(self):
        self.assert_closed_after(wire.offer(version=1), negotiate=False)

    def test_connection_that_ends_inside_a_packet_is_forgotten(self):
        peer = self.pair.peer()
        peer.play(message_steps()[:-3])
        peer.send(struct.pack("!I", 100) + b"B" + b"x" * 10)
        peer.flush()
        peer.close()

    @only_millrace("reads past its array and crashes")
    def test_macros_with_an_odd_number_of_strings_are_survived(self):
        with self.pair.peer() as peer:
            peer.play(message_steps()[:1])
            peer.send(wire.packet("D", b"H" + wire.strings("one")))
            peer.send(wire.packet("D", b"M" + wire.strings("i", "4711", "{odd}")))
            self.assertEqual(peer.play(message_steps()[1:])[-1].verdict, ("continue",))

    def test_macros_of_an_unknown_stage_are_ignored(self):
        with self.pair.peer() as peer:
            for payload in (b"X" + wire.strings("i", "1"), b"A"):
                peer.send(wire.packet("D", payload))
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))

    @only_millrace("closes the connection")
    def test_macros_without_a_stage_are_ignored(self):
        with self.pair.peer() as peer:
            peer.send(wire.packet("D"))
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))


class ChunkingTest(ScriptedTest):
    def test_packets_split_at_every_octet_are_the_same_message(self):
        used = pair()
        used.answer(reply())
        peer = used.peer("sendmail")
        self.addCleanup(peer.close)

        def dribble(packets):
            for octet in packets:
                peer._connection.sendall(bytes([octet]))

        peer.send = dribble
        self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))
        self.assertTrue(used.scanner.requests[-1].email.endswith(b"Subject: x\n\nhello\n"))
