"""A scripted AM.PDP scanner: answers by rules, misbehaves on order, and keeps what it was asked.

The spooled message is read while the request is open, as amavisd does. `Scanner(answer=...)` takes
a function from the request to a list of actions: octets are sent, numbers are waited for in
seconds, HANG waits until the daemon gives up, CLOSE ends the connection. `by_recipient` is a
ready-made set of rules keyed by the local part of the first recipient, for scripts that cannot set
the answer themselves.
"""

import os
import socket
import socketserver
import threading
import time
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

HANG = object()
CLOSE = object()


@dataclass
class Request:
    """One request: its attributes in order as octets decoded, and the message as it was spooled."""

    raw: bytes
    attributes: list
    email: bytes

    @staticmethod
    def parse(raw):
        attributes = []
        for line in raw.decode("latin-1").rstrip("\n").split("\n"):
            name, equals, value = line.partition("=")
            attributes.append((name, unquote_to_bytes(value).decode("latin-1") if equals else None))
        found = dict(attributes)
        path = found.get("mail_file") or os.path.join(
            found.get("tempdir") or "/nonexistent", "email.txt"
        )
        try:
            with open(path, "rb") as spooled:
                email = spooled.read()
        except OSError as error:
            email = f"unreadable: {error}".encode()
        return Request(raw, attributes, email)

    def values(self, name):
        return [value for found, value in self.attributes if found == name]

    def value(self, name):
        found = self.values(name)
        return found[0] if found else None


def encode(text):
    """One field of an AM.PDP value, as amavisd encodes it."""
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and octet != 0x25 else f"%{octet:02x}"
        for octet in text.encode("latin-1")
    )


def line(name, *fields):
    return f"{name}={' '.join(encode(text) for text in fields)}\r\n"


def reply(*lines, return_value="continue", end=True):
    """A reply: the lines as given, then return_value (unless None) and the end."""
    parts = ["version_server=2\r\n", "log_id=12345-01\r\n", *lines]
    if return_value is not None:
        parts.append(f"return_value={return_value}\r\n")
    if end:
        parts.append("exit_code=0\r\n\r\n")
    return "".join(parts).encode("latin-1")


TAG = (
    line("insheader", "0", "X-Spam-Flag", "YES"),
    line("chgheader", "1", "subject", "***SPAM*** x"),
    line("addheader", "X-Added", "last"),
)
RULES = {
    "continue": [reply(line("insheader", "0", "X-Virus-Scanned", "scripted"))],
    "accept": [reply(return_value="accept")],
    "discard": [reply(line("setreply", "250", "2.5.0", "Ok, discarded"), return_value="discard")],
    "reject": [reply(line("setreply", "554", "5.7.0", "Reject - INFECTED"), return_value="reject")],
    "tempfail": [reply(line("setreply", "450", "4.5.0", "try later"), return_value="tempfail")],
    "tag": [reply(*TAG)],
    "rename": [
        reply(line("delrcpt", "<rename@scan.test>"), line("addrcpt", "<rename+spam@lab.test>"))
    ],
    "partial": [reply(line("delrcpt", "<partial@scan.test>"))],
    "half": [reply(*TAG, end=False)[:-12], CLOSE],
    "noend": [reply(*TAG, end=False), CLOSE],
    "close": [CLOSE],
}


def by_recipient(request):
    """The rule named like the local part of the first recipient, else "continue"."""
    recipient = request.value("recipient") or ""
    return RULES.get(recipient.strip("<>").partition("@")[0], RULES["continue"])


class _Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            raw = b""
            while not raw.endswith(b"\n\n") and raw != b"\n":
                got = self.rfile.readline()
                if not got:
                    return
                raw += got.replace(b"\r\n", b"\n")
            if not self.answer(Request.parse(raw)):
                return

    def answer(self, request):
        """Carries out the actions; False when the connection is over."""
        scanner = self.server.scanner
        actions = scanner.take(request)
        for action in actions:
            if action is CLOSE:
                return False
            if action is HANG:
                self.rfile.read(1)
                return False
            if isinstance(action, (int, float)):
                time.sleep(action)  # the scan that the rule asks for
                continue
            try:
                self.wfile.write(action)
                self.wfile.flush()
            except OSError:
                return False
        return True


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        pass  # the daemon closed early: the test looks at what it answered


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024


class _Tcp6Server(_TcpServer):
    address_family = socket.AF_INET6


class Scanner:
    """Listens on the Unix socket `path`, or with `tcp` on `port` of the loopback interface ("::1"
    for IPv6).

    `answer` is called in the thread of its connection, beside others, and may wait.
    """

    def __init__(self, lab, label, answer=by_recipient, tcp=False):
        self.answer = answer
        self.requests = []
        if tcp:
            self.port = lab.ports.take()
            host = tcp if isinstance(tcp, str) else "127.0.0.1"
            kind = _Tcp6Server if ":" in host else _TcpServer
            self._server = kind((host, self.port), _Connection)
        else:
            self.path = lab.directory("scanners") / f"{label}.sock"
            self._server = _Server(str(self.path), _Connection)
            self.path.chmod(0o777)
        self._server.scanner = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        lab.on_close(self.close)

    def take(self, request):
        self.requests.append(request)
        return self.answer(request)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
