"""millrace-record between two programs of the test: octets, ends, limits, disks, signals.

    far (the test) --> millrace-record --> filter (the test)

What a recording says of real mail is tested in record_replay_test.
"""

import itertools
import os
import pathlib
import resource
import signal
import socket
import stat
import subprocess
import threading
import unittest

import daemon
from processes import Child, wait_until
from scripted import only_millrace
from stack import stack

PATIENCE_S = 60
NUMBERS = itertools.count()
# OPTNEG as Postfix sends it; what a session must begin with to be recorded.
OPTNEG = b"\0\0\0\x0dO" + b"\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"


def packet(code, payload=b""):
    return (len(payload) + 1).to_bytes(4, "big") + code + payload


def message_packets(body):
    pieces = [body[at : at + 65535] for at in range(0, len(body), 65535)]
    return b"".join(
        [packet(b"M", b"<a@example.net>\0"), packet(b"R", b"<b@example.net>\0"), packet(b"N")]
        + [packet(b"B", piece) for piece in pieces]
        + [packet(b"E")]
    )


def read_to_end(end):
    octets = bytearray()
    while piece := end.recv(1 << 20):
        octets += piece
    return bytes(octets)


def address_of(text):
    """(family, address) of a socket in the notation of the programs."""
    kind, _, rest = text.partition(":")
    if kind in ("inet", "inet6"):
        port, _, host = rest.partition("@")
        family = socket.AF_INET if kind == "inet" else socket.AF_INET6
        return family, (host.strip("[]"), int(port))
    return socket.AF_UNIX, rest if kind in ("unix", "local") else text


def connect(text):
    family, address = address_of(text)
    end = socket.socket(family, socket.SOCK_STREAM)
    end.settimeout(PATIENCE_S)
    end.connect(address)
    return end


class Filter:
    """Listens where the proxy connects to."""

    def __init__(self, text):
        family, address = address_of(text)
        self.text = text
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen(64)
        self.listener.settimeout(PATIENCE_S)

    def accept(self):
        end, _ = self.listener.accept()
        end.settimeout(PATIENCE_S)
        return end


class Proxy:
    """millrace-record, which is ended with the test."""

    def __init__(self, test, front, milter, *flags, file_bytes=None):
        name = f"proxy{next(NUMBERS)}"
        lab = stack().lab
        self.trace = lab.directory(name) / "trace"

        def limit():
            if file_bytes:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        program = pathlib.Path(daemon.Millrace.bin_dir) / "millrace-record"
        self.child = Child(
            name,
            [program, "--listen", front, "--milter", milter, "--out", self.trace, *flags],
            lab.directory("log") / f"{name}.log",
            preexec_fn=limit,
        )
        test.addCleanup(self.child.stop)
        wait_until(lambda: f"ready on {front}" in self.said(), f"{name} to be ready: {self.said()}")

    def said(self):
        self.child.require_running()
        return self.child.output()

    def ask(self, number=signal.SIGTERM):
        self.child.process.send_signal(number)

    def end(self):
        """Ends it; (exit status, what it said)."""
        if self.child.process.poll() is None:
            self.ask()
        return self.ended()

    def ended(self):
        """Waits for its end; (exit status, what it said)."""
        return self.child.process.wait(PATIENCE_S), self.child.output()

    def field(self, name):
        """A number of its status line."""
        self.ask(signal.SIGUSR1)
        line = [line for line in self.said().splitlines() if " status " in line]
        return int(line[-1].partition(f" {name}=")[2].split()[0]) if line else -1


def sockets(kind):
    folder = stack().lab.directory("proxy-sockets")
    number = next(NUMBERS)
    if kind in ("inet", "inet6"):
        return f"{kind}:{stack().lab.ports.take()}@{'127.0.0.1' if kind == 'inet' else '::1'}"
    return f"{folder}/{number}" if kind == "path" else f"{kind}:{folder}/{number}"


@only_millrace("it has no recorder")
class RecordProxyTest(unittest.TestCase):
    def pair(self, *flags, kinds=("unix", "unix"), **limits):
        """(proxy, socket to connect to, filter)."""
        front, back = (sockets(kind) for kind in kinds)
        filter_end = Filter(back)
        self.addCleanup(filter_end.listener.close)
        return Proxy(self, front, back, *flags, **limits), front, filter_end

    def check_octets(self, front, filter_end, to_filter, to_far):
        far = connect(front)
        near = filter_end.accept()
        heard = {}

        def play(name, end, octets):
            end.sendall(octets)
            end.shutdown(socket.SHUT_WR)
            heard[name] = read_to_end(end)

        other = threading.Thread(target=play, args=("filter", near, to_far))
        reader = threading.Thread(target=lambda: heard.update(far=read_to_end(far)))
        other.start()
        reader.start()
        # Both directions at once: the filter answers before it reads.
        far.sendall(to_filter)
        far.shutdown(socket.SHUT_WR)
        reader.join(PATIENCE_S)
        other.join(PATIENCE_S)
        near.close()
        far.close()
        self.assertEqual(heard["filter"] == to_filter, True)
        self.assertEqual(heard["far"] == to_far, True)

    def test_octets_pass_unaltered_on_every_kind_of_socket(self):
        octets = os.urandom(100_000)
        for kinds in (("unix", "inet"), ("local", "inet6"), ("path", "unix"), ("inet", "path")):
            with self.subTest(kinds):
                proxy, front, filter_end = self.pair(kinds=kinds)
                self.check_octets(front, filter_end, octets, octets[::-1])
                self.assertEqual(proxy.end()[0], 0)

    def test_large_streams_pass_in_every_way_of_forwarding(self):
        for forward, io in itertools.product(("copy", "splice", "auto"), ("epoll", "auto")):
            with self.subTest((forward, io)):
                proxy, front, filter_end = self.pair(f"--forward={forward}", f"--io={io}")
                small = OPTNEG + os.urandom(500_000)  # of which the last part is no packet
                self.check_octets(front, filter_end, small, b"")
                self.check_octets(front, filter_end, message_packets(os.urandom(3 << 20)), b"ok")
                status, said = proxy.end()
                self.assertEqual(status, 0, said)

    def test_a_milter_that_does_not_listen_ends_the_connection_at_once(self):
        proxy = Proxy(self, front := sockets("unix"), sockets("unix"))
        with connect(front) as far:
            self.assertEqual(far.recv(1), b"")
        wait_until(lambda: proxy.field("unreachable") == 1, "the refused one to be counted")
        self.assertEqual(proxy.end()[0], 0)

    def test_a_filter_that_breaks_the_connection_breaks_the_mail_servers(self):
        proxy, front, filter_end = self.pair()
        far = connect(front)
        near = filter_end.accept()
        far.sendall(OPTNEG)
        self.assertEqual(near.recv(1), OPTNEG[:1])
        near.close()  # with octets unread: a reset
        with self.assertRaises(OSError):
            while far.recv(1) != b"" or not far.sendall(OPTNEG):
                pass
        far.close()
        self.assertEqual(proxy.end()[0], 0)

    def test_the_trace_is_its_users_alone(self):
        proxy, _, _ = self.pair()
        self.assertEqual(stat.S_IMODE(proxy.trace.stat().st_mode), 0o600)

    def test_a_trace_that_is_there_is_not_replaced(self):
        trace = stack().lab.directory("record-there") / "trace"
        trace.write_bytes(b"something else")
        command = [pathlib.Path(daemon.Millrace.bin_dir) / "millrace-record", "--listen", trace.with_name("front.sock"),
                   "--milter", trace.with_name("milter.sock"), "--out", trace]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 73)
        self.assertIn(str(trace), done.stderr)
        self.assertEqual(trace.read_bytes(), b"something else")

    def test_a_full_disk_ends_the_recording_and_not_the_mail(self):
        proxy, front, filter_end = self.pair(file_bytes=50_000)
        far = connect(front)
        near = filter_end.accept()
        for _ in range(5):
            sent = OPTNEG + message_packets(os.urandom(100_000))
            with connect(front) as one, filter_end.accept() as other:
                one.sendall(sent)
                other.sendall(OPTNEG + packet(b"c") * 4)
                one.shutdown(socket.SHUT_WR)
                self.assertEqual(read_to_end(other) == sent, True)
        wait_until(lambda: "recording ended early" in proxy.said(), "the recording to end")
        far.sendall(b"still here")  # a session that began before
        self.assertEqual(near.recv(100), b"still here")
        self.check_octets(front, filter_end, b"and a new one", b"too")
        far.close()
        near.close()
        status, said = proxy.end()
        self.assertEqual(status, 1)
        self.assertEqual(said.count("recording ended early, mail goes on"), 1)

    def test_one_session_too_many_is_closed_at_once(self):
        proxy, front, filter_end = self.pair("--max-sessions", "1")
        with connect(front) as first, filter_end.accept() as near:
            with connect(front) as second:
                self.assertEqual(second.recv(1), b"")
            wait_until(lambda: proxy.field("over_limit") == 1, "the second one to be counted")
            first.sendall(b"x")
            self.assertEqual(near.recv(1), b"x")

    def test_sigterm_waits_for_sessions_and_takes_no_more(self):
        proxy, front, filter_end = self.pair()
        far = connect(front)
        near = filter_end.accept()
        proxy.ask()
        wait_until(lambda: "waiting for open connections" in proxy.said(), "it to have heard")
        with self.assertRaises(OSError):
            connect(front)
        far.sendall(b"last words")
        self.assertEqual(near.recv(100), b"last words")
        far.close()
        near.close()
        # Not asked again: once the trace is being finished, a signal ends it at once.
        status, said = proxy.ended()
        self.assertEqual(status, 0, said)

    def test_a_second_sigterm_ends_the_sessions(self):
        proxy, front, filter_end = self.pair()
        with connect(front) as far, filter_end.accept() as near:
            proxy.ask()
            wait_until(lambda: "waiting for open connections" in proxy.said(), "it to have heard")
            proxy.ask(signal.SIGINT)
            self.assertEqual(proxy.child.process.wait(PATIENCE_S), 0)
            self.assertEqual((far.recv(1), near.recv(1)), (b"", b""))

    def test_sessions_that_outstay_the_drain_are_ended(self):
        proxy, front, filter_end = self.pair("--drain", "1s")
        with connect(front) as far, filter_end.accept():
            proxy.ask()
            self.assertEqual(far.recv(1), b"")
        self.assertEqual(proxy.child.process.wait(PATIENCE_S), 0)
