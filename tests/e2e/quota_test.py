"""Limits per client, network and listener with the real daemon: what is told, and that all of it is given back."""

import json
import os
import random
import re
import signal
from collections import Counter

import milter_wire as wire
from control_test import Asking
from daemon import USER
from http_unix import get
from processes import wait_until
from scanner import reply
from scripted import Pair, ScriptedTest, only_millrace
from stack import stack

SMFIP_NR_CONN = 0x1000
NO_LIMITS = "has no limits per client"


def config_file(name, text):
    path = stack().lab.directory("config", 0o755) / f"{name}.toml"
    path.write_text(text)
    return f"--config={path}"


class Session:
    """One connection of a mail server, for one client."""

    def __init__(self, daemon):
        self._connection = daemon.connect()
        self._file = self._connection.makefile("rb")
        self._send(wire.offer())
        command, payload = wire.read_packet(self._file)
        assert command == "O"
        # Only near a limit we are asked to wait for the answer to CONNECT.
        self.awaits_connect = not int.from_bytes(payload[8:12], "big") & SMFIP_NR_CONN

    def _send(self, *packets):
        self._connection.sendall(b"".join(packets))

    def _read(self):
        while True:
            command, payload = wire.read_packet(self._file)
            if command != wire.PROGRESS:
                return command, payload.rstrip(b"\0").decode("latin-1")

    def connect(self, address):
        family = "6" if ":" in address else "4"
        self._send(wire.connect("client.example.net", family, 25, address))
        return self._read() if self.awaits_connect else ("c", "")

    def data(self, arguments=()):
        """MAIL to DATA; the answer to DATA."""
        self._send(
            wire.packet("H", wire.strings("client.example.net")),
            wire.packet("M", wire.strings("<a@example.net>", *arguments)),
            wire.packet("R", wire.strings("<bob@lab.test>")),
            wire.packet("T"),
        )
        return self._read()

    def content(self, body=b"hello\r\n"):
        """The content with its end; the answer to that."""
        self._send(wire.packet("L", wire.strings("Subject", " x")), wire.packet("N"))
        for at in range(0, len(body), wire.CHUNK):
            self._send(wire.packet("B", body[at : at + wire.CHUNK]))
        self._send(wire.packet("E"))
        return self._read()

    def reset(self):
        self._send(wire.packet("A"))

    def close(self):
        self._file.close()
        self._connection.close()


def counters(daemon):
    """The numbers of a new `counters` line."""
    before = daemon.log.count("counters")
    os.kill(daemon.pid, signal.SIGUSR1)
    wait_until(lambda: daemon.log.count("counters") > before, "the counters in the log")
    line = [line for line in daemon.log.splitlines() if "counters" in line][-1]
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}


class QuotaTest(Asking, ScriptedTest):
    def start(self, label, text):
        used = Pair(label, [config_file(label, text)])
        self.addCleanup(used.end)
        used.answer(reply())
        return used

    def session(self, used):
        session = Session(used.daemon)
        self.addCleanup(session.close)
        return session

    @only_millrace(NO_LIMITS)
    def test_a_client_over_its_sessions_is_told_421_and_served_later(self):
        used = self.start("quota-sessions", "[quota]\nclient_sessions_max = 2\n")
        first, second = self.session(used), self.session(used)
        self.assertFalse(second.awaits_connect)
        self.assertEqual(first.connect("192.0.2.7")[0], "c")
        self.assertEqual(second.connect("192.0.2.7")[0], "c")
        wait_until(lambda: counters(used.daemon)["quota_connections"] == 2, "both to be counted")
        command, text = self.session(used).connect("192.0.2.7")
        self.assertEqual((command, text[:3]), ("y", "421"))
        self.assertEqual(self.session(used).connect("192.0.2.8")[0], "c")
        for _ in range(3):
            self.assertEqual(self.session(used).connect("127.0.0.1")[0], "c")
        wait_until(lambda: "too many sessions of a client" in used.daemon.log, "the log's line")
        first.close()
        wait_until(lambda: self.session(used).connect("192.0.2.7")[0] == "c", "a session to be free")
        self.assertEqual(second.data()[0], "c")
        self.assertEqual(second.content()[0], "c")

    @only_millrace(NO_LIMITS)
    def test_a_message_over_a_limit_is_refused_at_DATA_in_words(self):
        used = self.start(
            "quota-rate",
            "[quota]\nclient_message_rate = 1\nclient_message_burst = 2\n"
            '[[listener]]\nmessage_bytes_max = "100KiB"\n',
        )
        session = self.session(used)
        session._send(wire.connect("client.example.net", "4", 25, "192.0.2.7"))
        self.assertEqual(session.data(["SIZE=102401"]), ("y", "552 5.3.4 Message is too large"))
        session.reset()
        self.assertEqual(session.data(["SIZE=102400"])[0], "c")
        self.assertEqual(session.content(b"x" * 300_000), ("y", "552 5.3.4 Message is too large"))
        self.assertEqual(session.data()[0], "c")
        self.assertEqual(session.content()[0], "c")
        command, text = session.data()
        self.assertEqual(command, "y")
        self.assertEqual(
            text,
            "451 4.7.1 Too many messages in a short time from your address, please try again later",
        )

    def clients(self, *arguments):
        """What `millracectl quota` answers."""
        ended = self.ctl("quota", "--json", *arguments)
        self.assertEqual(ended.returncode, 0, ended)
        return json.loads(ended.stdout)

    @only_millrace(NO_LIMITS)
    def test_open_sessions_are_shown_with_their_addresses_and_in_metrics_without(self):
        where = stack().lab.directory("run", 0o755, USER) / "quota-shown-metrics.sock"
        used = self.start(
            "quota-shown",
            "[quota]\nclient_sessions_max = 9\nnetwork_messages_max = 5\n"
            f'[metrics]\nsocket = "unix:{where}"\n',
        )
        self.socket = used.daemon.pid_file.with_suffix(".control")
        self.assertEqual(self.clients()["clients"], [])
        first, second, third = (self.session(used) for _ in range(3))
        first.connect("192.0.2.7")
        second.connect("192.0.2.7")
        third.connect("2001:db8::5")
        self.assertEqual(second.data()[0], "c")
        shown = self.clients()
        self.assertEqual(
            [
                (each["client"], each["kind"], each["sessions"], each["messages"])
                for each in shown["clients"]
            ],
            [
                ("192.0.2.7", "address", 2, 1),
                ("192.0.2.0", "network", 2, 1),
                ("2001:db8::5", "address", 1, 0),
                ("2001:db8::", "network", 1, 0),
            ],
        )
        self.assertEqual(len(self.clients("--limit=1")["clients"]), 1)
        table = shown["client_table"]
        self.assertEqual((table["keys"], table["sessions"], table["messages"]), (4, 6, 2))
        self.assertEqual(table["keys_limit"], 65536)
        text = self.ctl("quota").stdout
        self.assertRegex(text, r"192\.0\.2\.7 +address +2 of 9 +1\n")
        self.assertRegex(text, r"192\.0\.2\.0 +network +2 +1 of 5\n")
        metrics = get(where, "/metrics")[2]
        for line in ("quota_keys 4", "quota_keys_limit 65536", "quota_sessions 6"):
            self.assertIn(f"\nmillrace_{line}\n", metrics)
        for address in ("192.0.2.", "2001:db8"):
            self.assertNotIn(address, metrics)
        for session in (first, second, third):
            session.close()
        wait_until(lambda: self.clients()["client_table"]["keys"] == 0, "all to be given back")
        self.assertEqual(self.clients()["clients"], [])


STORM = """
[quota]
client_sessions_max = 2
client_messages_max = 1
network_sessions_max = 12
network_messages_max = 8
client_message_rate = 1
client_message_burst = 2
table_entries = 2048
table_full = "refuse"
[[listener]]
sessions_max = 100
messages_max = 60
"""


class StormTest(ScriptedTest):
    """10,000 sessions from 3,000 addresses, some 300 at a time, that may end anywhere.

    The table has 2,048 entries, and an address that has sent keeps its entry for a minute: it fills up.
    """

    SESSIONS, ADDRESSES, AT_ONCE = 10_000, 3_000, 300

    def play(self, daemon, address, told):
        """A generator that stops between the steps of one session; it may be closed there."""
        session = Session(daemon)
        try:
            yield
            command, text = session.connect(address)
            told[text[:3] if command == "y" else "connected"] += 1
            if command == "y":
                return
            yield
            for _ in range(2):
                command, text = session.data()
                told[text if command == "y" else "data"] += 1
                yield
                if command == "y":
                    session.reset()
                    continue
                told["answer " + session.content()[0]] += 1
                yield
        finally:
            session.close()

    @only_millrace(NO_LIMITS)
    def test_all_that_10000_sessions_take_is_given_back(self):
        used = Pair("quota-storm", [config_file("quota-storm", STORM)])
        self.addCleanup(used.end)
        used.answer(reply())
        chance, told, open_sessions, begun = random.Random(5), Counter(), [], 0
        while begun < self.SESSIONS or open_sessions:
            if begun < self.SESSIONS and len(open_sessions) < self.AT_ONCE:
                number = chance.randrange(self.ADDRESSES)
                address = f"198.51.{number // 250}.{number % 250}"
                open_sessions.append(self.play(used.daemon, address, told))
                next(open_sessions[-1])
                begun += 1
            at = chance.randrange(len(open_sessions))
            if chance.random() < 0.15:
                open_sessions[at].close()
                open_sessions.pop(at)
            elif next(open_sessions[at], "over") == "over":
                open_sessions.pop(at)
        last = {}
        taken = ("sessions", "messages", "quota_keys", "quota_connections", "quota_in_flight")

        def all_given_back():
            last.update(counters(used.daemon))
            return not any(last[name] for name in taken)

        wait_until(all_given_back, "every count to be zero")
        self.assertGreater(told["421"], 0, told)
        self.assertGreater(told["answer c"], 0, told)
        # Which limit a session meets first is chance here; tests/relay/relay_quota_test.cc meets each.
        self.assertGreater(last.get("quota_listener_sessions", 0), 0, last)
