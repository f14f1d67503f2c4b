"""Messages of many sessions at once and messages that are hard on a scanner, on the real stack."""

import threading
import unittest

from processes import wait_until
from scripted import contains
from smtp_client import EICAR, GTUBE, SmtpClient, message, send_message
from stack import stack

SESSIONS = 6
ROUNDS = 3


class ParallelSessionsTest(unittest.TestCase):
    def session(self, number, port, problems):
        """Sends a mix of messages; what is not as it should be goes to `problems`."""
        try:
            with SmtpClient(port) as client:
                for turn in range(ROUNDS):
                    body = f"session {number} turn {turn}\r\n".encode() * (1 + 400 * turn)
                    clean = message(f"clean {number}", body)
                    if client.deliver(clean).code != 250:
                        problems.append(f"{clean.message_id}: clean mail refused")
                    if stack().sink.wait_for(clean.message_id).body != body:
                        problems.append(f"{clean.message_id}: another body")
                    for content, text in ((EICAR, "INFECTED"), (GTUBE, "spam")):
                        reply = client.deliver(message("bad", body + content + b"\r\n"))
                        if reply.code != 554 or text not in reply.text:
                            problems.append(f"{number}/{turn}: {reply}")
        except (OSError, AssertionError) as error:
            problems.append(f"session {number}: {error!r}")

    def test_every_message_gets_its_own_verdict_and_body(self):
        port, problems = stack().port(), []
        threads = [
            threading.Thread(target=self.session, args=(number, port, problems))
            for number in range(SESSIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])


class DifficultMailTest(unittest.TestCase):
    HEADER = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n'
    BODIES = {
        "no closing boundary": b"--b\r\nContent-Type: text/plain\r\n\r\npart\r\n",
        "part without header": b"--b\r\npart\r\n--b--\r\n",
        "bad base64": b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n=!not!=\r\n--b--\r\n",
        "boundary in boundary": b"--b\r\n--b\r\n--b--\r\n--b\r\n",
        "nothing": b"",
    }

    def test_broken_mime_is_delivered_unchanged_and_the_next_message_is_clean(self):
        for what, body in self.BODIES.items():
            with self.subTest(mime=what):
                broken, clean = message("broken", body, self.HEADER), message("clean")
                with SmtpClient(stack().port()) as client:
                    self.assertEqual(client.deliver(broken).code, 250)
                    self.assertEqual(client.deliver(clean).code, 250)
                self.assertEqual(stack().sink.wait_for(broken.message_id).body, body)
                self.assertEqual(stack().sink.wait_for(clean.message_id).body, b"hello\r\n")

    def test_nothing_of_a_message_is_left_in_the_spool(self):
        marker = b"marker-that-must-vanish"
        sent = message("marker", b"--b\r\n\r\n" + marker + b"\r\n--b--\r\n", self.HEADER)
        self.assertEqual(send_message(stack().port(), sent).code, 250)
        work_dir = stack().daemon().work_dir
        wait_until(lambda: not contains(work_dir, marker), "the message to leave the spool", 30)
