"""A file system of a test's own on a loop device, which can be frozen, and made slow.

Freezing one is safe for the machine only if it is always thawed: `LoopDisk.close` does that, and a
watchdog of its own session does it where the test process died or forgot it (FROZEN_AT_MOST_S). A
test that needs one is marked `needs_loop_disk`; where none can be made (a container without loop
devices), run.py leaves it out and says so.
"""

import fcntl
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

from processes import HarnessError

FIFREEZE = 0xC0045877
FITHAW = 0xC0045878
FROZEN_AT_MOST_S = 60.0
SIZE = 2 << 30  # sparse
THROTTLE = pathlib.Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise HarnessError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


class LoopDisk:
    """ext4 on a sparse file below `folder`, mounted at `mount`; `owner` owns its root."""

    def __init__(self, folder, owner=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mount = self.folder / "mount"
        self.mount.mkdir(exist_ok=True)
        self._image = self.folder / "image"
        with open(self._image, "wb") as image:
            image.truncate(SIZE)
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self._device = run("losetup", "--find", "--show", str(self._image))
        self._number = os.stat(self._device).st_rdev
        self._root, self._slow, self._watchdog = -1, False, None
        try:
            run("mount", "-t", "ext4", self._device, str(self.mount))
            self._root = os.open(self.mount, os.O_RDONLY | os.O_DIRECTORY)
            self._watchdog = subprocess.Popen(
                [sys.executable, __file__, str(self.mount), self._device],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            self._watchdog.stdout.readline()  # it has the root open
        except BaseException:
            self.close()
            raise
        if owner:
            run("chown", f"{owner}:{owner}", str(self.mount))
        self.mount.chmod(0o755)

    @property
    def number(self):
        return f"{os.major(self._number)}:{os.minor(self._number)}"

    def freeze(self):
        """From here on whoever changes something on it waits, and cannot be killed."""
        self._tell(b"f")
        fcntl.ioctl(self._root, FIFREEZE, 0)

    def thaw(self):
        try:
            fcntl.ioctl(self._root, FITHAW, 0)
        except OSError:
            pass  # it was not frozen
        self._tell(b"t")

    def can_be_slow(self):
        return THROTTLE.exists() and (self._bdi / "strict_limit").exists()

    def slow(self, bytes_per_s):
        """Writes go to it at that rate, and whoever makes more pages dirty is held up."""
        self._slow = True
        THROTTLE.write_text(f"{self.number} {bytes_per_s}")
        (self._bdi / "strict_limit").write_text("1")
        (self._bdi / "max_bytes").write_text(str(4 << 20))

    def fast(self):
        (self._bdi / "strict_limit").write_text("0")
        THROTTLE.write_text(f"{self.number} 0")

    @property
    def _bdi(self):
        return pathlib.Path("/sys/class/bdi") / self.number

    def _tell(self, word):
        if self._watchdog and self._watchdog.poll() is None:
            self._watchdog.stdin.write(word)
            self._watchdog.stdin.flush()

    def close(self):
        """Safe to call twice."""
        if self._device is None:
            return
        device, self._device = self._device, None
        if self._root >= 0:
            self.thaw()
            if self._slow:
                self.fast()
            os.close(self._root)
        if self._watchdog:
            self._watchdog.stdin.close()
            self._watchdog.stdout.close()
            self._watchdog.wait(60)
        subprocess.run(["umount", "-l", str(self.mount)], capture_output=True, check=False)
        subprocess.run(["losetup", "-d", device], capture_output=True, check=False)
        self._image.unlink(missing_ok=True)


def can_be_made():
    """Whether this host gives loop devices and lets us mount; tried once."""
    global _can_be_made
    if _can_be_made is None:
        with tempfile.TemporaryDirectory(prefix="mre2e-loop-") as folder:
            try:
                LoopDisk(folder).close()
                _can_be_made = True
            except (HarnessError, OSError, subprocess.SubprocessError):
                _can_be_made = False
    return _can_be_made


_can_be_made = None


def needs_loop_disk(test):
    test.needs_loop_disk = True
    return test


def watch(mount, device):
    """The watchdog: "f" and "t" on stdin tell of a freeze and its end; the end of stdin of the
    test's. Whatever happens, the file system is thawed, and a rest is unmounted and detached.
    """
    root = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
    print("watching", flush=True)
    thaw_at = None
    while True:
        left = None if thaw_at is None else max(0.0, thaw_at - time.monotonic())
        ready, _, _ = select.select([0], [], [], left)
        word = os.read(0, 1) if ready else b"t"
        if word == b"f":
            thaw_at = time.monotonic() + FROZEN_AT_MOST_S
            continue
        thaw_at = None
        try:
            fcntl.ioctl(root, FITHAW, 0)
        except OSError:
            pass
        if not word:
            break
    os.close(root)
    # Where the test process has died: nobody else will.
    for command in (["umount", "-l", mount], ["losetup", "-d", device]):
        subprocess.run(command, capture_output=True, check=False)


if __name__ == "__main__":
    watch(sys.argv[1], sys.argv[2])
