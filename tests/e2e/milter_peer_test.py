"""The emulated mail server itself: does it honour what a filter negotiates, as Postfix and
Sendmail do?

The filter here is a few lines that negotiate what the test says, record every packet and answer
where an answer is due. (Real Postfix and Sendmail are held to nothing here; the recordings are, in
side_by_side_test.)
"""

import socket
import struct
import threading
import unittest

import milter_wire as wire
from milter_peer import MilterPeer, message_steps

ALL_NR_BUT_DATA = 0xFF080 & ~0x10000
NOUNKNOWN = 0x100


class Filter:
    """Answers one connection in a thread; `packets` is what it was sent, as (command, payload)."""

    def __init__(self, protocol, lists=None, end=b""):
        self.packets = []
        self._protocol = protocol
        self._lists = b"".join(
            struct.pack("!I", stage) + wire.strings(names) for stage, names in (lists or {}).items()
        )
        self._end = end or wire.packet("c")
        self.connection, self._own = socket.socketpair()
        self.connection.settimeout(30)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with self._own, self._own.makefile("rb") as file:
            while True:
                got = wire.read_packet(file)
                if got is None or got[0] == "Q":
                    return
                self.packets.append(got)
                self._answer(got[0])

    def _answer(self, command):
        if command == "O":
            self._own.sendall(
                wire.packet("O", struct.pack("!III", 6, 0x13F, self._protocol) + self._lists)
            )
        elif command == "E":
            self._own.sendall(self._end)
        elif command in wire.COMMANDS and not self._protocol & wire.COMMANDS[command][1]:
            self._own.sendall(wire.packet("c"))

    def finish(self):
        self._thread.join(30)
        return self.packets


class MilterPeerTest(unittest.TestCase):
    def play(self, protocol, mail_server="postfix", steps=None, **arguments):
        fake = Filter(protocol, **arguments)
        with MilterPeer(fake.connection, mail_server) as peer:
            self.outcomes = peer.play(steps or message_steps())
        return fake.finish()

    def commands(self, packets):
        return "".join(command for command, _ in packets if command != "D")

    def test_commands_without_reply_are_not_waited_for(self):
        packets = self.play(ALL_NR_BUT_DATA | NOUNKNOWN)
        self.assertEqual(self.commands(packets), "OCHMRTLNBEA")
        self.assertEqual(self.outcomes[0].verdict, ("continue",))

    def test_commands_that_are_not_wanted_are_left_out_but_their_macros_come(self):
        packets = self.play(0x300)
        self.assertEqual(self.commands(packets), "OCHMRLNBEA")
        self.assertIn("T", [payload[:1].decode() for command, payload in packets if command == "D"])

    def test_leading_space_is_kept_only_when_negotiated(self):
        steps = message_steps(
            headers=[("A", " one"), ("B", "none"), ("C", "  two"), ("D", "\ttab")]
        )
        for protocol, values in (
            (0, [b"one", b"none", b" two", b"\ttab"]),
            (wire.LEADSPC, [b" one", b"none", b"  two", b"\ttab"]),
        ):
            with self.subTest(protocol=hex(protocol)):
                packets = self.play(protocol, steps=steps)
                got = [payload.split(b"\0")[1] for command, payload in packets if command == "L"]
                self.assertEqual(got, values)

    def test_asked_macros_come_instead_of_the_recorded_ones(self):
        packets = self.play(0, lists={0: "j {client_port} {client_name} {none}", 2: "i r", 4: "i"})
        macros = {
            payload[:1]: payload[1:].split(b"\0")[:-1]
            for command, payload in packets
            if command == "D"
        }
        self.assertEqual(
            macros[b"C"],
            [
                b"j",
                b"mx.lab.test",
                b"{client_port}",
                b"4711",
                b"{client_name}",
                b"client.example.net",
            ],
        )
        self.assertEqual(macros[b"M"], [b"i", b"4CC63A76085"])
        self.assertEqual(macros[b"T"], [b"i", b"4CC63A76085"])

    def test_postfix_tells_macros_before_each_field_and_sendmail_does_not(self):
        def extra(mail_server):
            packets = self.play(0, mail_server)
            return [
                payload[:1]
                for command, payload in packets
                if command == "D" and payload[:1] in (b"L", b"B")
            ]

        self.assertEqual(extra("postfix"), [b"L", b"B"])
        self.assertEqual(extra("sendmail"), [])

    def test_long_body_comes_in_full_chunks(self):
        packets = self.play(0, steps=message_steps(body="x" * 200000))
        sizes = [len(payload) for command, payload in packets if command == "B"]
        self.assertEqual(sizes, [65535, 65535, 65535, 3395])

    def test_refusal_at_DATA_ends_the_message(self):
        class Refusing(Filter):
            def _answer(self, command):
                if command == "T":
                    self._own.sendall(wire.packet("y", b"451 4.3.2 busy\0"))
                else:
                    super()._answer(command)

        fake = Refusing(0)
        with MilterPeer(fake.connection) as peer:
            (outcome,) = peer.play(message_steps())
        self.assertEqual((outcome.at, outcome.verdict), ("data", ("reply", "451 4.3.2 busy")))
        self.assertEqual(self.commands(fake.finish()), "OCHMRTA")

    def test_edits_and_progress_are_told_apart_from_the_verdict(self):
        end = (
            wire.packet("p")
            + wire.packet("i", struct.pack("!I", 0) + wire.strings("X-A", " b"))
            + wire.packet("y", b"554 5.7.0 100%% sure\0")
        )
        self.play(wire.LEADSPC, end=end)
        self.assertEqual(
            self.outcomes[0].effects, [("insert", 0, "X-A: b"), ("reply", "554 5.7.0 100% sure")]
        )
        self.assertEqual(self.outcomes[0].progress, 1)
