"""One scanner and one daemon for bench/queue: in a folder of their own on tmpfs, ended and looked after when it is left."""
import json
import pathlib
import re
import signal
import subprocess
import tempfile

import daemons

SLOTS = 4
SCAN_SECONDS = 0.05
CAPACITY = SLOTS / SCAN_SECONDS  # messages a second


class Wrong(Exception):
    """Something that must hold did not; the text says what."""


class Pair:
    """The built-in scanner, which ends with status 1 when more than SLOTS requests are inside, and millrace with -m SLOTS."""

    def __init__(self, options, *flags, queue=""):
        """`queue`: lines of [queue] of the configuration file."""
        self.user = daemons.User()  # as_user() of daemons.Rig wants it
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-queue-", dir="/dev/shm")
        self.root = pathlib.Path(self.folder.name)
        self.work, self.milter = self.root / "work", self.root / "milter.sock"
        self.programs = options.build.resolve() / "bin"
        self.processes = []
        self.flags = [f"--shards={options.shards}", f"--io={options.io}", *flags]
        if queue:
            config = self.root / "millrace.toml"
            config.write_text(f"[queue]\n{queue}\n")
            self.flags.append(f"--config={config}")

    def __enter__(self):
        self.work.mkdir()
        for folder in [self.root, self.work]:
            self.user.give(folder)
        scanner = self.root / "scanner.sock"
        self.scanner = self.start(scanner, "millrace-scanner", f"--listen=unix:{scanner}", "--verbose",
                                  f"--delay={SCAN_SECONDS * 1000:.0f}ms", f"--max-in-flight={SLOTS}")
        self.daemon = self.start(self.milter, "millrace", "-f", f"-s{self.milter}", f"-S{scanner}", f"-w{self.work}",
                                 f"-p{self.root / 'millrace.pid'}", f"-m{SLOTS}", *self.flags)
        return self

    def start(self, path, program, *arguments):
        """A child that listens at `path`."""
        log = self.root / f"{program}.log"
        with open(log, "wb") as output:
            child = subprocess.Popen([str(self.programs / program), *arguments], stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=output, cwd=self.root, preexec_fn=lambda: daemons.Rig.as_user(self))
        self.processes.append(child)
        try:
            daemons.wait_for_socket(child, path, log)
        except daemons.Failed:
            self.end()
            raise
        return child

    def __exit__(self, kind, *_):
        codes = [process.poll() for process in self.processes]
        left, scanner_code = self.end()
        if kind is not None:
            return
        if codes != [None, None]:
            raise Wrong(f"scanner or daemon has ended by itself: {codes}")
        if scanner_code != 0:
            raise Wrong(f"more than {SLOTS} requests were inside the scanner at once")
        if left:
            raise Wrong(f"the spool is not empty after the end: {left}")

    def end(self):
        """(what is left in the spool, exit status of the scanner)."""
        for process in reversed(self.processes):
            daemons.stop(process, signal.SIGTERM)
        left = [path.name for path in self.work.iterdir()] if self.work.exists() else []
        scanner_code = self.processes[0].returncode
        self.folder.cleanup()
        return left, scanner_code

    def scanned(self):
        """Queue ids in the order in which their requests came to the scanner."""
        return re.findall(r"queue_id=(\S+)", (self.root / "millrace-scanner.log").read_text())

    def resident_mib(self):
        for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def spool(self):
        """(folders of messages, octets in them)."""
        sizes = []
        for path in self.work.rglob("email.txt"):
            try:
                sizes.append(path.stat().st_size)
            except OSError:
                continue  # it has gone meanwhile
        return len(sizes), sum(sizes)

    def told(self, command):
        """What millracectl tells of the daemon, as a dict."""
        answer = subprocess.run([str(self.programs / "millracectl"), command, "--json", "--socket",
                                 str(self.root / "millrace.control")], capture_output=True, text=True, check=False)
        if answer.returncode > 1:
            raise Wrong(f"millracectl {command}: {answer.stderr.strip()}")
        return json.loads(answer.stdout)
