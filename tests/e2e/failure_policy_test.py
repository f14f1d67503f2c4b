"""What the operator set for failures, with real mail servers: the hold queue, refusals in his words.

Postfix puts quarantined mail into its hold queue; Sendmail keeps it in its queue as "hf" files, and
knows the reason.
"""

import unittest

from processes import wait_until
from scripted import only_millrace
from sendmail import Sendmail
from smtp_client import SmtpClient, message, send_message
from stack import stack

FORGED = b"X-Spam-Flag: NO\r\nX-Unscanned: no\r\n"
REASON = "not scanned: scanner-unreachable, scanner refused the connection"
FLAGS_ALONE = "knows -P alone"


class QuarantineTest(unittest.TestCase):
    @only_millrace(FLAGS_ALONE)
    def test_postfix_holds_unscanned_mail_until_it_is_released(self):
        sent = message("held", b"hello\r\n", FORGED)
        reply = send_message(stack().port("down_hold"), sent)
        self.assertEqual(reply.code, 250, reply)
        queue_id = reply.queue_id()
        self.assertEqual(stack().postfix.queue(queue_id)["queue_name"], "hold")
        self.assertEqual(stack().sink.find(sent.message_id), [])
        # The log's thread may write it after the mail server has its answer.
        wait_until(
            lambda: "quarantined unscanned" in stack().daemon("down_hold").log, "the log's line"
        )
        stack().postfix.release(queue_id)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.values("X-Unscanned"), ["yes"])
        self.assertEqual(delivered.values("X-Spam-Flag"), [])
        self.assertEqual(delivered.body, b"hello\r\n")

    @only_millrace(FLAGS_ALONE)
    def test_session_of_postfix_goes_on_and_each_message_is_held(self):
        ids = []
        with SmtpClient(stack().port("down_hold")) as client:
            for number in range(3):
                reply = client.deliver(message(f"held {number}"))
                self.assertEqual(reply.code, 250, reply)
                ids.append(reply.queue_id())
        held = [stack().postfix.queue(queue_id)["queue_name"] for queue_id in ids]
        self.assertEqual(held, ["hold"] * 3)

    @only_millrace(FLAGS_ALONE)
    def test_sendmail_quarantines_with_the_reason(self):
        stack().daemon("down_hold")
        sendmail = Sendmail(
            stack().lab,
            stack().cache,
            stack().milter_socket("down_hold"),
            stack().sink.port,
            "sendmail-hold",
        )
        sent = message("held", b"hello\r\n", FORGED)
        reply = send_message(sendmail.port, sent)
        self.assertEqual(reply.code, 250, reply)
        file = sendmail.base / "queue" / f"hf{reply.queue_id()}"
        wait_until(file.exists, "the quarantined message in Sendmail's queue")
        text = file.read_text(errors="replace")
        self.assertIn(REASON, text)
        self.assertIn("X-Unscanned: yes", text)
        self.assertNotIn("X-Spam-Flag", text)
        self.assertEqual(stack().sink.find(sent.message_id), [])


class RefusalTest(unittest.TestCase):
    @only_millrace(FLAGS_ALONE)
    def test_client_is_told_the_words_of_the_operator_and_the_session_goes_on(self):
        with SmtpClient(stack().port("down_reject")) as client:
            for _ in range(2):
                reply = client.deliver(message())
                self.assertEqual(reply.code, 550, reply)
                self.assertEqual(reply.text, "5.7.0 No scanner, 100% no mail")
