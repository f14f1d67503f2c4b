"""The processes of one rig: the scanner, the daemon that is measured, the player.

Each daemon is a process of its own on sockets in the scratch folder, pinned to its core. Whoever measures something
else adds a Subject.
"""
import ctypes
import dataclasses
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing

import load

INCUMBENT = "/usr/sbin/amavisd-milter"
START_SECONDS_MAX = 10
STOP_SECONDS_MAX = 12      # millrace itself takes at most 8
PLAY_SECONDS_MAX = 120
FILES_MAX = 20000          # open files, the same limit for everyone, where the hard limit allows it
PR_SET_PDEATHSIG = 1
CPU_CLOCK_OF_PROCESS = 2   # CPUCLOCK_SCHED: what a process has used with all its threads, ended ones too


class Failed(Exception):
    """The rig could not be set up; the text is for the user."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a daemon is to work."""
    build: pathlib.Path
    milter: pathlib.Path   # Unix sockets
    scanner: pathlib.Path
    work: pathlib.Path     # empty folder
    pid_file: pathlib.Path
    scanner_connections: int  # at most at a time; 0: no limit
    millrace_limits: tuple    # flags of millrace alone

    def flags(self):
        """What the incumbent and millrace call alike."""
        limit = ["-m", str(self.scanner_connections)] if self.scanner_connections else []
        return ["-f", "-s", str(self.milter), "-S", str(self.scanner), "-w", str(self.work), "-p", str(self.pid_file),
                *limit]


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    command: typing.Callable  # Place -> command line
    # The incumbent takes 4.5 s for a SIGTERM and leaves its directories behind; nothing of it is needed any more.
    stop_signal: int
    floor: str = load.FLOOR  # which floor it is compared with


def millrace(io, *flags):
    """millrace as the packages run it, but in the foreground; its log, a line per message, goes to a file."""
    return lambda place: [str(place.build / "bin/millrace"), f"--io={io}", *flags, *place.millrace_limits,
                          *place.flags()]


def incumbent(place):
    """amavisd-milter with its defaults: no debugging, which means no log line per message."""
    return [INCUMBENT, *place.flags()]


def the_floor(newlines):
    return lambda place: [str(place.build / "bin/millrace-floor"), f"--listen={place.milter}",
                          f"--scanner={place.scanner}", f"--work={place.work}", f"--newlines={newlines}"]


REFERENCE = load.INCUMBENT
FLOOR = load.FLOOR
PICKED_IO = load.PICKED.split()[1]
# Who takes part in what: Scenario.subjects; most have what `auto` picks alone.
SUBJECTS = [
    Subject(REFERENCE, incumbent, signal.SIGKILL),
    Subject(load.URING, millrace("uring"), signal.SIGTERM),
    Subject(load.RECV, millrace("uring-recv"), signal.SIGTERM),
    Subject(load.EPOLL, millrace("epoll"), signal.SIGTERM),
    Subject(FLOOR, the_floor("lf"), signal.SIGKILL),
    Subject(load.FLOOR_CRLF, the_floor("crlf"), signal.SIGKILL, load.FLOOR_CRLF),
    Subject(load.MILLRACE_CRLF, millrace(PICKED_IO, "--spool-newlines=crlf", "--scanner-kind=other"), signal.SIGTERM,
            load.FLOOR_CRLF),
    Subject(load.ONE_SHARD, millrace(PICKED_IO, "--shards=1"), signal.SIGTERM),
    Subject(load.TWO_SHARDS, millrace(PICKED_IO, "--shards=2"), signal.SIGTERM),
    *[Subject(name, millrace(PICKED_IO, f"--shards={name.split()[1]}"), signal.SIGTERM) for name in load.MANY_SHARDS],
]
# The same with other masks, for the count of system calls: where the mail server awaits an answer before the end.
MASKS = [
    Subject("no reply but the verdict", millrace(PICKED_IO, "--reply-at=none"), signal.SIGTERM),
    Subject("DATA", millrace(PICKED_IO), signal.SIGTERM),
    Subject("CONNECT and DATA", millrace(PICKED_IO, "--reply-at=connect,data"), signal.SIGTERM),
]


def floor_of(name):
    return next(subject.floor for subject in SUBJECTS if subject.name == name)


class User:
    """Whom everything runs as: nobody when we are root (millrace refuses to be root), else ourselves."""

    def __init__(self):
        self.name = "nobody" if os.getuid() == 0 else None
        self.ids = pwd.getpwnam(self.name)[2:4] if self.name else (os.getuid(), os.getgid())

    def give(self, folder):
        """Makes `folder` this user's, closed to all others (the daemons insist)."""
        os.chown(folder, *self.ids)
        os.chmod(folder, 0o750)


def need_programs(build, root, subjects):
    """Everything that is started; installs amavisd-milter where that is possible."""
    for program in ["millrace", "millrace-floor", "millrace-scanner", "millrace-replay", "millrace-record"]:
        if not os.access(build / "bin" / program, os.X_OK):
            sys.exit(f"bench/compare/run: {build}/bin/{program} is missing: "
                     "cmake --preset release && cmake --build --preset release")
    if REFERENCE not in [subject.name for subject in subjects]:
        return
    if not os.access(INCUMBENT, os.X_OK) and os.getuid() == 0:
        subprocess.run([str(root / "tools/setup"), "--peers"], check=True)
    if not os.access(INCUMBENT, os.X_OK):
        sys.exit(f"bench/compare/run: {INCUMBENT} is missing: run tools/setup --peers as root")


class Rig:
    """Starts daemons and players, and one scanner for each delay, which stays until the rig is left."""

    def __init__(self, options, user, scratch, spools):
        self.build = options.build.resolve()
        self.daemon_cpu, self.load_cpu = options.daemon_cpu, options.load_cpu
        self.user, self.scratch, self.spools = user, scratch, spools
        self.scanners = {}  # (delay in ms, cores) -> process
        self.serial = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for scanner in self.scanners.values():
            stop(scanner, signal.SIGTERM)

    def cores(self, scenario, core):
        """Where a process runs in this scenario: `core`, or where all share, all."""
        return f"{self.daemon_cpu},{self.load_cpu}" if scenario.cores_shared else str(core)

    def scanner_socket(self, scenario):
        """The socket of the scanner that waits as long before each reply as the scenario says."""
        return self.scanner(scenario)[1]

    def scanner(self, scenario):
        """(process, socket) of the same."""
        delay_ms, cores = scenario.scanner_delay_ms, self.cores(scenario, self.load_cpu)
        path = self.scratch / f"scanner{delay_ms}-{cores}.sock"
        if (delay_ms, cores) not in self.scanners:
            log = path.with_suffix(".log")
            self.scanners[delay_ms, cores] = self.start(
                [str(self.build / "bin/millrace-scanner"), "--listen", f"unix:{path}", "--reply-file",
                 str(self.scratch / "reply"), "--delay", f"{delay_ms}ms"], cores, log.name)
            wait_for_socket(self.scanners[delay_ms, cores], path, log)
        return self.scanners[delay_ms, cores], path

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

    def daemon(self, subject, scenario, spool):
        """A started daemon; use it with `with`."""
        return Daemon(self, subject, scenario, spool)

    def play(self, milter, scenario, *amount):
        """Plays the scenario as a closed loop, to its end; the player's report as a dict."""
        return self.run_player(milter, scenario, *scenario.closed_loop(), *amount)

    def load(self, milter, scenario, *amount):
        """The same in the scenario's own way."""
        return self.run_player(milter, scenario, *scenario.shape(), *amount)

    def play_once(self, milter, scenario):
        """Each message of the scenario once, with what became of it."""
        return self.run_player(milter, scenario, "--once")

    def make_trace(self, scenario):
        """The messages of a scenario that plays a trace, where they are not there yet."""
        if scenario.message != load.TRACE or (self.scratch / "mix.trace").exists():
            return
        program, to = str(self.build / "bin/millrace-record"), str(self.scratch / "mix.trace")
        command = [program, *load.TRACE_OPTIONS, "--out", to]
        if self.start(command, self.load_cpu, "record.log").wait(PLAY_SECONDS_MAX) != 0:
            raise Failed("millrace-record said: " + tail(self.scratch / "record.log"))

    def run_player(self, milter, scenario, *arguments):
        """Its report. It fails as the scenario does, not as a program."""
        self.make_trace(scenario)
        out = self.scratch / "player.json"
        command = [*self.player(milter, scenario, out, scenario.source(self.scratch)), *arguments]
        out.unlink(missing_ok=True)
        child = self.start(command, self.cores(scenario, self.load_cpu), "player.log")
        try:
            child.wait(timeout=PLAY_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            stop(child, signal.SIGKILL)
            raise Failed(f"the player was not through after {PLAY_SECONDS_MAX} s with {milter}") from None
        if not out.exists():
            raise Failed("millrace-replay said: " + tail(self.scratch / "player.log"))
        return json.loads(out.read_text())

    def player(self, milter, scenario, out, source):
        return [str(self.build / "bin/millrace-replay"), "--milter", f"unix:{milter}", *source,
                "--timeout", f"{scenario.timeout}s", "--json", str(out)]


class Daemon:
    """One daemon under measurement, with an empty working directory of its own."""

    def __init__(self, rig, subject, scenario, spool):
        rig.serial += 1
        self.subject = subject
        self.work = rig.spools[spool] / f"work{rig.serial}"
        self.socket = rig.scratch / f"milter{rig.serial}.sock"
        self.log = rig.scratch / f"daemon{rig.serial}.log"
        self.work.mkdir()
        rig.user.give(self.work)
        place = Place(build=rig.build, milter=self.socket, scanner=rig.scanner_socket(scenario),
                      work=self.work, pid_file=rig.scratch / f"pid{rig.serial}",
                      scanner_connections=scenario.scanner_connections, millrace_limits=scenario.millrace_limits)
        self.process = rig.start(subject.command(place), rig.cores(scenario, rig.daemon_cpu), self.log.name)
        self.pid = self.process.pid

    def __enter__(self):
        wait_for_socket(self.process, self.socket, self.log)
        return self

    def __exit__(self, *_):
        stop(self.process, self.subject.stop_signal)
        self.log.unlink()
        shutil.rmtree(self.work, ignore_errors=True)

    def ended_by_itself(self):
        """How, as text; empty while it runs."""
        code = self.process.poll()
        if code is None:
            return ""
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"{how}: {tail(self.log)}"

    def descriptors(self):
        """How many it has open; 0 when it has ended."""
        return descriptors_of(self.pid)

    def cpu_seconds(self):
        """User and system time of the whole process so far, in nanosecond steps: its CPU clock.

        None when it has ended; the same for the figures below.
        """
        try:
            return time.clock_gettime(~self.pid << 3 | CPU_CLOCK_OF_PROCESS)
        except OSError:
            return None

    def settled_cpu_seconds(self):
        """The same once nothing is left to do (sessions are torn down after the player has gone)."""
        before = self.cpu_seconds()
        for _ in range(100):
            time.sleep(0.03)
            now = self.cpu_seconds()
            if now is None or before is None or now - before < 0.0001:
                return now
            before = now
        return before

    def ticks(self):
        """(user, system) of the whole process in seconds, in steps of 10 ms."""
        try:
            text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return None
        fields = text.rsplit(")", 1)[1].split()
        tick = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / tick, int(fields[12]) / tick

    def status(self, name):
        """The number that a line of /proc/PID/status begins with: KiB, or a count."""
        try:
            for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        except OSError:
            pass
        return None

    def peak_mib(self):
        """Peak resident memory."""
        kib = self.status("VmHWM")
        return None if kib is None else kib / 1024


def descriptors_of(pid):
    """How many a process has open; 0 when it has ended."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def file_limit():
    """How many files each process may have open here."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)


def raise_file_limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (file_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


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
