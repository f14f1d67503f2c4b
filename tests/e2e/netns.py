"""A network namespace of a test's own: another host as far as the network goes, with this host's files.

    here 198.18.N.1 ---- veth ---- 198.18.N.2 there        (RFC 2544's range for benchmarks)

`NetworkNamespace.make(what)` calls `what` in a thread that is in it: sockets made there stay there.
A test that needs one is marked `needs_netns`; where none can be made (no rights, no iproute2),
run.py leaves it out and says so.
"""

import ctypes
import os
import subprocess
import threading

from processes import HarnessError

CLONE_NEWNET = 0x40000000
NAMES = "/run/netns"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise HarnessError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


class NetworkNamespace:
    made = 0

    def __init__(self, label):
        NetworkNamespace.made += 1
        self.name = f"mre2e-{os.getpid()}-{label}"
        number = (os.getpid() + NetworkNamespace.made) % 250 + 1
        self.here, self.there = f"198.18.{number}.1", f"198.18.{number}.2"
        device = self._device = f"mre{os.getpid()}-{NetworkNamespace.made}"
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            run("ip", "address", "add", f"{self.here}/30", "dev", device)
            run("ip", "link", "set", device, "up")
            run("ip", "-n", self.name, "link", "set", "lo", "up")
            run("ip", "-n", self.name, "address", "add", f"{self.there}/30", "dev", "eth0")
            run("ip", "-n", self.name, "link", "set", "eth0", "up")
        except BaseException:
            self.close()
            raise

    def make(self, what):
        """What `what()` answers, called in the namespace."""
        made, libc = [], ctypes.CDLL(None, use_errno=True)

        def enter():
            handle = os.open(f"{NAMES}/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(handle, CLONE_NEWNET) == 0:
                    made.append(what())
            finally:
                os.close(handle)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if not made:
            raise HarnessError(f"nothing could be made in the network namespace {self.name}")
        return made[0]

    def close(self):
        """Safe to call twice."""
        # By itself the pair would go some time after the namespace.
        subprocess.run(["ip", "link", "delete", self._device], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


def can_be_made():
    """Whether this host lets us make one; tried once."""
    global _can_be_made
    if _can_be_made is None:
        try:
            NetworkNamespace("probe").close()
            _can_be_made = True
        except (HarnessError, OSError, subprocess.SubprocessError):
            _can_be_made = False
    return _can_be_made


_can_be_made = None


def needs_netns(test):
    test.needs_netns = True
    return test
