"""What an idle session costs in memory: a daemon with 1,000 of them, and then with 10,000.

Each session has said OPTNEG, CONNECT and HELO as Postfix does, has had one message with its verdict, and stands. Told are
the process's own anonymous memory (RssAnon), its threads and its descriptors at both points: what 9,000 more sessions
have added, divided by 9,000. What the kernel keeps for a socket is not in it.
"""
import contextlib
import os
import socket
import struct

import daemons
import load

FIRST, LAST = 1000, 10000
VERSION, ACTIONS, PROTOCOL = 6, 0x1FF, 0x1FFFFF
FINAL = b"catrdy"


def packet(command, *parts):
    payload = b"".join(parts)
    return struct.pack("!I", len(payload) + 1) + command + payload


def texts(*values):
    return b"".join(value.encode() + b"\0" for value in values)


def greeting(number):
    """CONNECT and HELO with the macros that a Postfix gives, of a client of its own."""
    address, name = f"192.0.{2 + number // 250 % 50}.{number % 250}", f"mail-client{number}.customers.example.net"
    connect = texts("j", "mx.lab.test", "{daemon_name}", "smtpd", "v", "Postfix 3.7.11", "{client_name}", name,
                    "{client_addr}", address, "{client_port}", str(20000 + number), "{client_ptr}", name)
    return (packet(b"D", b"C", connect) + packet(b"C", texts(name), b"4", struct.pack("!H", 20000 + number),
                                                 texts(address)) +
            packet(b"D", b"H") + packet(b"H", texts(name)))


def message(number, body):
    """Packets before DATA, and from the header on."""
    queue_id = f"4Rb{number:07d}"
    before = (packet(b"D", b"M", texts("i", queue_id, "{mail_addr}", "alice@example.net", "{mail_host}", "example.net"))
              + packet(b"M", texts("<alice@example.net>", "SIZE=4000"))
              + packet(b"D", b"R", texts("i", queue_id, "{rcpt_addr}", "bob@lab.test")) + packet(b"R", texts("<bob@lab.test>"))
              + packet(b"D", b"T", texts("i", queue_id)) + packet(b"T"))
    header = b"".join(packet(b"L", texts(name, " " + value)) for name, value in
                      [("From", "Alice <alice@example.net>"), ("To", "Bob <bob@lab.test>"), ("Subject", "minutes")])
    return before, header + packet(b"N") + packet(b"B", body) + packet(b"D", b"E", texts("i", queue_id)) + packet(b"E")


class Client:
    """One session; blocking, all timeouts are failures."""

    def __init__(self, path, number):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.pending = b""
        self.say(packet(b"O", struct.pack("!III", VERSION, ACTIONS, PROTOCOL)))
        answer = self.reply()
        self.protocol = struct.unpack("!I", answer[9:13])[0]
        self.play(number)

    def say(self, octets):
        self.socket.sendall(octets)

    def reply(self):
        while len(self.pending) < 4 or len(self.pending) < 4 + struct.unpack("!I", self.pending[:4])[0]:
            more = self.socket.recv(65536)
            if not more:
                raise daemons.Failed("the daemon closed a session that should have stood idle")
            self.pending += more
        length = struct.unpack("!I", self.pending[:4])[0]
        whole, self.pending = self.pending[4:4 + length], self.pending[4 + length:]
        return whole

    def play(self, number):
        """The session up to its first verdict; fails where it is not an acceptance."""
        before, content = message(number, BODY)
        self.say(greeting(number) + before)
        if not self.protocol & NO_REPLY_DATA:
            self.reply()
        self.say(content)
        while (code := self.reply()[:1]) not in (b"a", b"c"):
            if code in (b"t", b"r", b"y", b"d"):
                raise daemons.Failed(f"session {number} had the verdict {code!r}")


BODY = b"An ordinary line of an ordinary message.\r\n" * 70
NO_REPLY_DATA = 0x010000
VARIANTS = [(io, shards) for io in ("uring", "uring-recv", "epoll") for shards in (1, 2)]


def measure_all(rig, quick):
    """A list of figures, one per io source and number of shards."""
    daemons.raise_file_limit()
    last = 2000 if quick else LAST
    if daemons.file_limit() < last + 1200:
        print(f"idle sessions: left out, {last:,} need more open files: raise the hard limit (ulimit -Hn)")
        return []
    return [measure(rig, io, shards, FIRST, last) for io, shards in (VARIANTS[:1] if quick else VARIANTS)]


def measure(rig, io, shards, first, last):
    scenario = next(s for s in load.SCENARIOS if s.name == "many")
    subject = daemons.Subject(f"millrace {io}, {shards} shard{'s' if shards > 1 else ''}",
                              daemons.millrace(io, f"--shards={shards}", f"--max-sessions={last + 100}",
                                               "--max-messages=400"), daemons.signal.SIGTERM)
    with contextlib.ExitStack() as open_:
        daemon = open_.enter_context(rig.daemon(subject, scenario, next(iter(rig.spools))))
        points = []
        clients = []
        open_.callback(lambda: [client.socket.close() for client in clients])
        for wanted in (first, last):
            while len(clients) < wanted:
                clients.append(Client(daemon.socket, len(clients)))
            daemon.settled_cpu_seconds()
            points.append({"sessions": wanted, "rss_anon_kib": daemon.status("RssAnon"),
                           "threads": daemon.status("Threads"), "descriptors": daemon.descriptors(),
                           "slots": slots_of(daemon.work)})
    grown = {key: points[1][key] - points[0][key] for key in points[0]}
    return {"subject": subject.name, "points": points,
            "bytes_per_session": 1024 * grown["rss_anon_kib"] / grown["sessions"],
            "threads_per_session": grown["threads"] / grown["sessions"],
            "descriptors_per_session": grown["descriptors"] / grown["sessions"], "more_slots": grown["slots"]}


def slots_of(work):
    """Message files in the spool."""
    return sum(len(files) for folder, _, files in os.walk(work) if os.path.dirname(folder) != str(work))
