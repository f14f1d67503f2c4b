#!/usr/bin/env python3
"""Makes the golden milter transcripts (*.milter) from recorded transactions.

usage: make.py FOLDER      FOLDER holds one folder a scenario, each with a milter.jsonl:
                           one record a read, {"conn": 1, "dir": "mta>milter", "hex": "..."}

A transcript has one packet a line, in the order in which the packets became whole:
    # comment
    connection 1
    > L Subject\\0test\\0     mail server to filter: command, payload
    < c                      filter to mail server: reply, payload
NUL is \\0, a backslash \\\\, other bytes outside printable ASCII \\xNN. Where reads were cut is not kept:
the tests cut everywhere. Written beside this script.
"""
import json
import pathlib
import sys

ARROWS = {"mta>milter": ">", "milter>mta": "<"}


def escape(data):
    out = []
    for byte in data:
        if byte == 0:
            out.append("\\0")
        elif byte == 0x5C:
            out.append("\\\\")
        elif 0x20 <= byte <= 0x7E:
            out.append(chr(byte))
        else:
            out.append("\\x%02x" % byte)
    return "".join(out)


def packets(buffer):
    """Takes the whole packets off the front of `buffer`."""
    while len(buffer) >= 5:
        length = int.from_bytes(buffer[:4], "big")
        if len(buffer) < 4 + length:
            return
        yield chr(buffer[4]), bytes(buffer[5 : 4 + length])
        del buffer[: 4 + length]


def transcript(path):
    connections = {}
    buffers = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        number, direction = record["conn"], record["dir"]
        lines = connections.setdefault(number, [])
        if direction not in ARROWS:
            continue
        buffer = buffers.setdefault((number, direction), bytearray())
        buffer += bytes.fromhex(record["hex"])
        for code, payload in packets(buffer):
            lines.append(f"{ARROWS[direction]} {code} {escape(payload)}".rstrip(" ") if not payload
                         else f"{ARROWS[direction]} {code} {escape(payload)}")
    for key, rest in buffers.items():
        if rest:
            sys.exit(f"{path}: connection {key[0]} ends in the middle of a packet")
    return connections


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parent
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*/milter.jsonl")):
        server = "Sendmail" if path.parent.name.endswith("+sendmail") else "Postfix"
        out = [f"# {path.parent.name}: {server} and amavisd-milter"]
        for number, lines in sorted(transcript(path).items()):
            out += [f"connection {number}", *lines]
        (here / f"{path.parent.name}.milter").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
