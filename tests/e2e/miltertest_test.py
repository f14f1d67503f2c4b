"""Runs the Lua scripts of miltertest/ with Debian's miltertest against the daemon and a scripted
scanner.
"""

import pathlib
import subprocess
import unittest

from scanner import by_recipient
from scripted import Pair, only_millrace
from stack import stack

SCRIPTS = pathlib.Path(__file__).parent / "miltertest"
LIBRARY = "session"
# Scripts that need a daemon with a configuration of its own; the incumbent has none.
CONFIGURATIONS = {
    "failure_policy": """
[[listener]]
on_scan_failed = "quarantine"
scan_failed_reply = "451 4.7.0 held nowhere"
"""
}


class MiltertestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = cls.start("miltertest")

    @classmethod
    def start(cls, label, flags=()):
        pair = Pair(label, flags)
        cls.addClassCleanup(pair.end)
        pair.scanner.answer = by_recipient
        return pair

    def pair_for(self, name):
        if name not in CONFIGURATIONS:
            return self.pair
        file = stack().lab.directory("settings") / f"{name}.toml"
        file.write_text(CONFIGURATIONS[name])
        return self.start(f"miltertest-{name}", (f"--config={file}",))

    def run_script(self, name):
        pair = self.pair_for(name)
        done = subprocess.run(
            [
                "miltertest",
                "-v",
                "-D",
                f"milter={pair.daemon.milter_socket}",
                "-D",
                f"folder={SCRIPTS}",
                "-s",
                str(SCRIPTS / f"{name}.lua"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def _add_tests():
    for script in sorted(SCRIPTS.glob("*.lua")):
        if script.stem == LIBRARY:
            continue

        def test(self, name=script.stem):
            self.run_script(name)

        if script.stem in CONFIGURATIONS:
            test = only_millrace("has no configuration file")(test)
        setattr(MiltertestTest, f"test_{script.stem}", test)


_add_tests()
