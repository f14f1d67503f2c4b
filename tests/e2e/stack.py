"""The servers that all tests of a run share, each started when first asked for and stopped at the
end.

    Postfix --milter--> daemon under test --AM.PDP--> amavisd        Postfix --SMTP--> sink
    Sendmail ---^                                                    Sendmail ---^

`stack()` is the one instance; `configure()` has to be called before (the runner does).
"""

import pathlib
import subprocess
from functools import cached_property, wraps

import daemon
from amavisd import Amavisd
from dns_server import DnsServer
from postfix import Postfix
from processes import Lab
from sendmail import Sendmail, default_cache
from sink import Sink

HERE = pathlib.Path(__file__).parent

# Listener of Postfix -> (its smtpd options, the flags of the daemon behind it).
LISTENERS = {
    "main": ((), ()),
    "main_named": (("milter_macro_daemon_name=ORIGINATING",), ()),
    "banks": (("milter_macro_daemon_name=ORIGINATING",), ("-B",)),
    "banks_default": ((), ("-B",)),
    "down": ((), ()),
    "down_pass": ((), ("-P",)),
    # What the failure policy says, see CONFIGURATIONS.
    "down_hold": ((), ("--unscanned-header=X-Unscanned: yes",)),
    "down_reject": ((), ()),
    "server": ((), ("-D", "server")),
    # Behind it is what a test puts there: a recorder.
    "recorded": ((), ()),
}
WITHOUT_SCANNER = ("down", "down_pass", "down_hold", "down_reject")
# Files that a daemon of that name is given with --config.
CONFIGURATIONS = {
    "down_hold": """
[[listener]]
on_scanner_unreachable = "quarantine"
""",
    "down_reject": """
[[listener]]
on_scanner_unreachable = "reject"
scanner_unreachable_reply = "550 5.7.0 No scanner, 100% no mail"
""",
}
# A socket that exists but that nobody listens on, as after amavisd was stopped.
DEAD_SOCKET = "/nonexistent/amavisd.sock"


def once(make):
    """A property made on first use; what could not be made fails at once every further time."""

    @wraps(make)
    def make_or_fail_again(self):
        if make.__name__ in self.failures:
            raise self.failures[make.__name__]
        try:
            return make(self)
        except Exception as error:
            self.failures[make.__name__] = error
            raise

    return cached_property(make_or_fail_again)


class Stack:
    def __init__(self, daemon_class, cache=None, keep=False):
        self.daemon_class = daemon_class
        self.cache = cache or default_cache()
        self.lab = Lab(keep)
        self.failures = {}
        self._daemons = {}

    @property
    def is_incumbent(self):
        return self.daemon_class is daemon.Incumbent

    @once
    def sink(self):
        return Sink(self.lab)

    @once
    def dkim_key(self):
        """The path of the tests' signing key; its public half is what the DNS server tells."""
        self.dns  # makes both
        return self.lab.root / "dkim.pem"

    @once
    def dns(self):
        public = subprocess.run(
            [HERE / "dkim_tool.pl", "keygen", self.lab.root / "dkim.pem"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        return DnsServer(self.lab, {"e2e._domainkey.signed.test": f"v=DKIM1; k=rsa; p={public}"})

    def milter_socket(self, label):
        """Where Postfix's listener of that name looks for its milter."""
        return self.lab.directory("run", 0o755, daemon.USER) / f"{label}.sock"

    @once
    def _postfix(self):
        return Postfix(
            self.lab,
            self.sink.port,
            lambda: self._amavisd.originating_port,
            {name: options for name, (options, _) in LISTENERS.items()},
            {name: self.milter_socket(name) for name in LISTENERS},
        )

    @once
    def _amavisd(self):
        return Amavisd(self.lab, self._postfix.reinject_port, self.dns.port)

    @once
    def amavisd(self):
        return self._amavisd.wait_until_ready()

    @once
    def postfix(self):
        self._amavisd  # starts slowly: beside everything else
        return self._postfix.start()

    def daemon(self, label="main"):
        """The daemon behind Postfix's listener of that name."""
        if label not in self._daemons:
            _, flags = LISTENERS[label]
            if label in CONFIGURATIONS:
                file = self.lab.directory("settings") / f"{label}.toml"
                file.write_text(CONFIGURATIONS[label])
                flags = (f"--config={file}", *flags)
            scanner = DEAD_SOCKET if label in WITHOUT_SCANNER else self._amavisd.socket_path
            self._daemons[label] = self.daemon_class(
                self.lab,
                label,
                scanner,
                self._amavisd.temp_base / label,
                flags,
                self.milter_socket(label),
            )
        return self._daemons[label]

    def port(self, label="main"):
        """The SMTP port of Postfix's listener of that name, with everything behind it running."""
        postfix = self.postfix
        self.daemon(label)
        if label not in WITHOUT_SCANNER:
            self.amavisd
        return postfix.ports[label]

    @once
    def sendmail(self):
        self.daemon("main")
        self.amavisd
        return Sendmail(self.lab, self.cache, self.milter_socket("main"), self.sink.port)

    def sign(self, octets, method):
        """The octets with a DKIM-Signature field before them; `method` as in "simple/simple"."""
        signature = subprocess.run(
            [HERE / "dkim_tool.pl", "sign", self.dkim_key, method],
            input=octets,
            capture_output=True,
            timeout=60,
            check=True,
        ).stdout
        return signature + octets


_stack = None


def configure(daemon_class, cache=None, keep=False):
    global _stack
    _stack = Stack(daemon_class, cache, keep)
    return _stack


def stack():
    return _stack
