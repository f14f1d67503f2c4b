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
    sessions: int                   # connections at a time
    message: str                    # name of the transaction, or TRACE
    messages_per_session: int = 1   # then the connection ends and the next begins; TRACE: as made
    rate: int = 0                   # messages a second, whatever the daemon does, instead of so many sessions at a time
    warm_up: int = 0                # messages; 0: two per session, at least 200
    idle: int = 0                   # further connections that say CONNECT and HELO and stay
    abort_share: float = 0.0        # of the sessions: they leave in their message
    scanner_delay_ms: int = 0       # before each reply
    scanner_connections: int = 0    # the daemon's -m; 0: no limit
    left_out: tuple = ()            # subjects that cannot do this
    seconds_min: float = 0.0        # of load, where many messages take long
    timeout: int = 20               # seconds without an octet: the player gives the session up and counts a failure

    def warm_up_messages(self):
        return self.warm_up or max(200, 2 * self.sessions)

    def source(self, scratch):
        """The player's options that say what is played."""
        if self.message == TRACE:
            return ["--trace", str(scratch / "mix.trace"), "--loop", "--as", "postfix"]
        return ["--transactions", str(scratch / "transactions"), "--only", self.message]

    def closed_loop(self):
        """Those that say how, with a number of sessions at a time."""
        shape = ["--sessions", str(self.sessions)]
        if self.message != TRACE:
            shape += ["--messages-per-session", str(self.messages_per_session)]
        return shape

    def latency(self):
        """(key of the player's report, words): what p50 and p99 are of."""
        if self.rate:
            return "transaction_us", "from the time at which a message was due to its verdict"
        return "end_of_message_us", "from end of message to verdict"

    def shape(self):
        return ["--rate", str(self.rate)] if self.rate else self.closed_loop()


# Octets of each message's body; with the header below the messages have 12 KB, 4 KB, 5 MB.
HEADER_BYTES_ABOUT = 1000
BODY_BYTES = {"12k": 11100, "4k": 2900, "5m": 5_000_000}

# What millrace-record makes the mail-like mix with: its model of mail, 100 bodies, none above 1 MB, always the same.
TRACE = "trace"
TRACE_OPTIONS = ["--generate", "2000", "--seed", "1", "--distinct-bodies", "100", "--size-max", "1000000"]

FLOOR = "floor"
SCENARIOS = [
    Scenario("many", "64 sessions, 12 KB messages, a new session for each", 64, "12k"),
    Scenario("long", "16 long sessions, 100 messages of 4 KB in each", 16, "4k", messages_per_session=100),
    Scenario("one", "1 session at a time, 12 KB messages, a new session for each", 1, "12k"),
    Scenario("crowd", "512 sessions, 12 KB messages, a new session for each", 512, "12k"),
    Scenario("mix", "256 sessions, made-up mail: sizes to 1 MB, recipients, header fields, messages per session", 256,
             TRACE),
    Scenario("rate", "300 messages a second at random times, 12 KB, a new session for each", 16, "12k", rate=300,
             seconds_min=2.0),
    Scenario("large", "8 sessions, 5 MB messages, a new session for each", 8, "5m", warm_up=16),
    Scenario("idle800", "64 sessions, 12 KB messages, a new session for each, beside 800 idle sessions", 64,
             "12k", idle=800, timeout=5),
    Scenario("idle3000", "64 sessions, 12 KB messages, a new session for each, beside 3,000 idle sessions", 64,
             "12k", idle=3000, timeout=5),
    Scenario("slow", "256 sessions, 12 KB messages, a scanner that takes 200 ms, at most 64 scans at a time (-m 64)",
             256, "12k", scanner_delay_ms=200, scanner_connections=64, left_out=(FLOOR,), seconds_min=2.0),
    Scenario("churn", "128 sessions, 4 KB messages, a new session for each; a quarter leave in the message", 128,
             "4k", abort_share=0.25),
]

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
        envelope = {"sender": "<alice@example.net>", "sender_arguments": [f"SIZE={body_bytes + HEADER_BYTES_ABOUT}"],
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
