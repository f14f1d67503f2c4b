"""A mail server's end of the MILTER protocol: Postfix's or Sendmail's way, honouring what was
negotiated.

Plays the transactions of tests/golden/transactions (or steps written by a test) to a filter.
Postfix's way: packets are buffered and leave when a reply is read, 4096 octets are waiting, or the
message content begins; macros before every HEADER and BODY; ABORT after every message. Sendmail's
way: every packet at once. Not emulated: what happens to the message after the verdict, a second
filter, timeouts of the mail server.
"""

import base64
import json
import pathlib
import zlib
from dataclasses import dataclass, field

import milter_wire as wire

TRANSACTIONS = pathlib.Path(__file__).parent.parent / "golden" / "transactions"
BUFFER = 4096
LETTERS = {
    "connect": "C",
    "helo": "H",
    "mail": "M",
    "rcpt": "R",
    "data": "T",
    "eoh": "N",
    "eom": "E",
}


def octets(value):
    """The octets of a value in a transaction file."""
    if isinstance(value, dict):
        return zlib.decompress(base64.b64decode(value["zlib"]))
    return value.encode("latin-1")


def load(name):
    return json.loads((TRANSACTIONS / f"{name}.json").read_text())


def names():
    return sorted(path.stem for path in TRANSACTIONS.glob("*.json"))


@dataclass
class Outcome:
    """The answer to one message: where it was given, its edits and verdict as `wire.effect` tells
    them.
    """

    at: str
    effects: list = field(default_factory=list)
    raw: list = field(default_factory=list)
    progress: int = 0

    @property
    def verdict(self):
        return self.effects[-1]


class MilterPeer:
    """One milter connection; `play` returns the outcomes of all messages in the steps."""

    def __init__(
        self,
        connection,
        mail_server="postfix",
        protocol=wire.PROTOCOL_OFFERED,
        version=wire.VERSION,
    ):
        self._connection = connection
        self._file = connection.makefile("rb")
        self._postfix = mail_server == "postfix"
        self._out = bytearray()
        self._session_macros = {}
        self._message_macros = {}
        self._failed = None  # outcome of the message when it was refused before its end
        self._skip_body = False
        self.outcomes = []
        self.ended_by_filter = False
        self.send(wire.offer(version, wire.ACTIONS_OFFERED, protocol))
        command, payload = self.read()
        assert command == "O", command
        self.negotiated = wire.Negotiated.parse(payload)
        assert not self.negotiated.actions & ~wire.ACTIONS_OFFERED
        assert not self.negotiated.protocol & ~protocol, "asked for what was not offered"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self._connection.close()

    def send(self, packets):
        self._out += packets
        if not self._postfix or len(self._out) >= BUFFER:
            self.flush()

    def flush(self):
        if self._out:
            self._connection.sendall(bytes(self._out))
            self._out.clear()

    def read(self):
        """The filter's next packet, PROGRESS included."""
        self.flush()
        got = wire.read_packet(self._file)
        if got is None:
            raise ConnectionError("the filter closed the connection")
        return got

    def read_reply(self):
        while True:
            command, payload = self.read()
            if command != wire.PROGRESS:
                return command, payload

    def reads_end(self):
        """Whether the filter has closed the connection (waits for it)."""
        self.flush()
        try:
            return wire.read_packet(self._file) is None
        except ConnectionResetError:
            return True

    # --- macros
    def _known(self):
        return {**self._session_macros, **self._message_macros}

    def _learn_client(self, step):
        """What this mail server could tell of the client if asked (derived from CONNECT)."""
        host, address = step["host"], step["address"]
        prefix = (
            "IPv6:" if step["family"] == "6" and not address.lower().startswith("ipv6:") else ""
        )
        unknown = host.startswith("[")
        self._session_macros = {
            "{client_addr}": prefix + address,
            "{client_port}": str(step["port"]),
            "{client_name}": "unknown" if unknown and self._postfix else host,
            "{client_ptr}": "unknown" if unknown and self._postfix else host,
            "{client_resolve}": "FAIL" if unknown else "OK",
        }

    def _send_macros(self, letter, recorded):
        stage = wire.COMMANDS[letter][2]
        asked = self.negotiated.lists.get(stage)
        if asked is None:
            chosen = recorded
        else:
            known = self._known()
            bare = [name.strip("{}") for name in asked]
            braced = [name if len(name) == 1 else "{" + name + "}" for name in bare]
            chosen = {name: known[name] for name in braced if name in known}
        if chosen or self._postfix:
            self.send(wire.macros(letter, chosen))

    # --- commands
    def _command(self, letter, packet):
        """Sends a command where it is wanted, returns the reply or None where none comes."""
        if not self.negotiated.sends(letter):
            return None
        self.send(packet)
        return self.read_reply() if self.negotiated.replies(letter) else None

    def _refuse(self, stage, reply):
        if reply is not None and reply[0] not in "cs":
            self._failed = Outcome(
                stage, [wire.effect(*reply, self.negotiated.leading_space())], [reply]
            )

    def play(self, steps):
        for step in steps:
            self.step(step)
        return self.outcomes

    def step(self, step):
        operation = step["op"]
        if operation in ("abort", "mail", "quit", "close"):
            self._finish_refused()
        if self._failed and operation in ("rcpt", "data", "header", "eoh", "body", "eom"):
            return
        getattr(self, f"_do_{operation}")(step)

    def _finish_refused(self):
        if self._failed:
            self.outcomes.append(self._failed)
            self._failed = None

    def _do_connect(self, step):
        self._learn_client(step)
        self._session_macros.update(step.get("macros", {}))
        self._send_macros("C", step.get("macros", {}))
        self._refuse(
            "connect",
            self._command(
                "C", wire.connect(step["host"], step["family"], step["port"], step["address"])
            ),
        )

    def _do_helo(self, step):
        self._session_macros.update(step.get("macros", {}))
        self._send_macros("H", step.get("macros", {}))
        self._refuse("helo", self._command("H", wire.packet("H", wire.strings(*step["args"]))))

    def _do_mail(self, step):
        self._message_macros = dict(step.get("macros", {}))
        self._skip_body = False
        self._send_macros("M", step.get("macros", {}))
        self._refuse("mail", self._command("M", wire.packet("M", wire.strings(*step["args"]))))

    def _do_rcpt(self, step):
        self._message_macros.update(step.get("macros", {}))
        self._send_macros("R", step.get("macros", {}))
        self._command("R", wire.packet("R", wire.strings(*step["args"])))

    def _do_data(self, step):
        self._message_macros.update(step.get("macros", {}))
        if step.get("macros") is not None or self.negotiated.lists.get(4):
            self._send_macros("T", step.get("macros", {}))
        self._refuse("data", self._command("T", wire.packet("T")))
        self.flush()  # Postfix hands the connection to another process here

    def _content_macros(self, letter):
        if self._postfix:  # extra packets that only Postfix sends
            known = self._known()
            self._send_macros(letter, {"i": known["i"]} if "i" in known else {})

    def _do_header(self, step):
        if not self.negotiated.sends("L"):
            return
        self._content_macros("L")
        value = step["value"]
        if not self.negotiated.leading_space() and value.startswith(" "):
            value = value[1:]
        self._refuse(
            "header", self._command("L", wire.packet("L", wire.strings(step["name"], value)))
        )

    def _do_eoh(self, step):
        if not self.negotiated.sends("N"):
            return
        self._message_macros.update(step.get("macros", {}))
        if self._postfix or step.get("macros"):
            self._send_macros("N", step.get("macros", {}))
        self._refuse("eoh", self._command("N", wire.packet("N")))

    def _do_body(self, step):
        whole = octets(step["data"])
        for at in range(0, len(whole), step.get("chunk", wire.CHUNK)):
            if self._skip_body or self._failed or not self.negotiated.sends("B"):
                return
            self._content_macros("B")
            chunk = whole[at : at + step.get("chunk", wire.CHUNK)]
            reply = self._command("B", wire.packet("B", chunk))
            self._skip_body = reply is not None and reply[0] == wire.SKIP
            self._refuse("body", reply)

    def _do_eom(self, step):
        self.begin_end_of_message(step)
        self.finish_end_of_message()

    def begin_end_of_message(self, step):
        """Sends the end of the message without reading the answer."""
        self._message_macros.update(step.get("macros", {}))
        self._send_macros("E", step.get("macros", {}))
        self.send(wire.packet("E", octets(step.get("data", ""))))
        self.flush()

    def finish_end_of_message(self):
        """Reads the answer to the end of the message."""
        outcome = Outcome("eom")
        self.outcomes.append(outcome)
        while True:
            command, payload = self.read()
            if command == wire.PROGRESS:
                outcome.progress += 1
                continue
            outcome.raw.append((command, payload))
            outcome.effects.append(wire.effect(command, payload, self.negotiated.leading_space()))
            if command in wire.FINAL:
                return outcome

    def _do_unknown(self, step):
        self._command("U", wire.packet("U", wire.strings(step["line"])))

    def _do_abort(self, _):
        self.send(wire.packet("A"))

    def _do_quit(self, _):
        self.send(wire.packet("Q"))
        self.flush()
        self.ended_by_filter = self.reads_end()

    def _do_close(self, _):
        self.flush()
        self.close()


def message_steps(
    recipients=("<bob@lab.test>",), body="hello\r\n", headers=(("Subject", " x"),), **extra
):
    """The steps of a whole session with one message, Postfix's way; `extra`: connect, helo,
    sender, macros.
    """
    macros = extra.get("macros", {"i": "4CC63A76085"})
    connect = {
        "op": "connect",
        "host": "client.example.net",
        "family": "4",
        "port": 4711,
        "address": "192.0.2.9",
        "macros": {"j": "mx.lab.test", "{daemon_name}": "mx.lab.test"},
    }
    return [
        {**connect, **extra.get("connect", {})},
        {"op": "helo", "args": [extra.get("helo", "client.example.net")], "macros": {}},
        *transaction_steps(
            recipients, body, headers, extra.get("sender", "<alice@example.net>"), macros
        ),
        {"op": "abort"},
        {"op": "quit"},
    ]


def transaction_steps(recipients, body, headers, sender="<alice@example.net>", macros=None):
    """MAIL to end of message."""
    macros = {"i": "4CC63A76085"} if macros is None else macros
    return [
        {"op": "mail", "args": [sender], "macros": macros},
        *({"op": "rcpt", "args": [recipient], "macros": {}} for recipient in recipients),
        {"op": "data", "macros": {}},
        *({"op": "header", "name": name, "value": value} for name, value in headers),
        {"op": "eoh", "macros": {}},
        *([{"op": "body", "data": body}] if body else []),
        {"op": "eom", "macros": {}},
    ]
