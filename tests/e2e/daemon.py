"""The daemon under test, and how it is started: millrace or the incumbent, Debian's amavisd-milter.

Both take the same flags; what they do differently on purpose is written down in the tests, never here.
"""

import os
import pathlib
import pwd
import signal
import socket

from processes import STOP_S, Child, HarnessError

USER = "amavis"


class Daemon:
    """One running daemon: `milter_socket` for the mail server, `work_dir` for spooled messages."""
    name = ""

    def __init__(self, lab, label, scanner_socket, work_dir, flags=(), milter_socket=None):
        self.label = label
        self.work_dir = pathlib.Path(work_dir)
        self.milter_socket = pathlib.Path(
            milter_socket or lab.directory("run", 0o755, USER) / f"{label}.sock")
        self.pid_file = self.milter_socket.with_suffix(".pid")
        self.work_dir.mkdir(parents=True, exist_ok=True)
        os.chown(self.work_dir, pwd.getpwnam(USER).pw_uid, pwd.getpwnam(USER).pw_gid)
        self.work_dir.chmod(0o750)
        # The scanner as a bare path: the only form that the incumbent understands.
        argv = [self.program(), "-f", "-s", f"unix:{self.milter_socket}", "-S", str(scanner_socket),
                "-w", str(self.work_dir), "-p", str(self.pid_file), *self.own_flags(), *flags]
        logs = lab.directory("log")
        self._child = Child(f"{self.name} ({label})", argv, logs / f"{label}.log", user=USER, group=USER,
                            extra_groups=[], cwd="/", umask=0o027)
        lab.on_close(self.stop, ask=self.terminate)
        self._child.wait_until_accepting(self.milter_socket)
        # What Debian's init script does for the incumbent: Postfix's user may connect.
        self.milter_socket.chmod(0o777)

    def program(self):
        raise NotImplementedError

    def own_flags(self):
        return []

    @property
    def pid(self):
        return self._child.process.pid

    @property
    def log(self):
        return self._child.output()

    def is_running(self):
        return self._child.process.poll() is None

    def stop(self):
        """Ends it as an init system does; the exit status. Safe to call twice."""
        if self._child.process.returncode is not None:
            return self._child.process.returncode
        return self._child.stop(STOP_S)

    def terminate(self):
        """Only asks it to end, with SIGTERM."""
        if self.is_running():
            self._child.process.send_signal(signal.SIGTERM)

    def connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(60)
        connection.connect(str(self.milter_socket))
        return connection


class Incumbent(Daemon):
    name = "amavisd-milter"

    def program(self):
        return "/usr/sbin/amavisd-milter"


class Millrace(Daemon):
    name = "millrace"
    bin_dir = None
    io = None

    def program(self):
        path = pathlib.Path(self.bin_dir) / "millrace"
        if not path.exists():
            raise HarnessError(f"{path} does not exist: build it first")
        return str(path)

    def own_flags(self):
        return [f"--io={self.io}"] if self.io else []


BY_NAME = {kind.name: kind for kind in (Millrace, Incumbent)}
