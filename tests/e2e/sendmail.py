"""Debian's Sendmail as an instance of the tests' own, beside the installed Postfix.

The packages of Sendmail and Postfix exclude each other, so Sendmail's are fetched with apt-get and
unpacked below a cache folder (kept between runs); nothing of them is installed. `fetch` needs a
package mirror the first time only.
"""

import os
import pathlib
import shutil
import subprocess

from amavisd import fill
from processes import Child, HarnessError

PACKAGES = (
    "sendmail-bin",
    "sendmail-base",
    "sendmail-cf",
    "libdb5.3",
    "libldap-2.5-0",
    "liblockfile1",
    "libnsl2",
    "libsasl2-2",
    "libtirpc3",
    "libwrap0",
)
PROGRAM = "usr/libexec/sendmail/sendmail"
START_S = 120.0
COMPLETE = "complete"


def default_cache():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "millrace-e2e"


def fetch(cache):
    """The folder that holds the unpacked packages, made on first use."""
    root = pathlib.Path(cache) / "sendmail"
    if (root / COMPLETE).exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    archives = root / "archives"
    archives.mkdir(parents=True)
    # apt's unprivileged downloader may not enter the folder; as root it then downloads itself.
    done = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root", "download", *PACKAGES],
        cwd=archives,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise HarnessError(f"apt-get download {' '.join(PACKAGES)}: {done.stdout}{done.stderr}")
    for archive in archives.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(archive), str(root)], check=True, timeout=60)
    shutil.rmtree(archives)
    # Not set-group-id: the loader would ignore LD_LIBRARY_PATH.
    (root / PROGRAM).chmod(0o755)
    (root / COMPLETE).touch()
    return root


def in_host(name):
    """The beginning of a command line that gives a program this host name, where that is allowed.

    Sendmail waits a minute at start on a host whose name has no dot; in a container that may not
    make namespaces it has to.
    """
    namespace = ["unshare", "--uts", "/bin/sh", "-c", 'hostname "$0" && exec "$@"', name]
    done = subprocess.run([*namespace, "true"], capture_output=True, timeout=60, check=False)
    return namespace if done.returncode == 0 else []


class Sendmail:
    """A running Sendmail: listens on `port`, filters by `milter_socket`, relays to the sink.

    `label` tells it from another one of the same run. `timeouts` of the filter: as the manual of
    amavisd-milter advises, or "" for Sendmail's own (10 s for a reply).
    """

    ADVISED = ", T=S:10m;R:10m;E:10m"

    def __init__(self, lab, cache, milter_socket, sink_port, label="sendmail", timeouts=ADVISED):
        root = fetch(cache)
        self.base = lab.directory(label)
        # Sendmail refuses a queue that others may write to or read.
        lab.directory(f"{label}/queue", 0o700)
        for name, text in (
            ("local-host-names", ""),
            ("helpfile", ""),
            ("statistics", ""),
            ("service.switch", "hosts\tfiles\naliases\tfiles\n"),
        ):
            (self.base / name).write_text(text)
        self.port = lab.ports.take()
        macros = self.base / "sendmail.mc"
        words = {
            "CF": root / "usr/share/sendmail/cf",
            "DIR": self.base,
            "PORT": self.port,
            "SOCKET": milter_socket,
            "TIMEOUTS": timeouts,
            "PORT_SINK": sink_port,
        }
        macros.write_text(fill("sendmail.mc.in", words))
        config = subprocess.run(
            ["m4", f"-D_CF_DIR_={root}/usr/share/sendmail/cf/", str(macros)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        (self.base / "sendmail.cf").write_text(config)
        (self.base / "sendmail.cf").chmod(0o644)
        triplet = f"{os.uname().machine}-linux-gnu"
        libraries = ":".join(str(root / part / triplet) for part in ("usr/lib", "lib"))
        command = [root / PROGRAM, "-C", self.base / "sendmail.cf", "-bD"]
        self._child = Child(
            "sendmail",
            [*in_host("mx.lab.test"), *command, "-X", self.base / "traffic"],
            self.base / "output",
            cwd=self.base,
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
        )
        lab.on_close(self._child.stop)
        self._child.wait_until_accepting(("127.0.0.1", self.port), START_S)
