"""A raw SMTP client: sends exactly the octets that a test writes, keeps every reply.

smtplib is not used because it rewrites line ends and addresses; here a header field keeps its odd
white space, an address its octets. `message()` builds the messages that most tests send.
"""

import itertools
import os
import socket
from dataclasses import dataclass

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
# Put together at run time so that virus scanners leave this file alone.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

GREETING_S = 15

_numbers = itertools.count(1)


@dataclass
class Message:
    """A message ready to be sent: its id and its octets with CRLF."""

    message_id: str
    data: bytes


def new_message_id():
    return f"<e2e.{os.getpid()}.{next(_numbers)}@example.net>"


def message(subject="greetings", body=b"hello\r\n", header=None, sender="alice@example.net"):
    """A message with the usual fields; `header` are further octets (whole lines) before the empty
    line.
    """
    message_id = new_message_id()
    head = (
        f"From: <{sender}>\r\nTo: <bob@lab.test>\r\n".encode()
        + (f"Subject: {subject}\r\n".encode() if subject is not None else b"")
        + b"Date: Sun, 22 Nov 2026 03:00:00 +0000\r\n"
        + f"Message-ID: {message_id}\r\n".encode()
        + (header or b"")
    )
    return Message(message_id, head + b"\r\n" + body)


def as_octets(text):
    return text if isinstance(text, bytes) else text.encode()


class Reply:
    """An SMTP reply, perhaps of several lines."""

    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        self.text = "\n".join(line[4:] for line in lines)

    def __repr__(self):
        return f"Reply({self.code} {self.text!r})"

    def queue_id(self):
        """The id in `250 2.0.0 Ok: queued as ID` (Postfix) or `250 2.0.0 ID Message accepted`
        (Sendmail).
        """
        words = self.text.split()
        return words[-1] if "queued" in words else words[1]


class SmtpClient:
    """One SMTP session; also a context manager that quits."""

    def __init__(self, port, host="127.0.0.1", helo="client.example.net", timeout_s=60):
        # A mail server that cannot start its service says nothing at all.
        self._socket = socket.create_connection((host, port), GREETING_S)
        self._file = self._socket.makefile("rb")
        self._helo = helo
        self.greeting = self.read_reply()
        self._socket.settimeout(timeout_s)
        self.extensions = self.command(f"EHLO {helo}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.command("QUIT")
        finally:
            self.close()

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, octets):
        self._socket.sendall(octets)

    def read_reply(self):
        lines = []
        while True:
            line = self._file.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError(f"the mail server closed the session after {lines}")
            lines.append(line.rstrip(b"\r\n").decode("utf-8", "replace"))
            if lines[-1][3:4] != "-":
                return Reply(lines)

    def command(self, line):
        self.send(as_octets(line) + b"\r\n")
        return self.read_reply()

    def xclient(self, **attributes):
        """Poses as another client (Postfix); the session begins anew."""
        pairs = " ".join(f"{name.upper()}={value}" for name, value in attributes.items())
        reply = self.command(f"XCLIENT {pairs}")
        assert reply.code == 220, reply
        self.command(f"EHLO {self._helo}")

    def envelope(self, sender, recipients, parameters=""):
        """MAIL and RCPTs; returns the replies to the RCPTs."""
        reply = self.command(b"MAIL FROM:<" + as_octets(sender) + b">" + as_octets(parameters))
        assert reply.code == 250, reply
        return [
            self.command(b"RCPT TO:<" + as_octets(recipient) + b">") for recipient in recipients
        ]

    def data(self, octets):
        """DATA and the message, dots stuffed; the reply to DATA if it is a refusal, else to the
        message.
        """
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        stuffed = octets.replace(b"\r\n.", b"\r\n..")
        self.send((b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n")
        return self.read_reply()

    def deliver(
        self, sent, recipients=("bob@lab.test",), sender="alice@example.net", parameters=""
    ):
        """A whole transaction; returns the final reply."""
        for reply in self.envelope(sender, recipients, parameters):
            assert reply.code == 250, reply
        return self.data(sent.data)


def send_message(port, sent, recipients=("bob@lab.test",), **arguments):
    """One message in a session of its own; returns the final reply."""
    xclient = arguments.pop("xclient", None)
    with SmtpClient(port) as client:
        if xclient:
            client.xclient(**xclient)
        return client.deliver(sent, recipients, **arguments)
