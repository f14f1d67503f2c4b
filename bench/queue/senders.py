"""Mail servers' milter sessions by the hundred, in one thread: what bench/queue plays.

A session is negotiated as Postfix does it, sends small messages one after the other from one client address, and notes
when each was sent whole and how it was answered. Packets come from tests/e2e/milter_wire.py.
"""
import asyncio
import dataclasses
import time

import milter_wire as wire
from rig import Wrong

BODY = b"A line of a small message.\r\n" * 8
REPLY_SECONDS_MAX = 60


@dataclasses.dataclass
class Answer:
    """`at`: "DATA" or "end", where it was given; `code`: 250 where the message was accepted."""
    sender: str
    name: str       # the queue id
    at: str
    code: int
    sent: float     # when DATA, or the last octet, was sent
    answered: float

    def seconds(self):
        return self.answered - self.sent


class Session:
    """One connection of a mail server on behalf of the client `sender`, an IPv4 address."""

    def __init__(self, path, sender, answers):
        """`answers`: what it is told is added there."""
        self.path, self.sender, self.answers = str(path), sender, answers
        self.reader = self.writer = None
        self.sent = {}  # queue id -> when its end was sent

    async def begin(self):
        self.reader, self.writer = await asyncio.open_unix_connection(self.path)
        self.writer.write(wire.offer())
        command, _ = await self.read()
        if command != "O":
            raise Wrong(f"the offer was answered with {command}")
        self.writer.write(wire.macros("C", {"j": "mx.test", "v": "Postfix 3.7.11"})
                          + wire.connect("client.test", "4", 1024, self.sender)
                          + wire.packet("H", wire.strings("client.test")))
        return self

    async def read(self):
        head = await asyncio.wait_for(self.reader.readexactly(4), REPLY_SECONDS_MAX)
        body = await self.reader.readexactly(int.from_bytes(head, "big"))
        return chr(body[0]), body[1:]

    async def reply(self):
        """The code of the next answer that ends something."""
        while True:
            command, payload = await self.read()
            if command in wire.FINAL:
                return int(payload[:3]) if command == "y" else 451 if command == "t" else 250

    async def envelope(self, name):
        """To the answer to DATA; its code."""
        self.writer.write(wire.packet("M", wire.strings("<s@example.net>"))
                          + wire.packet("R", wire.strings("<r@example.org>"))
                          + wire.macros("T", {"i": name}) + wire.packet("T"))
        sent = time.monotonic()
        code = await self.reply()
        if code != 250:
            self.note("DATA", name, code, sent)
            self.writer.write(wire.packet("A"))
        return code

    async def content(self):
        self.writer.write(wire.packet("L", wire.strings("Subject", " x")) + wire.packet("N") + wire.packet("B", BODY))
        await self.writer.drain()

    def send_end(self, name):
        self.sent[name] = time.monotonic()
        self.writer.write(wire.packet("E"))

    async def verdict(self, name):
        code = await self.reply()
        self.note("end", name, code, self.sent[name])
        return code

    async def message(self, name):
        code = await self.envelope(name)
        if code != 250:
            return code
        await self.content()
        self.send_end(name)
        return await self.verdict(name)

    def note(self, at, name, code, sent):
        self.answers.append(Answer(self.sender, name, at, code, sent, time.monotonic()))

    async def finish(self):
        """Says goodbye, and looks that nothing was answered twice: there is no octet more to come."""
        self.writer.write(wire.packet("Q"))
        rest = await asyncio.wait_for(self.reader.read(), REPLY_SECONDS_MAX)
        self.close()
        if rest:
            raise Wrong(f"{self.sender} was answered more than it asked: {rest[:100]!r}")

    def close(self):
        if self.writer is not None:
            self.writer.close()
