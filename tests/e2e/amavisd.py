"""amavisd-new as an instance of the tests' own, with SpamAssassin and a toy virus scanner.

DKIM keys come from the DNS server of the tests (see the resolver in config/amavisd.conf.in), so
nothing asks the network and nothing below /etc changes. It drops to its own user.
"""

import os
import pathlib
import re
import shutil
import socket

from processes import Child, HarnessError, wait_until

CONFIG = pathlib.Path(__file__).parent / "config"
USER = "amavis"
# Perl, amavisd and SpamAssassin's rules are compiled at start: slow on a busy machine.
START_S = 180.0


def fill(template, words):
    """The text of config/`template` with every @WORD@ replaced; an unknown word is an error."""
    text = (CONFIG / template).read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    left = re.search(r"@[A-Z_]+@", text)
    if left:
        raise HarnessError(f"{template}: nothing given for {left.group()}")
    return text


class Amavisd:
    """One running amavisd. `socket_path` speaks AM.PDP, `home` is its $MYHOME."""

    def __init__(self, lab, reinject_port, dns_port, name="amavisd"):
        self.base = lab.directory(name)
        self.home = lab.directory(f"{name}/home", 0o750, USER)
        for part in ("tmp", "db", "var", "quarantine"):
            lab.directory(f"{name}/home/{part}", 0o750, USER)
        self.temp_base = self.home / "tmp"
        sockets = lab.directory(f"{name}/run", 0o755, USER)
        self.socket_path = sockets / "amavisd.sock"
        self.originating_port = lab.ports.take()
        self.ampdp_port = lab.ports.take()
        logs = lab.directory(f"{name}/log", 0o755, USER)
        self.log_path = logs / "amavisd.log"
        scan = shutil.copy(CONFIG / "eicar-scan.sh", self.base)
        os.chmod(scan, 0o755)
        config = self.base / "amavisd.conf"
        words = {
            "HOME": self.home,
            "LOG": self.log_path,
            "SOCKET": self.socket_path,
            "EICAR_SCAN": scan,
            "PORT_ORIGINATING": self.originating_port,
            "PORT_AMPDP": self.ampdp_port,
            "PORT_REINJECT": reinject_port,
            "PORT_DNS": dns_port,
        }
        config.write_text(fill("amavisd.conf.in", words))
        config.chmod(0o644)
        command = ["/usr/sbin/amavisd", "-c", config, "foreground"]
        self._child = Child(name, command, self.base / "output", cwd=self.base)
        lab.on_close(self._child.stop)

    def wait_until_ready(self):
        def accepts():
            self._child.require_running()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(str(self.socket_path))
                except OSError:
                    return False
            return True

        wait_until(accepts, f"amavisd to listen\n{self._child.output()[-2000:]}", START_S)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def verdict_line(self, message_id):
        """amavisd's one log line about the message: "Passed CLEAN {...}, BANKS [client] ..."."""
        pattern = re.compile(
            r"\) ((?:Passed|Blocked) [^\n]*" + re.escape(f"Message-ID: {message_id}") + r"[^\n]*)"
        )

        def found():
            match = pattern.search(self.log().replace("\n...", ""))
            return match and match.group(1)

        return wait_until(found, f"amavisd's log line about {message_id}\n{self.log()[-3000:]}")
