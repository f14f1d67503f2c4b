#!/usr/bin/env python3
"""Makes the small corpora of the milter fuzz targets from the golden transcripts.

usage: milter_corpus.py      reads ../golden/milter/*.milter, writes corpus/milter_*_fuzz/
"""
import pathlib
import re
import struct

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden" / "milter"
SCENARIOS = ["clean_small", "rset_variants+sendmail", "ipv6_client", "mail_params", "gtube_reject"]


def unescape(text):
    def one(match):
        token = match.group(1)
        return b"\0" if token == b"0" else b"\\" if token == b"\\" else bytes([int(token[1:], 16)])

    return re.sub(rb"\\(0|\\|x[0-9a-f]{2})", one, text)


def packet(code, payload):
    return struct.pack(">I", 1 + len(payload)) + code + payload


def connection(name):
    """(from the mail server?, code, payload) of the scenario's last connection."""
    out = []
    for line in (GOLDEN / f"{name}.milter").read_bytes().splitlines():
        if line.startswith(b"connection"):
            out = []
        elif line[:1] in b"<>" and line[1:2] == b" ":
            out.append((line[:1] == b">", line[2:3], unescape(line[4:])))
    return out


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    payloads, texts = {}, {}
    for name in SCENARIOS:
        packets = connection(name)
        there = b"".join(packet(code, payload) for mta, code, payload in packets if mta)
        back = b"".join(packet(code, payload) for mta, code, payload in packets if not mta)
        write("milter_session_fuzz", name, b"\1\7" + there)
        write("milter_session_fuzz", name + "-no-replies", b"\0\x40" + there)
        write("milter_mta_fuzz", name, (b"\1" if "sendmail" in name else b"\0") + b"\x09" + back)
        for mta, code, payload in packets:
            (payloads if mta else texts).setdefault(code, payload)
    for code, payload in payloads.items():
        write("milter_commands_fuzz", "payload-" + code.decode(), payload)
    for code, payload in texts.items():
        if payload:
            name = {b"+": "add", b"-": "del"}.get(code, code.decode())
            write("milter_replies_fuzz", "reply-" + name, bytes([5, 154, 1, 1, 0, 0, 0, 0]) + payload.replace(b"\0", b""))
    for version, actions, protocol in [(2, 0x3F, 0x7F), (4, 0x1FF, 0x37F), (6, 0x1FF, 0x1FFFFF), (6, 0, 0), (7, 0x1FF, 0x1FFFFF)]:
        words = struct.pack("<6I", version, actions, protocol, 0xBD, 0x0D, 0x1EF180)
        write("milter_negotiate_fuzz", f"{version}-{actions:x}-{protocol:x}", words)


if __name__ == "__main__":
    main()
