"""Runs the Lua scripts of miltertest/ with Debian's miltertest against the daemon and a scripted
scanner.
"""

import pathlib
import subprocess
import unittest

from scanner import by_recipient
from scripted import Pair

SCRIPTS = pathlib.Path(__file__).parent / "miltertest"
LIBRARY = "session"


class MiltertestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = Pair("miltertest")
        cls.addClassCleanup(cls.pair.end)
        cls.pair.scanner.answer = by_recipient

    def run_script(self, name):
        done = subprocess.run(
            [
                "miltertest",
                "-v",
                "-D",
                f"milter={self.pair.daemon.milter_socket}",
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
        if script.stem != LIBRARY:
            setattr(
                MiltertestTest,
                f"test_{script.stem}",
                lambda self, name=script.stem: self.run_script(name),
            )


_add_tests()
