#!/usr/bin/env python3
"""Makes the small corpora of session_observer_fuzz and trace_reader_fuzz, from the golden transcripts.

usage: trace_corpus.py       reads ../golden/milter/*.milter, writes corpus/session_observer_fuzz/
                             and the plain traces of corpus/trace_reader_fuzz/ (docs/trace-format.md)
The compressed traces of trace_reader_fuzz were written by TraceWriter.
"""
import hashlib
import pathlib
import struct
import zlib

import milter_corpus

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = ["clean_small", "rset_variants+sendmail", "connect_quit", "gtube_reject", "abort_mid_data"]


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def pieces(packets):
    out = b""
    for from_mta, code, payload in packets:
        octets = milter_corpus.packet(code, payload)
        for at in range(0, len(octets), 127):
            piece = octets[at:at + 127]
            out += bytes([len(piece) | (0 if from_mta else 0x80)]) + piece
    return out


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def record(kind, session, payload):
    head = struct.pack("<IBBHIIQQI", 0x434552C7, kind, 0, 0, len(payload), len(payload), session, 1000, zlib.crc32(payload))
    return head + struct.pack("<I", zlib.crc32(head)) + payload


def encode_packets(packets):
    out = varint(len(packets))
    for from_mta, code, payload in packets:
        out += varint(2) + (b"\0" if from_mta else b"\1") + code + varint(0) + varint(len(payload)) + payload
    return out


def trace(packets):
    head = b"\x89MRTRA\r\n" + struct.pack("<HHQ", 1, 0, 0)
    out = head + struct.pack("<I", zlib.crc32(head)) + record(1, 0, b"{}") + record(3, 1, encode_packets(packets[:6]))
    body = b"hello\r\n"
    digest = hashlib.blake2b(body, digest_size=32).digest()
    at = len(out)
    out += record(2, 0, digest + body)
    ref = varint(len(body)) + digest + varint(at)
    out += record(4, 1, b"\0\1E\0" + ref + encode_packets(packets[6:12]))
    out += record(6, 0, varint(7) + varint(300) + b"\0" + ref + varint(3) + b"a=b" + varint(1) + b"c")
    out += record(5, 1, b"\1\1\0" + encode_packets(packets[-1:]))
    return out + record(7, 0, b"{}")


def main():
    for name in SCENARIOS:
        packets = milter_corpus.connection(name)
        write("session_observer_fuzz", name, pieces(packets)[:4000])
        write("trace_reader_fuzz", name + ".trace", trace(packets))


if __name__ == "__main__":
    main()
