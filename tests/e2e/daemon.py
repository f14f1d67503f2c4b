"""The daemon under test, and how it is started: millrace or the incumbent, Debian's amavisd-milter.

Both take the same flags; what they do differently on purpose is written down in the tests, never
here.
"""

import os
import pathlib
import pwd
import signal
import socket
import subprocess

from processes import STOP_S, Child, HarnessError, can_connect, wait_until

USER = "amavis"


class Daemon:
    """One running daemon: `milter_socket` for the mail server, `work_dir` for spooled messages.

    `scanner` is given to -S as it is; a bare path is the only form that the incumbent understands.
    `milter_port` makes it listen on loopback TCP instead of `milter_socket`. `under` is the begin of
    a command line that runs it, such as prlimit. It starts as amavisd's user or `as_root`.
    """

    name = ""

    def __init__(
        self,
        lab,
        label,
        scanner,
        work_dir,
        flags=(),
        milter_socket=None,
        milter_port=None,
        set_mode=True,
        under=(),
        as_root=False,
    ):
        self.label = label
        self.milter_port = milter_port
        self.milter_socket = pathlib.Path(
            milter_socket or lab.directory("run", 0o755, USER) / f"{label}.sock"
        )
        self.pid_file = self.milter_socket.with_suffix(".pid")
        self.work_dir = pathlib.Path(work_dir)
        self.make_work_dir(0o750)
        command = self.command_for(self.milter_socket, milter_port, scanner, self.work_dir)
        user = {} if as_root else {"user": USER, "group": USER, "extra_groups": []}
        self._child = Child(
            f"{self.name} ({label})",
            [*under, *command, *flags],
            lab.directory("log") / f"{label}.log",
            cwd="/",
            umask=0o027,
            **user,
        )
        lab.on_close(self.stop, ask=self.terminate)
        self._address = ("127.0.0.1", milter_port) if milter_port else self.milter_socket
        self._child.wait_until_accepting(self._address)
        if set_mode and not milter_port:
            # What Debian's init script does for the incumbent: Postfix's user may connect.
            self.milter_socket.chmod(0o777)

    def make_work_dir(self, mode):
        self.work_dir.mkdir(parents=True, exist_ok=True)
        os.chown(self.work_dir, pwd.getpwnam(USER).pw_uid, pwd.getpwnam(USER).pw_gid)
        self.work_dir.chmod(mode)

    @classmethod
    def command_for(cls, milter_socket, milter_port, scanner, work_dir):
        """The command line without further flags."""
        listen = f"inet:{milter_port}@127.0.0.1" if milter_port else f"unix:{milter_socket}"
        return [
            cls.program(),
            "-f",
            "-s",
            listen,
            "-S",
            str(scanner),
            "-w",
            str(work_dir),
            "-p",
            str(pathlib.Path(milter_socket).with_suffix(".pid")),
            *cls.own_flags(),
        ]

    @classmethod
    def program(cls):
        raise NotImplementedError

    @classmethod
    def own_flags(cls):
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

    def kill(self):
        """Ends it without warning, as a crash would, and waits until its socket is dead too.

        The kernel takes an io_uring apart after the end of its process: until then connections to
        the sockets that it polled are accepted, and would be taken for the next instance's.
        """
        self._child.process.kill()
        self._child.process.wait()
        wait_until(lambda: not can_connect(self._address), "the killed daemon's socket to be dead")

    def wait(self, patience_s):
        """Waits until it has ended; the exit status, or None when it still runs after that time."""
        try:
            return self._child.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return None

    def connect(self):
        if self.milter_port:
            return socket.create_connection(("127.0.0.1", self.milter_port), 60)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(60)
        connection.connect(str(self.milter_socket))
        return connection


class Incumbent(Daemon):
    name = "amavisd-milter"

    @classmethod
    def program(cls):
        return "/usr/sbin/amavisd-milter"


class Millrace(Daemon):
    name = "millrace"
    bin_dir = None
    io = None
    options = ()  # of the whole run; what a test gives itself comes behind them, and wins

    @classmethod
    def program(cls):
        path = pathlib.Path(cls.bin_dir) / "millrace"
        if not path.exists():
            raise HarnessError(f"{path} does not exist: build it first")
        return str(path)

    @classmethod
    def own_flags(cls):
        return [*([f"--io={cls.io}"] if cls.io else []), *cls.options]

    @classmethod
    def spool_writes(cls):
        """The run's --spool-writes: what can be expected of a disk that stalls depends on it."""
        prefix = "--spool-writes="
        given = [option.removeprefix(prefix) for option in cls.options if option.startswith(prefix)]
        return given[-1] if given else "auto"


BY_NAME = {kind.name: kind for kind in (Millrace, Incumbent)}
