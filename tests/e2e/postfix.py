"""Postfix as an instance of the tests' own: one configuration, a listener for each milter socket.

Listeners are named; each has a port of its own and the milter socket `run/NAME.sock`, so a daemon
can be started for it later, or never (then Postfix sees a dead milter).
"""

import json
import re
import subprocess

from amavisd import fill
from processes import HarnessError, wait_until

MASTER = "/usr/lib/postfix/sbin/master"


class Postfix:
    """`listeners` maps a name to extra smtpd options; `milter_sockets` maps it to the milter's
    socket path.
    """

    def __init__(self, lab, sink_port, originating_port_of, listeners, milter_sockets):
        self.base = lab.directory("postfix")
        for part in ("config", "log"):
            lab.directory(f"postfix/{part}")
        lab.directory("postfix/spool")
        lab.directory("postfix/data", 0o755, "postfix")
        self.ports = {name: lab.ports.take() for name in listeners}
        self.submission_port = lab.ports.take()
        self.reinject_port = lab.ports.take()
        self._listeners = listeners
        self._milter_sockets = milter_sockets
        self._sink_port = sink_port
        self._originating_port_of = originating_port_of
        self._lab = lab
        self.log_path = self.base / "log" / "maillog"

    def _listener_lines(self):
        lines = []
        for name, options in self._listeners.items():
            for host in ("127.0.0.1", "[::1]"):
                lines.append(f"{host}:{self.ports[name]} inet n - n - - smtpd")
                lines.append(f"  -o smtpd_milters=unix:{self._milter_sockets[name]}")
                lines.extend(f"  -o {option}" for option in options)
        return "\n".join(lines)

    def start(self):
        config = self.base / "config"
        (config / "main.cf").write_text(
            fill("main.cf.in", {"DIR": self.base, "PORT_SINK": self._sink_port})
        )
        (config / "master.cf").write_text(
            fill(
                "master.cf.in",
                {
                    "LISTENERS": self._listener_lines(),
                    "PORT_SUBMISSION": self.submission_port,
                    "PORT_REINJECT": self.reinject_port,
                    "PORT_ORIGINATING": self._originating_port_of(),
                },
            )
        )
        self._lab.on_close(self.stop)
        self._run("start")
        return self

    def _run(self, *arguments):
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.base / "config"), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise HarnessError(
                f"postfix {arguments}: {done.stdout}{done.stderr}{self.log()[-2000:]}"
            )

    def stop(self):
        pid_file = self.base / "spool" / "pid" / "master.pid"
        if pid_file.exists():
            self._run("stop")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_until_gone_from_queue(self, queue_id):
        """Waits until Postfix has delivered all copies (qmgr's "removed")."""
        wait_until(
            lambda: f" {queue_id}: removed" in self.log(),
            f"queue id {queue_id} to leave the queue\n{self.log()[-2000:]}",
        )

    def queue(self, queue_id):
        """What postqueue(1) says of a message in the queue; None: it is not there."""
        done = self._queue_command("postqueue", "-j")
        entries = [json.loads(line) for line in done.splitlines()]
        return next((entry for entry in entries if entry["queue_id"] == queue_id), None)

    def release(self, queue_id):
        """Lets a held message go on, as an operator does."""
        self._queue_command("postsuper", "-H", queue_id)
        self._queue_command("postqueue", "-f")

    def _queue_command(self, program, *arguments):
        done = subprocess.run(
            [f"/usr/sbin/{program}", "-c", str(self.base / "config"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise HarnessError(f"{program} {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def wait_for_log(self, pattern):
        return wait_until(
            lambda: re.search(pattern, self.log()),
            f"Postfix to log {pattern!r}\n{self.log()[-2000:]}",
        )
