"""millrace-record and millrace-replay as the tests run them: the programs beside the daemon."""

import json
import pathlib
import signal
import subprocess

import daemon
from processes import STOP_S, Child, HarnessError

RUN_S = 120


def program(name):
    return str(pathlib.Path(daemon.Millrace.bin_dir) / name)


def run_tool(name, *arguments, expect=0, patience_s=RUN_S):
    """Runs one of the programs to its end; its standard output. `expect`: the exit status."""
    done = subprocess.run(
        [program(name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    if done.returncode != expect:
        raise HarnessError(
            f"{name} {arguments}: exit status {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout


class Recorder:
    """A running millrace-record between `milter_socket` and `filter_socket` and, where `scanner` is
    given, between the AM.PDP client of `scanner_socket` and it. It runs as amavisd's user.
    """

    def __init__(self, lab, label, filter_socket, scanner=None, milter_socket=None):
        run = lab.directory("run", 0o755, daemon.USER)
        self.milter_socket = milter_socket or run / f"{label}-front.sock"
        self.scanner_socket = run / f"{label}-scanner.sock"
        self.trace = lab.directory(f"trace-{label}", 0o755, daemon.USER) / "recorded.trace"
        command = [program("millrace-record"), "--out", self.trace]
        command += ["--listen", f"unix:{self.milter_socket}", "--milter", f"unix:{filter_socket}"]
        if scanner:
            command += ["--listen-ampdp", f"unix:{self.scanner_socket}"]
            command += ["--amavisd", f"unix:{scanner}"]
        self._child = Child(
            f"millrace-record ({label})",
            command,
            lab.directory("log") / f"{label}-record.log",
            cwd="/",
            umask=0o027,
            user=daemon.USER,
            group=daemon.USER,
            extra_groups=[],
        )
        lab.on_close(lambda: self._child.stop(STOP_S))
        self._child.wait_until_accepting(self.milter_socket)
        pathlib.Path(self.milter_socket).chmod(0o777)

    def finish(self):
        """Asks it to end, waits until it has, and returns what it said. Its exit status is 0."""
        self._child.process.send_signal(signal.SIGTERM)
        status = self._child.process.wait(RUN_S)
        if status != 0:
            raise HarnessError(f"millrace-record ended with {status}:\n{self._child.output()}")
        return self._child.output()


def info(trace):
    return json.loads(run_tool("millrace-record", "--info", trace, "--json"))


def replay(trace, *arguments, expect=0):
    """Plays a trace; the report as a dict."""
    return json.loads(
        run_tool("millrace-replay", "--trace", trace, "--quiet", "--json", "-", *arguments, expect=expect)
    )
