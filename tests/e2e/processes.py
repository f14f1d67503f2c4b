"""Processes, ports and waiting for the end-to-end tests.

Every program that a test needs runs as an instance of the test's own: on ports and sockets below
one temporary directory, as a child in a session of its own, and it is stopped whatever happens
(`Lab.close` runs at exit, on failure and on Ctrl-C or SIGTERM). Nothing is ever found or killed by
name.

Waiting is by polling for a condition with a generous deadline; a deadline that passes is a failure
that names what was waited for, never a measurement.
"""

import atexit
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DEADLINE_S = 60.0
POLL_S = 0.01
STOP_S = 15.0
# Below the range from which Linux takes the ports of outgoing connections.
PORT_FIRST = 20000
PORT_LAST = 31999


class HarnessError(Exception):
    """The surroundings of a test could not be set up (never a defect of the daemon under test)."""


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """Returns the first true value of `condition()`; raises HarnessError naming `what` after the
    deadline.
    """
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise HarnessError(f"waited {deadline_s:.0f} s in vain for {what}")
        time.sleep(POLL_S)


def _port_is_free(port):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


class Ports:
    """Hands out loopback ports (TCP and UDP, both address families) that nobody listens on."""

    def __init__(self):
        self._given = set()
        self._random = random.SystemRandom()

    def take(self):
        for _ in range(1000):
            port = self._random.randint(PORT_FIRST, PORT_LAST)
            if port not in self._given and _port_is_free(port):
                self._given.add(port)
                return port
        raise HarnessError("no free port on the loopback interface")


class Child:
    """One program started by the tests: output kept in a file, stopped with its whole session."""

    def __init__(self, name, argv, log_path, **popen_arguments):
        self.name = name
        self.log_path = pathlib.Path(log_path)
        self._log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **popen_arguments,
        )

    def output(self):
        return self.log_path.read_text(errors="replace")

    def require_running(self):
        if self.process.poll() is not None:
            raise HarnessError(
                f"{self.name} ended with {self.process.returncode}:\n{self.output()[-3000:]}"
            )

    def wait_until_accepting(self, address, deadline_s=DEADLINE_S):
        """Waits until a connection to `address` (path or (host, port)) is accepted."""

        def connects():
            self.require_running()
            return can_connect(address)

        wait_until(connects, f"{self.name} to listen on {address}", deadline_s)

    def stop(self, patience_s=STOP_S):
        """SIGTERM, then SIGKILL for the whole session; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        status = self.process.wait()
        self._log.close()
        return status


def can_connect(address):
    family = socket.AF_UNIX if isinstance(address, (str, pathlib.Path)) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(address) if family == socket.AF_UNIX else address)
        except OSError:
            return False
    return True


class Lab:
    """The temporary directory of one run and everything started in it, stopped in reverse order."""

    def __init__(self, keep=False):
        self.keep = keep
        self.ports = Ports()
        # Short path: a Unix socket address holds 107 characters.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mre2e-"))
        self.root.chmod(0o755)
        self._closers = []
        self._askers = []
        self._closed = False
        atexit.register(self.close)

    def directory(self, name, mode=0o755, owner=None):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        if owner:
            shutil.chown(path, owner, owner)
        path.chmod(mode)
        return path

    def on_close(self, closer, ask=None):
        """`closer()` is called once when the lab closes, later ones first; every `ask()` before
        all of them.
        """
        self._closers.append(closer)
        if ask:
            self._askers.append(ask)

    def close(self):
        if self._closed:
            return
        self._closed = True
        # An impatient second Ctrl-C must not leave programs behind.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for closer in [*self._askers, *reversed(self._closers)]:
                try:
                    closer()
                except Exception as error:  # every other program still has to be stopped
                    print(f"while stopping: {error!r}")
            if self.keep:
                print(f"kept: {self.root}")
            else:
                shutil.rmtree(self.root, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, previous)
