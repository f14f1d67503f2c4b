"""Packets of the MILTER protocol as the mail server's side needs them, and what the filter's
replies mean.

    packet = length (u32, big endian, of the rest)  command (1 octet)  payload

Only encoding and decoding: `milter_peer.py` decides what is said when.
"""

import struct
from dataclasses import dataclass

VERSION = 6
ACTIONS_OFFERED = 0x1FF
PROTOCOL_OFFERED = 0x1FFFFF
CHUNK = 65535
LEADSPC = 0x00100000
SETSYMLIST = 0x100

# Command -> (bit "do not send", bit "will not reply", number of its stage in the macro lists).
COMMANDS = {
    "C": (0x00000001, 0x00001000, 0),
    "H": (0x00000002, 0x00002000, 1),
    "M": (0x00000004, 0x00004000, 2),
    "R": (0x00000008, 0x00008000, 3),
    "T": (0x00000200, 0x00010000, 4),
    "L": (0x00000020, 0x00000080, 6),
    "N": (0x00000040, 0x00040000, 6),
    "B": (0x00000010, 0x00080000, 5),
    "E": (0, 0, 5),
    "U": (0x00000100, 0x00020000, None),
}
FINAL = "catrdy"
PROGRESS = "p"
SKIP = "s"


def packet(command, payload=b""):
    return struct.pack("!I", len(payload) + 1) + command.encode() + payload


def strings(*parts):
    return b"".join(part.encode("latin-1") + b"\0" for part in parts)


def offer(version=VERSION, actions=ACTIONS_OFFERED, protocol=PROTOCOL_OFFERED):
    return packet("O", struct.pack("!III", version, actions, protocol))


def macros(letter, pairs):
    return packet(
        "D", letter.encode() + strings(*(text for pair in pairs.items() for text in pair))
    )


def connect(host, family, port=0, address=""):
    """`family` is "4", "6", "L" or "U" (unknown: no port, no address)."""
    payload = strings(host) + family.encode()
    if family != "U":
        payload += struct.pack("!H", port) + strings(address)
    return packet("C", payload)


@dataclass
class Negotiated:
    """The filter's answer to the offer; `lists`: stage number to the macro names asked for."""

    version: int
    actions: int
    protocol: int
    lists: dict

    @staticmethod
    def parse(payload):
        version, actions, protocol = struct.unpack("!III", payload[:12])
        lists, rest = {}, payload[12:]
        while rest:
            (stage,) = struct.unpack("!I", rest[:4])
            names, _, rest = rest[4:].partition(b"\0")
            lists[stage] = names.decode("latin-1").replace(",", " ").split()
        return Negotiated(version, actions, protocol, lists)

    def sends(self, command):
        return not self.protocol & COMMANDS[command][0]

    def replies(self, command):
        return not self.protocol & COMMANDS[command][1]

    def leading_space(self):
        return bool(self.protocol & LEADSPC)


def read_packet(file):
    """The next (command, payload) from a binary file; None at its end."""
    head = file.read(4)
    if not head:
        return None
    (length,) = struct.unpack("!I", head)
    body = file.read(length)
    if len(head) < 4 or length < 1 or len(body) < length:
        raise ConnectionError(f"the filter closed in the middle of a packet: {head + body!r}")
    return chr(body[0]), body[1:]


def effect(command, payload, leading_space):
    """What a reply at end of message does, the same for every way to say it.

    Fields are given whole, as they will stand in the message: "Name: value". A reply text is given
    as the client will see it ("%%" is one "%").
    """
    text = payload.decode("latin-1")
    space = "" if leading_space else " "
    if command == "h":
        name, value = text.split("\0")[:2]
        return ("append", f"{name}:{space}{value}")
    if command == "i":
        (index,) = struct.unpack("!I", payload[:4])
        name, value = text[4:].split("\0")[:2]
        return ("insert", index, f"{name}:{space}{value}")
    if command == "m":
        (index,) = struct.unpack("!I", payload[:4])
        name, value = text[4:].split("\0")[:2]
        return (
            ("change", index, f"{name}:{space}{value}")
            if value
            else ("delete", index, name.lower())
        )
    if command in "+2":
        return ("add recipient", *text.split("\0")[:-1])
    if command == "-":
        return ("remove recipient", text.rstrip("\0"))
    if command == "q":
        return ("quarantine", text.rstrip("\0"))
    if command == "y":
        # printf's view of the text, as Postfix has it: a lone "%" is dropped.
        pieces = text.rstrip("\0").split("%%")
        return ("reply", "%".join(piece.replace("%", "") for piece in pieces))
    return (
        {"c": "continue", "a": "accept", "r": "reject", "t": "tempfail", "d": "discard"}.get(
            command, command
        ),
    )
