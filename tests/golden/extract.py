#!/usr/bin/python3
"""Turns recorded transactions (a folder for each, see below) into the JSON files of
tests/golden/transactions.

    extract.py RECORDINGS [OUTPUT]

A recording has milter.jsonl and ampdp.jsonl (one record a read: "conn", "dir", "hex"), smtp.txt
(the SMTP dialogue), cN-rM.email.txt (the spooled message as the scanner got it). They were made
with real mail servers, amavisd-new and Debian's amavisd-milter; the suffix of the folder's name
says how ("+B", "+sendmail" ...).

The milter packets of a recording cannot be replayed to a daemon that negotiates something else, so
a transaction holds what the mail server had to say, as steps, free of what was negotiated:

    {"op": "connect", "host", "family", "port", "address", "macros"}   macros: as {name: value}
    {"op": "helo" | "mail" | "rcpt" | "data", "args", "macros"}          beside this command
    {"op": "header", "name", "value"}    value: the exact octets after the colon, LF where folded
    {"op": "eoh"} {"op": "body", "data"} {"op": "eom"}
    {"op": "abort"} {"op": "quit"} {"op": "close"}

Octets are text in which every character stands for one octet (ISO 8859-1); long ones are {"zlib":
base64}. "scans" holds for every message, in order, the scanner's request, the spooled octets and
the scanner's reply; "replies" what the daemon answered at the end of each message, a packet each.
"""

import ast
import base64
import json
import pathlib
import re
import struct
import sys
import zlib

LONG = 2000
STAGES = {"C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data"}
FLAGS = {"B": ["-B"], "Dserver": ["-D", "server"], "amdownP": ["-P"]}


def pack(octets):
    if len(octets) <= LONG:
        return octets.decode("latin-1")
    return {"zlib": base64.b64encode(zlib.compress(octets, 9)).decode()}


def unpack(value):
    if isinstance(value, dict):
        return zlib.decompress(base64.b64decode(value["zlib"]))
    return value.encode("latin-1")


def records(path):
    if path.exists():
        with open(path) as lines:
            yield from map(json.loads, lines)


def streams(path):
    """For each connection, in order: the list of (direction, octets); closes have no octets."""
    found = {}
    for record in records(path):
        found.setdefault(record["conn"], []).append(
            (record["dir"], bytes.fromhex(record.get("hex", "")))
        )
    return [found[number] for number in sorted(found)]


def packets(reads):
    """The milter packets (direction, command, payload) of a connection."""
    pending = {}
    for direction, octets in reads:
        buffer = pending.get(direction, b"") + octets
        while len(buffer) >= 4:
            (length,) = struct.unpack("!I", buffer[:4])
            if len(buffer) < 4 + length:
                break
            yield direction, chr(buffer[4]), buffer[5 : 4 + length]
            buffer = buffer[4 + length :]
        pending[direction] = buffer


def strings(payload):
    return [part.decode("latin-1") for part in payload.split(b"\0")[:-1]]


def sent_messages(smtp_text):
    """All message texts of the SMTP dialogue that were recorded whole, as one blob to look into."""
    whole = [
        b"\r\n" + ast.literal_eval(literal)
        for literal in re.findall(
            r"^C: <data \d+ bytes> (b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\")$", smtp_text, re.M
        )
    ]
    return b"".join(whole)


def exact_value(name, value, sent):
    """The octets after the colon: without HDR_LEADSPC one space was dropped, or there was none."""
    raw = value.replace(b"\n", b"\r\n")
    start = b"\r\n" + name + b":"
    if start + b" " + raw + b"\r\n" not in sent and start + raw + b"\r\n" in sent:
        return value
    return b" " + value


class Session:
    """Collects the steps and the end-of-message replies of one milter connection."""

    def __init__(self, sent):
        self.steps = []
        self.replies = []
        self._sent = sent
        self._macros = {}
        self._body = b""
        self._in_content = False
        self._at_end = None

    def add(self, operation, **values):
        macros = self._macros.pop(operation, None)
        self.steps.append(
            {"op": operation, **values, **({"macros": macros} if macros is not None else {})}
        )

    def begin_content(self):
        if not self._in_content:
            self._in_content = True
            if self.steps[-1]["op"] != "data":
                self.add("data")

    def command(self, code, payload):
        if code == "D":
            self.macros(chr(payload[0]), payload[1:])
        elif code == "C":
            host, _, rest = payload.partition(b"\0")
            self.add(
                "connect",
                host=host.decode("latin-1"),
                family=chr(rest[0]),
                port=struct.unpack("!H", rest[1:3])[0] if rest[0:1] != b"U" else 0,
                address=rest[3:-1].decode("latin-1"),
            )
        elif code in "HMR":
            self.add(STAGES[code], args=strings(payload))
        elif code in "LNBE":
            self.begin_content()
            self.content(code, payload)
        elif code in "AQ":
            self._in_content = False
            self.add({"A": "abort", "Q": "quit"}[code])

    def macros(self, letter, payload):
        parts = strings(payload)
        pairs = dict(zip(parts[::2], parts[1::2]))
        if letter in STAGES:
            self._macros[STAGES[letter]] = pairs
            if letter == "T":  # the macros are sent although the command itself was not wanted
                self.add("data")
        elif letter in "NE":
            self._macros[{"N": "eoh", "E": "eom"}[letter]] = pairs

    def content(self, code, payload):
        if code == "B":
            self._body += payload
            return
        if code == "L":
            name, value, _ = payload.split(b"\0")
            self.add(
                "header",
                name=name.decode("latin-1"),
                value=exact_value(name, value, self._sent).decode("latin-1"),
            )
        elif code == "N":
            self.add("eoh")
        else:
            if self._body:
                self.add("body", data=pack(self._body))
            self._body = b""
            self._in_content = False
            self.add("eom")
            self._at_end = []

    def reply(self, code, payload):
        if self._at_end is not None:
            self._at_end.append([code, payload.decode("latin-1")])
            if code in "catrdy":
                self.replies.append(self._at_end)
                self._at_end = None


def sessions(folder, sent):
    for reads in streams(folder / "milter.jsonl"):
        session = Session(sent)
        for direction, code, payload in packets(reads):
            if direction == "mta>milter" and code != "O":
                session.command(code, payload)
            elif direction == "milter>mta" and code != "O":
                session.reply(code, payload)
        if session.steps and session.steps[-1]["op"] != "quit":
            session.add("close")
        yield session


def scans(folder):
    spooled = sorted(
        folder.glob("c*-r*.email.txt"),
        key=lambda path: list(map(int, re.findall(r"\d+", path.name))),
    )
    exchanges = [
        reads
        for reads in streams(folder / "ampdp.jsonl")
        if any(direction == "milter>amavisd" and octets for direction, octets in reads)
    ]
    if len(spooled) != len(exchanges):
        raise SystemExit(
            f"{folder.name}: {len(spooled)} spooled messages, {len(exchanges)} requests"
        )
    for reads, email in zip(exchanges, spooled):
        request = b"".join(octets for direction, octets in reads if direction == "milter>amavisd")
        reply = b"".join(octets for direction, octets in reads if direction == "amavisd>milter")
        yield {
            "request": request.decode("latin-1"),
            "email": pack(email.read_bytes()),
            "reply": reply.decode("latin-1"),
        }


def transaction(folder):
    suffixes = folder.name.split("+")[1:]
    sent = sent_messages((folder / "smtp.txt").read_text(errors="replace"))
    found = list(sessions(folder, sent))
    return {
        "name": folder.name,
        "mail_server": "sendmail" if "sendmail" in suffixes else "postfix",
        "flags": [flag for suffix in suffixes for flag in FLAGS.get(suffix, [])],
        "scanner_stopped": any(suffix.startswith("amdown") for suffix in suffixes),
        "sessions": [session.steps for session in found],
        "scans": list(scans(folder)),
        "replies": [reply for session in found for reply in session.replies],
    }


def as_text(made):
    """JSON with one step, scan or reply on a line."""
    lines = []
    for key, value in made.items():
        if key == "sessions":
            value = ",\n  ".join(
                "[\n   " + ",\n   ".join(map(json.dumps, steps)) + "\n  ]" for steps in value
            )
        elif isinstance(value, list) and key != "flags":
            value = ",\n  ".join(map(json.dumps, value))
        else:
            lines.append(f' "{key}": {json.dumps(value)}')
            continue
        lines.append(f' "{key}": [\n  {value}\n ]' if value else f' "{key}": []')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parent
    output = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else here / "transactions"
    output.mkdir(parents=True, exist_ok=True)
    recordings = sorted(pathlib.Path(sys.argv[1]).iterdir())
    folders = [path for path in recordings if (path / "milter.jsonl").exists()]
    for folder in folders:
        made = transaction(folder)
        (output / f"{folder.name}.json").write_text(as_text(made))
        print(
            f"{folder.name}: {len(made['sessions'])} sessions, {len(made['scans'])} scans, "
            f"{len(made['replies'])} messages"
        )


if __name__ == "__main__":
    main()
