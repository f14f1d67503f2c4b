"""A real amavisd that runs as another user than the daemon: it is told the message's file alone."""

import grp
import os
import pwd
import shutil
import unittest

from daemon import USER
from milter_peer import MilterPeer, message_steps
from scripted import files_below, only_millrace
from smtp_client import EICAR
from stack import stack

OTHER_USER = "nobody"
HEADERS = (
    ("From", " <alice@example.net>"),
    ("Date", " Sun, 22 Nov 2026 03:00:00 +0000"),
    ("Subject", " x"),
)


def daemon_of_another_user():
    """millrace as OTHER_USER in amavisd's group, as its start check asks."""
    work = stack().amavisd.base / "other-user"

    class OtherUsers(stack().daemon_class):
        def make_work_dir(self, mode):
            self.work_dir.mkdir(parents=True)
            os.chown(self.work_dir, pwd.getpwnam(OTHER_USER).pw_uid, grp.getgrnam(USER).gr_gid)
            self.work_dir.chmod(0o750)

    return OtherUsers(
        stack().lab,
        "other-user",
        stack().amavisd.socket_path,
        work,
        [f"--user={OTHER_USER}:{USER}"],
        stack().lab.directory("other-run", 0o755) / "milter.sock",
        as_root=True,
    )


class OtherUserTest(unittest.TestCase):
    @only_millrace("leaves it to the administrator, and cannot remove what amavisd unpacked")
    def test_mail_is_scanned_and_nothing_is_left(self):
        daemon = daemon_of_another_user()
        self.addCleanup(shutil.rmtree, daemon.work_dir, True)
        self.addCleanup(daemon.stop)
        for body, text in (("hello\r\n", None), (EICAR.decode() + "\r\n", "INFECTED"), ("x\r\n", None)):
            with MilterPeer(daemon.connect()) as peer:
                outcome = peer.play(message_steps(body=body, headers=HEADERS))[-1]
            if text is None:
                self.assertEqual(outcome.verdict, ("continue",))
                self.assertIn("X-Virus-Scanned", str(outcome.effects))
            else:
                self.assertEqual(outcome.verdict[0], "reply")
                self.assertIn(text, outcome.verdict[1])
        self.assertIn("amavisd runs as another user", daemon.log)
        daemon.stop()
        self.assertEqual(list(files_below(daemon.work_dir)), [])
