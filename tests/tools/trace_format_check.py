#!/usr/bin/env python3
"""A reader of plain traces made from docs/trace-format.md alone, and a test of that document.

usage: trace_format_check.py TRACE_SAMPLE    has the program write a trace and compares what both see of it
       trace_format_check.py --list FILE     lists the records of a plain trace
"""
import hashlib
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib


class Fields:
    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, count):
        assert self.at + count <= len(self.octets), "cut off in a payload"
        self.at += count
        return self.octets[self.at - count:self.at]

    def octet(self):
        return self.take(1)[0]

    def varint(self):
        value, shift = 0, 0
        while True:
            octet = self.octet()
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    def text(self):
        return self.take(self.varint())

    def body(self):
        count = self.varint()
        return (count, self.take(32), self.varint()) if count else (0, bytes(32), 0)

    def packets(self):
        offset = 0
        for _ in range(self.varint()):
            difference = self.varint()
            offset += (difference >> 1) ^ -(difference & 1)
            yield (offset, self.octet(), self.octet(), self.varint(), self.text())


def records(octets):
    """(kind, session, time_us, offset, payload) of each record; AssertionError where the file is not sound."""
    magic, major, _minor, _zero, crc = struct.unpack("<8sHHQI", octets[:24])
    assert magic == b"\x89MRTRA\r\n" and major == 1 and crc == zlib.crc32(octets[:20]), "the file's head"
    at = 24
    while at < len(octets):
        head = octets[at:at + 40]
        mark, kind, encoding, _zero, stored, raw, session, time_us, crc, head_crc = struct.unpack("<IBBHIIQQII", head)
        assert mark == 0x434552C7 and head_crc == zlib.crc32(head[:36]), f"a head at {at}"
        payload = octets[at + 40:at + 40 + stored]
        assert encoding == 0 and stored == raw == len(payload) and crc == zlib.crc32(payload), f"a payload at {at}"
        yield kind, session, time_us, at, payload
        at += 40 + stored


def escape(octets):
    return "".join("\\0" if o == 0 else "\\\\" if o == 92 else chr(o) if 0x20 <= o <= 0x7E else f"\\x{o:02x}" for o in octets)


def describe(kind, session, time_us, payload, bodies):
    """A record as trace_sample writes it, its body looked up."""
    if kind in (1, 7):
        return f"{'meta' if kind == 1 else 'end'} {time_us} {payload.decode()}"
    fields, words = Fields(payload), {3: ["session", session], 4: ["transaction", session], 5: ["close", session], 6: ["scan"]}[kind]
    words.append(time_us)
    words += {3: lambda: [], 4: lambda: [fields.varint(), fields.octet(), fields.octet(), fields.octet()],
              5: lambda: [fields.octet(), fields.varint(), fields.varint()],
              6: lambda: [fields.varint(), fields.varint(), fields.octet()]}[kind]()
    if kind in (4, 6):
        count, digest, offset = fields.body()
        assert count == 0 or bodies[offset] == (digest, count), "a body that is not there"
        words.append(f"{count}@{offset}#{digest.hex()}")
    line = " ".join(map(str, words))
    if kind == 6:
        line += f" {escape(fields.text())} {escape(fields.text())}"
    else:
        for offset, direction, code, body_bytes, text in fields.packets():
            line += f"\n{'<' if direction else '>'} {offset} {escape(bytes([code]))} {body_bytes} {escape(text)}"
    assert fields.at == len(payload), "octets left over"
    return line


def listing(octets):
    bodies, lines = {}, []
    for kind, session, time_us, at, payload in records(octets):
        if kind == 2:
            digest, body = payload[:32], payload[32:]
            assert hashlib.blake2b(body, digest_size=32).digest() == digest, f"the hash at {at}"
            bodies[at] = (digest, len(body))
        else:
            lines.append(describe(kind, session, time_us, payload, bodies))
    return lines


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--list":
        print("\n".join(listing(pathlib.Path(sys.argv[2]).read_bytes())))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sample.trace"
        said = subprocess.run([sys.argv[1], path], stdout=subprocess.PIPE, check=True).stdout.decode()
        seen = "\n".join(listing(path.read_bytes())) + "\n"
    if seen == said and seen.count("\ntransaction ") > 40:
        print(f"{seen.count(chr(10))} lines, the same")
        return 0
    for number, (ours, theirs) in enumerate(zip(seen.split("\n"), said.split("\n"))):
        if ours != theirs:
            print(f"line {number}:\n  read    {ours}\n  written {theirs}")
            break
    return 1


if __name__ == "__main__":
    sys.exit(main())
