"""An SMTP server that keeps what it is given: the place where the mail servers of the tests
deliver to.

It speaks enough ESMTP for Postfix and Sendmail (8BITMIME, SMTPUTF8, SIZE, DSN, PIPELINING), accepts
everything and remembers envelope and octets.  It does not check addresses and does no TLS.
"""

import socketserver
import threading
from dataclasses import dataclass, field

from processes import DEADLINE_S, HarnessError


@dataclass
class Delivery:
    """One message as it was delivered: addresses as octets without brackets, the data with CRLF."""

    sender: bytes
    recipients: list
    data: bytes
    mail_parameters: bytes = b""
    fields: list = field(default_factory=list)

    def __post_init__(self):
        head = self.data.partition(b"\r\n\r\n")[0]
        for line in head.split(b"\r\n"):
            if line[:1] in (b" ", b"\t") and self.fields:
                self.fields[-1] = (self.fields[-1][0], self.fields[-1][1] + b"\r\n" + line)
            else:
                name, _, value = line.partition(b":")
                self.fields.append((name, value))

    @property
    def body(self):
        return self.data.partition(b"\r\n\r\n")[2]

    def values(self, name):
        """The values of all fields of that name in any spelling, white space stripped."""
        wanted = name.lower().encode()
        return [
            value.strip().decode("utf-8", "replace")
            for found, value in self.fields
            if found.lower() == wanted
        ]

    def spellings(self, name):
        """How the names of these fields are spelled in the message."""
        wanted = name.lower().encode()
        return [found.decode() for found, _ in self.fields if found.lower() == wanted]


class _Session(socketserver.StreamRequestHandler):
    EXTENSIONS = (b"8BITMIME", b"SMTPUTF8", b"SIZE 104857600", b"DSN", b"PIPELINING")

    def say(self, text):
        self.wfile.write(text + b"\r\n")
        self.wfile.flush()

    def read_data(self):
        lines = []
        for line in iter(self.rfile.readline, b""):
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        return None

    def handle(self):
        sender, parameters, recipients = b"", b"", []
        self.say(b"220 sink.test ESMTP")
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper()
            if verb == b"EHLO":
                for extension in self.EXTENSIONS:
                    self.say(b"250-" + extension)
                self.say(b"250 sink.test")
            elif verb == b"MAIL":
                sender, _, parameters = line.partition(b"<")[2].strip().partition(b">")
                recipients = []
                self.say(b"250 ok")
            elif verb == b"RCPT":
                recipients.append(line.partition(b"<")[2].rpartition(b">")[0])
                self.say(b"250 ok")
            elif verb == b"DATA":
                self.say(b"354 go on")
                data = self.read_data()
                if data is None:
                    return
                self.server.sink.keep(Delivery(sender, recipients, data, parameters.strip()))
                self.say(b"250 kept")
            elif verb == b"QUIT":
                self.say(b"221 bye")
                return
            else:
                self.say(b"250 ok")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Sink:
    """The running sink; deliveries are found by their Message-ID."""

    def __init__(self, lab):
        self.port = lab.ports.take()
        self._changed = threading.Condition()
        self._deliveries = []
        self._server = _Server(("127.0.0.1", self.port), _Session)
        self._server.sink = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        lab.on_close(self.close)

    def keep(self, delivery):
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify_all()

    def find(self, message_id):
        """All deliveries of the message so far (one for each copy that the mail server made)."""
        return [kept for kept in list(self._deliveries) if message_id in kept.values("Message-ID")]

    def wait_for(self, message_id, deadline_s=DEADLINE_S):
        with self._changed:
            if not self._changed.wait_for(lambda: self.find(message_id), deadline_s):
                raise HarnessError(f"{message_id} was not delivered within {deadline_s:.0f} s")
            return self.find(message_id)[0]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
