"""What is played: the scenarios, the messages, and the scanner's one reply."""
import dataclasses
import json
import re

# The transcript whose reply (about 400 octets: three header fields to insert and more) every request gets.
REPLY_SOURCE = "clean_small.ampdp"


# Subjects, by the names of daemons.SUBJECTS.
INCUMBENT, FLOOR = "amavisd-milter", "floor"
URING, RECV, EPOLL = "millrace uring", "millrace uring-recv", "millrace epoll"
PICKED = URING  # what --io=auto picks where it can: whom the targets are about
ALL = (INCUMBENT, URING, RECV, EPOLL, FLOOR)
THREE = (INCUMBENT, PICKED, FLOOR)

BOTH_SPOOLS = ("tmpfs", "ext4")
ROUNDS_ANY = 1000


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    sessions: int                   # connections at a time
    message: str                    # name of the transaction, or TRACE
    subjects: tuple = THREE         # who is measured
    spools: tuple = ("tmpfs",)      # on what
    messages_per_session: int = 1   # then the connection ends and the next begins; TRACE: as made
    rate: int = 0                   # messages a second, whatever the daemon does, instead of so many sessions at a time
    rate_of: str = ""               # whose capacity the rate is a share of; it is measured before the first round
    rate_share: float = 0.0
    sessions_capped: bool = False   # with a rate: never more than `sessions` at a time
    messages: int = 0               # exactly so many, instead of as many as the time allows
    warm_up: int = 0                # messages; 0: two per session, at least 200
    idle: int = 0                   # further connections that say CONNECT and HELO and stay
    abort_share: float = 0.0        # of the sessions: they leave in their message
    scanner_delay_ms: int = 0       # before each reply
    scanner_connections: int = 0    # the daemon's -m; 0: no limit
    millrace_limits: tuple = ()     # flags of millrace alone
    cores_shared: bool = False      # daemon, player and scanner all have both cores
    files: int = 0                  # open files that the daemon needs; 0: no more than anywhere has
    rounds_max: int = ROUNDS_ANY    # where only failures are of interest
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
        """(key of the player's report, words): what p50, p99 and p99.9 are of."""
        if self.rate_of:
            return "verdict_us", "from end of message to verdict"
        if self.rate:
            return "transaction_us", "from the time at which a message was due to its verdict"
        return "end_of_message_us", "from end of message to verdict"

    def shape(self):
        if not self.rate:
            return self.closed_loop()
        return ["--rate", str(self.rate)] + (["--max-sessions", str(self.sessions)] if self.sessions_capped else [])

    def amount(self, seconds):
        """The player's options that say how much."""
        if self.messages:
            return ["--messages", str(self.messages)]
        return ["--messages", "1000000000", "--duration", f"{max(seconds, self.seconds_min)}s"]

    def at_rate(self, capacity):
        """The same with its rate, where that is a share of a measured capacity (messages a second by subject)."""
        if not self.rate_of:
            return self
        rate = max(1, round(self.rate_share * capacity[self.rate_of]))
        return dataclasses.replace(self, rate=rate, title=self.title.replace("RATE", f"{rate:,}"))


# Octets of each message's body; with the header below the messages have 12 KB, 4 KB, 5 MB.
HEADER_BYTES_ABOUT = 1000
BODY_BYTES = {"12k": 11100, "4k": 2900, "5m": 5_000_000}

def per_mb(cost, scenario):
    """A cost per message as one per MB of content; None where messages have several sizes."""
    if scenario.message == TRACE:
        return None
    return cost * 1e6 / (BODY_BYTES[scenario.message] + HEADER_BYTES_ABOUT)


# What millrace-record makes the mail-like mix with: its model of mail, 100 bodies, none above 1 MB, always the same.
TRACE = "trace"
TRACE_OPTIONS = ["--generate", "2000", "--seed", "1", "--distinct-bodies", "100", "--size-max", "1000000"]

ONE_SHARD, TWO_SHARDS = "millrace 1 shard", "millrace 2 shards"
MANY_SHARDS = ("millrace 4 shards", "millrace 8 shards")
MILLRACE_CRLF, FLOOR_CRLF = "millrace crlf", "floor crlf"
NEW_SESSION = "12 KB messages, a new session for each"
MIX = "made-up mail: sizes to 1 MB, recipients, header fields, messages per session"
SCENARIOS = [
    Scenario("many", f"64 sessions, {NEW_SESSION}", 64, "12k", ALL, BOTH_SPOOLS),
    Scenario("long", "16 long sessions, 100 messages of 4 KB in each", 16, "4k", spools=BOTH_SPOOLS,
             messages_per_session=100),
    Scenario("mix", f"256 sessions, {MIX}", 256, TRACE, ALL, BOTH_SPOOLS),
    Scenario("large", "8 sessions, 5 MB messages, a new session for each", 8, "5m",
             (*THREE, MILLRACE_CRLF, FLOOR_CRLF), BOTH_SPOOLS, warm_up=16),
    Scenario("one", f"1 session at a time, {NEW_SESSION}", 1, "12k"),
    Scenario("crowd", f"512 sessions, {NEW_SESSION}", 512, "12k"),
    Scenario("rate", "300 messages a second at random times, 12 KB, a new session for each", 16, "12k", rate=300,
             seconds_min=2.0),
    Scenario("idle800", f"64 sessions, {NEW_SESSION}, beside 800 idle sessions", 64, "12k", idle=800, timeout=5,
             rounds_max=3),
    Scenario("idle3000", f"64 sessions, {NEW_SESSION}, beside 3,000 idle sessions", 64, "12k", idle=3000, timeout=5,
             rounds_max=3),
    Scenario("slow", "256 sessions, 12 KB messages, a scanner that takes 200 ms, at most 64 scans at a time (-m 64)",
             256, "12k", (INCUMBENT, PICKED), scanner_delay_ms=200, scanner_connections=64, seconds_min=2.0,
             rounds_max=3),
    Scenario("churn", "128 sessions, 4 KB messages, a new session for each; a quarter leave in the message", 128,
             "4k", abort_share=0.25),
    Scenario("rate60", f"RATE messages a second at random times (60% of amavisd-milter's capacity), {NEW_SESSION}, at "
             "most 64 sessions", 64, "12k", rate_of=INCUMBENT, rate_share=0.6, sessions_capped=True, seconds_min=6.0),
    Scenario("shards", f"RATE messages a second at random times (half of one shard's capacity), {NEW_SESSION}; "
             "daemon, player and scanner all on both cores", 64, "12k", (ONE_SHARD, TWO_SHARDS), rate_of=ONE_SHARD,
             rate_share=0.5, cores_shared=True, seconds_min=2.0),
    Scenario("shards48", f"64 sessions, {NEW_SESSION}; more shards than cores, all on both cores", 64, "12k",
             MANY_SHARDS, cores_shared=True, rounds_max=1),
    Scenario("mix512", f"512 sessions, {MIX}; a scanner that takes 1.5 s, so that nearly all are in flight", 512,
             TRACE, (INCUMBENT, PICKED), warm_up=200, scanner_delay_ms=1500, seconds_min=3.0, rounds_max=2),
    Scenario("mix2000", f"2,000 sessions, {MIX}; a scanner that takes 4 s, so that nearly all are in flight", 2000,
             TRACE, (INCUMBENT, PICKED), warm_up=200, scanner_delay_ms=4000, seconds_min=5.0, rounds_max=1,
             millrace_limits=("--max-sessions=2100", "--max-messages=2100")),
    Scenario("storm", "4,000 sessions with a 12 KB message each, all in flight at a scanner that takes 6 s, beside "
             "6,000 idle sessions", 4000, "12k", (INCUMBENT, PICKED), warm_up=1, idle=6000, messages=4000,
             scanner_delay_ms=6000, rounds_max=1, files=18600,
             millrace_limits=("--max-sessions=10100", "--max-messages=4100")),
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
