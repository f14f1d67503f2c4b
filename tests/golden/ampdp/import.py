#!/usr/bin/env python3
"""Makes the .ampdp transcripts of this folder from recorded transactions.

usage: import.py TRACES [OUTPUT]

TRACES holds one folder per scenario with an ampdp.jsonl: one record a read, {"conn": N, "dir":
"milter>amavisd" | "amavisd>milter" | ..., "hex": "..."}. One transcript is written per scenario:

    connection 1
    > request=AM%2ePDP\\n        a line of the request; \\r \\n \\\\ and \\xNN stand for octets
    < version_server=2\\r\\n      a line of the reply
    = verdict continue          what the reply means, decoded here, independently of the C++ code

The recordings are of amavisd-milter 1.7.2 and amavisd 2.13 (or, fake_*, of a scripted scanner).
"""
import json
import pathlib
import re
import sys

FINAL = ("reject", "discard", "tempfail")
KNOWN = ("version_server", "log_id", "setreply", "delrcpt", "addrcpt", "delheader", "chgheader",
         "insheader", "addheader", "quarantine", "return_value", "exit_code")


def escape(octets):
    named = {0x0a: "\\n", 0x0d: "\\r", 0x5c: "\\\\"}
    return "".join(named.get(o) or (chr(o) if 0x20 <= o < 0x7f else f"\\x{o:02x}") for o in octets)


def decode(value):
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), value)


def wire_lines(octets):
    return re.findall(rb"[^\n]*\n|[^\n]+\Z", octets)


def meaning(reply):
    """The typed result as text, one item a line."""
    facts, edits, unknown = {}, [], []
    number = 0
    for line in wire_lines(reply):
        number += 1
        if not line.endswith(b"\n"):
            return [f"error line {number} column {len(line) + 1}: ends before the empty line"]
        content = line[:-1].removesuffix(b"\r")
        if not content:
            break
        name, _, value = content.partition(b"=")
        name = name.decode()
        if name not in KNOWN:
            unknown.append(name)
            continue
        if name == "version_server" and int(value) > 2:
            return [f"error line {number} column {len(name) + 2}: protocol version above 2"
                    " (version_server)"]
        if name in ("delrcpt", "addrcpt", "quarantine"):
            edits.append(f"{name} {escape(decode(value))}")
        elif name in ("delheader", "chgheader", "insheader", "addheader"):
            edits.append(" ".join([name] + [escape(decode(f)) for f in value.split(b" ")]))
        elif name == "setreply":
            facts[name] = " ".join(escape(decode(f)) for f in value.split(b" ", 2))
        else:
            facts[name] = escape(decode(value))
    if not reply:
        return ["error line 1 column 1: ends before the empty line"]
    out = [f"verdict {facts['return_value']}"]
    out += [f"{key} {facts[key]}" for key in ("version_server", "log_id", "setreply")
            if key in facts]
    out += edits
    if unknown:
        out.append(f"unknown {len(unknown)} {unknown[0]}")
    assert not (edits and facts["return_value"] in FINAL)
    return out


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    output = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else pathlib.Path(__file__).parent)
    written = 0
    for source in sorted(pathlib.Path(sys.argv[1]).glob("*/ampdp.jsonl")):
        connections = {}
        for record in map(json.loads, source.read_text().splitlines()):
            directions = connections.setdefault(record["conn"], {})
            octets = bytes.fromhex(record.get("hex", ""))
            directions[record["dir"]] = directions.get(record["dir"], b"") + octets
        text = []
        for number, directions in connections.items():
            request = directions.get("milter>amavisd", b"")
            reply = directions.get("amavisd>milter", b"")
            if not request:
                continue
            text.append(f"connection {number}")
            text += ["> " + escape(line) for line in wire_lines(request)]
            text += ["< " + escape(line) for line in wire_lines(reply)]
            text += ["= " + line for line in meaning(reply)]
        if text:
            (output / f"{source.parent.name}.ampdp").write_text("\n".join(text) + "\n")
            written += 1
    print(f"{written} transcripts")


if __name__ == "__main__":
    main()
