"""What is played: the scenarios, the messages, and the scanner's one reply."""
import dataclasses
import json
import re

# The transcript whose reply (about 400 octets: three header fields to insert and more) every request gets.
REPLY_SOURCE = "clean_small.ampdp"


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    sessions: int              # connections at a time
    messages_per_session: int  # then the connection ends and the next begins
    message: str               # name of the transaction


SCENARIOS = [
    Scenario("many", "64 sessions, 12 KB messages, a new session for each", 64, 1, "12k"),
    Scenario("long", "16 long sessions, 100 messages of 4 KB in each", 16, 100, "4k"),
    Scenario("one", "1 session at a time, 12 KB messages, a new session for each", 1, 1, "12k"),
    Scenario("crowd", "512 sessions, 12 KB messages, a new session for each", 512, 1, "12k"),
]

# Octets of each message's body; with the header below the messages have 12 and 4 KB.
BODY_BYTES = {"12k": 11100, "4k": 2900}

# The header of an ordinary message that came a long way: 14 fields, some folded.
HEADER = """\
Received: from relay.example.net (relay.example.net [192.0.2.7])
\tby client.example.net (Postfix) with ESMTPS id 4RB0X12Y3Zz4w
\tfor <bob@lab.test>; Sun, 22 Nov 2026 09:59:58 +0000 (UTC)
Received: from desk.example.net (desk.example.net [198.51.100.23])
\tby relay.example.net (Postfix) with ESMTPSA id 9F1A2B3C4D
\tfor <bob@lab.test>; Sun, 22 Nov 2026 09:59:57 +0000 (UTC)
Message-ID: <5f0d1c9e-7a31-4b7e-9a55-2c1f3c0f8e11@example.net>
Date: Sun, 22 Nov 2026 10:59:57 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Subject: Re: minutes of the meeting on Thursday
To: Bob <bob@lab.test>
References: <20261121101112.1234@lab.test>
In-Reply-To: <20261121101112.1234@lab.test>
Content-Language: en-GB
From: Alice <alice@example.net>
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 7bit

"""


def write_transactions(folder):
    """One NAME.eml and NAME.json per message, in the form that millrace-replay reads."""
    folder.mkdir()
    for name, body_bytes in BODY_BYTES.items():
        (folder / f"{name}.eml").write_text(HEADER)
        envelope = {"sender": "<alice@example.net>", "sender_arguments": [f"SIZE={body_bytes + 1000}"],
                    "recipients": ["<bob@lab.test>"], "body_bytes": body_bytes, "expect": "accepted"}
        (folder / f"{name}.json").write_text(json.dumps(envelope))


def write_reply(transcript, to):
    """The octets that amavisd sent in a golden transcript ("< line\\r\\n" with escapes)."""
    octets = b""
    for line in transcript.read_bytes().splitlines():
        if line.startswith(b"< "):
            octets += unescape(line[2:])
    to.write_bytes(octets)


def unescape(text):
    """The form of the golden files: \\r, \\n, \\\\ and \\xNN."""
    names = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}

    def octet(match):
        mark = match.group(1)
        return names[mark] if mark in names else bytes([int(mark[1:], 16)])

    return re.sub(rb"\\(r|n|t|\\|x[0-9a-fA-F]{2})", octet, text)
