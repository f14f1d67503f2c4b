"""Mail from a real Sendmail through the daemon to a real amavisd."""

import unittest

from smtp_client import EICAR, GTUBE, SmtpClient, message, send_message
from stack import stack


class SendmailDeliveryTest(unittest.TestCase):
    def test_clean_mail_is_delivered_with_the_header_fields_of_amavisd(self):
        sent = message()
        reply = send_message(stack().sendmail.port, sent)
        self.assertEqual(reply.code, 250, reply)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.values("X-Virus-Scanned"), ["lab amavisd"])
        self.assertEqual(delivered.values("X-Spam-Flag"), ["NO"])
        self.assertEqual(
            [value for name, value in delivered.fields if name == b"X-Virus-Scanned"],
            [b" lab amavisd"],
        )
        self.assertEqual(delivered.body, b"hello\r\n")

    def test_queue_id_and_protocol_reach_amavisd(self):
        sent = message()
        reply = send_message(stack().sendmail.port, sent)
        line = stack().amavisd.verdict_line(sent.message_id)
        self.assertIn(f"Queue-ID: {reply.queue_id()}", line)
        self.assertIn("AM.PDP-SOCK [127.0.0.1]", line)

    def test_eicar_is_rejected_in_the_session_with_the_text_of_amavisd(self):
        sent = message("virus", EICAR + b"\r\n")
        reply = send_message(stack().sendmail.port, sent)
        self.assertEqual(reply.code, 554, reply)
        self.assertRegex(reply.text, r"^5\.7\.0 Reject, id=\d+-\d+ - INFECTED: Eicar-Signature$")
        self.assertEqual(stack().sink.find(sent.message_id), [])

    def test_spam_for_a_lover_gets_subject_tag_and_address_extension(self):
        sent = message("buy now", GTUBE + b"\r\n")
        reply = send_message(stack().sendmail.port, sent, ["tag@lab.test"])
        self.assertEqual(reply.code, 250, reply)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.recipients, [b"tag+spam@lab.test"])
        self.assertEqual(delivered.values("Subject"), ["***SPAM*** buy now"])
        self.assertEqual(delivered.spellings("Subject"), ["Subject"])

    def test_messages_of_one_session_get_their_own_verdicts(self):
        clean, virus, last = message("one"), message("two", EICAR + b"\r\n"), message("three")
        with SmtpClient(stack().sendmail.port) as client:
            self.assertEqual(client.deliver(clean).code, 250)
            self.assertIn("INFECTED", client.deliver(virus).text)
            client.envelope("alice@example.net", ["carol@lab.test"])
            self.assertEqual(client.command("RSET").code, 250)
            self.assertEqual(client.deliver(last).code, 250)
        for sent in (clean, last):
            self.assertEqual(stack().sink.wait_for(sent.message_id).recipients, [b"bob@lab.test"])
