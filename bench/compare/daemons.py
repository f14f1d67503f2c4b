"""The processes of one rig: the scanner, the daemon that is measured, the player.

Each daemon is a process of its own on sockets in the scratch folder, pinned to its core. Whoever measures something
else beside the incumbent and millrace adds a Subject.
"""
import ctypes
import dataclasses
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing

INCUMBENT = "/usr/sbin/amavisd-milter"
START_SECONDS_MAX = 10
STOP_SECONDS_MAX = 12      # millrace itself takes at most 8
SESSION_SECONDS_MAX = 20   # without an octet: the player gives the session up and counts a failure
FILES_MAX = 20000          # open files, the same limit for everyone, where the hard limit allows it
PR_SET_PDEATHSIG = 1
CPU_CLOCK_OF_PROCESS = 2   # CPUCLOCK_SCHED: what a process has used with all its threads, ended ones too


class Failed(Exception):
    """The rig could not be set up; the text is for the user."""


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    # (build folder, milter socket, scanner socket, working directory, pid file) -> command line
    command: typing.Callable
    # The incumbent takes 4.5 s for a SIGTERM and leaves its directories behind; nothing of it is needed any more.
    stop_signal: int


def millrace(io):
    """millrace as the packages run it, but in the foreground; its log, a line per message, goes to a file."""
    def command(build, milter, scanner, work, pid_file):
        return [str(build / "bin/millrace"), "-f", f"--io={io}", "-s", str(milter), "-S", str(scanner),
                "-w", str(work), "-p", str(pid_file)]
    return command


def incumbent(_build, milter, scanner, work, pid_file):
    """amavisd-milter with its defaults: no limit of connections, no debugging, which means no log line per message."""
    return [INCUMBENT, "-f", "-s", str(milter), "-S", str(scanner), "-w", str(work), "-p", str(pid_file)]


REFERENCE = "amavisd-milter"  # ratios are to this one
SUBJECTS = [
    Subject(REFERENCE, incumbent, signal.SIGKILL),
    Subject("millrace uring", millrace("uring"), signal.SIGTERM),
    Subject("millrace epoll", millrace("epoll"), signal.SIGTERM),
]


class User:
    """Whom everything runs as: nobody when we are root (millrace refuses to be root), else ourselves."""

    def __init__(self):
        self.name = "nobody" if os.getuid() == 0 else None
        self.ids = pwd.getpwnam(self.name)[2:4] if self.name else (os.getuid(), os.getgid())

    def give(self, folder):
        """Makes `folder` this user's, closed to all others (the daemons insist)."""
        os.chown(folder, *self.ids)
        os.chmod(folder, 0o750)


def need_programs(build, root):
    """Everything that is started; installs amavisd-milter where that is possible."""
    for program in ["millrace", "millrace-scanner", "millrace-replay"]:
        if not os.access(build / "bin" / program, os.X_OK):
            sys.exit(f"bench/compare/run: {build}/bin/{program} is missing: "
                     "cmake --preset release && cmake --build --preset release")
    if not os.access(INCUMBENT, os.X_OK) and os.getuid() == 0:
        subprocess.run([str(root / "tools/setup"), "--peers"], check=True)
    if not os.access(INCUMBENT, os.X_OK):
        sys.exit(f"bench/compare/run: {INCUMBENT} is missing: run tools/setup --peers as root")


class Rig:
    """Holds the scanner while it is entered, and starts daemons and players beside it."""

    def __init__(self, options, user, scratch, spools):
        self.build = options.build.resolve()
        self.daemon_cpu, self.load_cpu = options.daemon_cpu, options.load_cpu
        self.user, self.scratch, self.spools = user, scratch, spools
        self.scanner_socket = scratch / "scanner.sock"
        self.scanner = None
        self.serial = 0

    def __enter__(self):
        self.scanner = self.start([str(self.build / "bin/millrace-scanner"), "--listen", f"unix:{self.scanner_socket}",
                                   "--reply-file", str(self.scratch / "reply")], self.load_cpu, "scanner.log")
        wait_for_socket(self.scanner, self.scanner_socket, self.scratch / "scanner.log")
        return self

    def __exit__(self, *_):
        stop(self.scanner, signal.SIGTERM)

    def start(self, command, cpu, log):
        """A pinned child with its output in `log`, which ends when we do."""
        with open(self.scratch / log, "wb") as output:
            return subprocess.Popen(["taskset", "-c", str(cpu), *command], stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=output, cwd=self.scratch, preexec_fn=self.as_user)

    def as_user(self):
        """In the child, before exec."""
        raise_file_limit()
        if self.user.name:
            os.setgroups([])
            os.setresgid(*[self.user.ids[1]] * 3)
            os.setresuid(*[self.user.ids[0]] * 3)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def daemon(self, subject, spool):
        """A started daemon; use it with `with`."""
        return Daemon(self, subject, spool)

    def play(self, milter, scenario, *amount):
        """Runs the player to its end; its report as a dict. It fails as the scenario does, not as a program."""
        out = self.scratch / "player.json"
        command = [str(self.build / "bin/millrace-replay"), "--milter", f"unix:{milter}",
                   "--transactions", str(self.scratch / "transactions"), "--only", scenario.message,
                   "--sessions", str(scenario.sessions), "--messages-per-session", str(scenario.messages_per_session),
                   "--timeout", f"{SESSION_SECONDS_MAX}s", "--json", str(out), *amount]
        out.unlink(missing_ok=True)
        child = self.start(command, self.load_cpu, "player.log")
        child.wait(timeout=120)
        if not out.exists():
            raise Failed("millrace-replay said: " + (self.scratch / "player.log").read_text()[-500:])
        return json.loads(out.read_text())


class Daemon:
    """One daemon under measurement, with an empty working directory of its own."""

    def __init__(self, rig, subject, spool):
        rig.serial += 1
        self.subject = subject
        self.work = rig.spools[spool] / f"work{rig.serial}"
        self.socket = rig.scratch / f"milter{rig.serial}.sock"
        self.log = rig.scratch / f"daemon{rig.serial}.log"
        self.work.mkdir()
        rig.user.give(self.work)
        command = subject.command(rig.build, self.socket, rig.scanner_socket, self.work,
                                  rig.scratch / f"pid{rig.serial}")
        self.process = rig.start(command, rig.daemon_cpu, self.log.name)
        self.pid = self.process.pid

    def __enter__(self):
        wait_for_socket(self.process, self.socket, self.log)
        return self

    def __exit__(self, kind, *_):
        ended = self.process.poll()
        stop(self.process, self.subject.stop_signal)
        if kind is None and ended is not None:
            raise Failed(f"{self.subject.name} ended by itself ({ended}): {tail(self.log)}")
        self.log.unlink()
        shutil.rmtree(self.work, ignore_errors=True)

    def cpu_seconds(self):
        """User and system time of the whole process so far, in nanosecond steps: its CPU clock."""
        return time.clock_gettime(~self.pid << 3 | CPU_CLOCK_OF_PROCESS)

    def settled_cpu_seconds(self):
        """The same once nothing is left to do (sessions are torn down after the player has gone)."""
        before = self.cpu_seconds()
        for _ in range(100):
            time.sleep(0.03)
            now = self.cpu_seconds()
            if now - before < 0.0001:
                return now
            before = now
        return before

    def ticks(self):
        """(user, system) of the whole process in seconds, in steps of 10 ms."""
        text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        fields = text.rsplit(")", 1)[1].split()
        tick = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / tick, int(fields[12]) / tick

    def peak_kib(self):
        """Peak resident memory."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        return 0

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))


def raise_file_limit():
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def wait_for_socket(process, path, log):
    """Until somebody accepts there."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"{process.args[3]} did not start: {tail(log)}")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                return
            except OSError:
                time.sleep(0.01)
    raise Failed(f"{process.args[3]}: nobody listens on {path}: {tail(log)}")


def stop(process, number):
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(log):
    return log.read_text(errors="replace")[-500:].strip() or "(it said nothing)"
