"""Mail from a real Postfix through the daemon to a real amavisd: delivered, rejected, edited,
discarded.
"""

import re
import unittest

from smtp_client import EICAR, GTUBE, SmtpClient, message, send_message
from stack import stack

CLIENT_V6 = "2001:db8::25"


class CleanMailTest(unittest.TestCase):
    def test_is_delivered_with_the_header_fields_of_amavisd(self):
        sent = message()
        reply = send_message(stack().port(), sent)
        self.assertEqual(reply.code, 250, reply)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.values("X-Virus-Scanned"), ["lab amavisd"])
        self.assertEqual(delivered.values("X-Spam-Flag"), ["NO"])
        self.assertTrue(
            delivered.values("X-Spam-Status")[0].startswith("No, score="), delivered.fields
        )
        self.assertEqual(delivered.body, b"hello\r\n")

    def test_gets_new_fields_on_top_in_the_order_of_amavisd_with_one_space(self):
        sent = message()
        send_message(stack().port(), sent)
        delivered = stack().sink.wait_for(sent.message_id)
        names = [name for name, _ in delivered.fields]
        self.assertEqual(
            names[:5],
            [
                b"X-Virus-Scanned",
                b"X-Spam-Flag",
                b"X-Spam-Score",
                b"X-Spam-Level",
                b"X-Spam-Status",
            ],
        )
        self.assertEqual(names[5], b"Received")
        self.assertEqual(delivered.fields[0][1], b" lab amavisd")

    def test_log_line_of_amavisd_names_queue_id_and_envelope(self):
        sent = message()
        reply = send_message(stack().port(), sent)
        line = stack().amavisd.verdict_line(sent.message_id)
        self.assertIn("Passed CLEAN {AcceptedInbound}, AM.PDP-SOCK [127.0.0.1]", line)
        self.assertIn("<alice@example.net> -> <bob@lab.test>", line)
        self.assertIn(f"Queue-ID: {reply.queue_id()}", line)


class RejectTest(unittest.TestCase):
    def assert_rejected(self, sent, text, **arguments):
        reply = send_message(stack().port(), sent, **arguments)
        self.assertEqual(reply.code, 554, reply)
        self.assertRegex(reply.text, text)
        self.assertTrue(stack().amavisd.verdict_line(sent.message_id).startswith("Blocked "))
        self.assertEqual(stack().sink.find(sent.message_id), [])

    def test_eicar_is_rejected_in_the_session_with_the_text_of_amavisd(self):
        self.assert_rejected(
            message("virus", EICAR + b"\r\n"),
            r"^5\.7\.0 Reject, id=\d+-\d+ - INFECTED: Eicar-Signature$",
        )

    def test_gtube_is_rejected_in_the_session_with_the_text_of_amavisd(self):
        self.assert_rejected(
            message("spam", GTUBE + b"\r\n"), r"^5\.7\.0 Reject, id=\d+-\d+ - spam$"
        )

    def test_banned_attachment_is_rejected(self):
        header = b'MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name="run.exe"\r\n'
        self.assert_rejected(
            message("banned", b"MZ\r\n", header), r"^5\.7\.0 Reject, id=\d+-\d+ - BANNED: "
        )

    def test_eicar_in_a_base64_part_is_rejected(self):
        import base64

        body = (
            b"--b\r\nContent-Type: text/plain\r\n\r\nsee file\r\n--b\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.b64encode(EICAR)
            + b"\r\n--b--\r\n"
        )
        header = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n'
        self.assert_rejected(message("virus", body, header), r"INFECTED: Eicar-Signature$")


class TagTest(unittest.TestCase):
    def test_spam_for_a_lover_gets_subject_tag_and_address_extension(self):
        sent = message("buy now", GTUBE + b"\r\n")
        reply = send_message(stack().port(), sent, ["tag@lab.test"])
        self.assertEqual(reply.code, 250, reply)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.recipients, [b"tag+spam@lab.test"])
        self.assertEqual(delivered.values("Subject"), ["***SPAM*** buy now"])
        self.assertEqual(delivered.values("X-Spam-Flag"), ["YES"])

    def test_tagged_subject_keeps_its_spelling(self):
        sent = message(None, GTUBE + b"\r\n", b"SubJect: buy now\r\n")
        send_message(stack().port(), sent, ["tag@lab.test"])
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.values("Subject"), ["***SPAM*** buy now"])
        self.assertEqual(
            delivered.spellings("Subject"), ["subject" if stack().is_incumbent else "SubJect"]
        )


class PartialDeliveryTest(unittest.TestCase):
    def deliver_spam(self, recipients, sender="alice@example.net", parameters=""):
        sent = message("partial", GTUBE + b"\r\n")
        reply = send_message(stack().port(), sent, recipients, sender=sender, parameters=parameters)
        self.assertEqual(reply.code, 250, reply)
        stack().postfix.wait_until_gone_from_queue(reply.queue_id())
        got = [
            recipient
            for copy in stack().sink.find(sent.message_id)
            for recipient in copy.recipients
        ]
        return sorted(got)

    def test_rejected_recipient_gets_no_copy_and_the_other_does(self):
        self.assertEqual(
            self.deliver_spam(["bob@lab.test", "tag@lab.test"]), [b"tag+spam@lab.test"]
        )

    def test_rejected_smtputf8_recipient_gets_no_copy(self):
        got = self.deliver_spam(["žofie@lab.test", "tag@lab.test"], parameters=" SMTPUTF8")
        # The incumbent sends amavisd other octets, so amavisd's answer names nobody: the spam is
        # delivered.
        leaked = ["žofie@lab.test".encode()] if stack().is_incumbent else []
        self.assertEqual(got, [b"tag+spam@lab.test", *leaked])


class DiscardTest(unittest.TestCase):
    def test_client_sees_success_and_nothing_is_delivered(self):
        sent = message("virus", EICAR + b"\r\n")
        reply = send_message(
            stack().port(), sent, xclient={"addr": "10.8.0.5", "name": "d.example.net"}
        )
        self.assertEqual(reply.code, 250, reply)
        stack().postfix.wait_for_log(rf"{reply.queue_id()}: milter-discard: END-OF-MESSAGE")
        self.assertIn("Blocked INFECTED", stack().amavisd.verdict_line(sent.message_id))
        self.assertNotIn(f"{reply.queue_id()}: removed", stack().postfix.log())
        self.assertEqual(stack().sink.find(sent.message_id), [])


class FailureTest(unittest.TestCase):
    def test_stopped_amavisd_is_a_temporary_failure(self):
        sent = message()
        reply = send_message(stack().port("down"), sent)
        self.assertEqual(reply.code, 451, reply)
        self.assertEqual(reply.text, "4.6.0 Content scanner malfunction")
        self.assertEqual(stack().sink.find(sent.message_id), [])

    def test_session_goes_on_after_a_temporary_failure(self):
        with SmtpClient(stack().port("down")) as client:
            for _ in range(3):
                self.assertEqual(client.deliver(message()).code, 451)

    def test_stopped_amavisd_with_pass_flag_is_a_delivery(self):
        sent = message("virus", EICAR + b"\r\n")
        reply = send_message(stack().port("down_pass"), sent)
        self.assertEqual(reply.code, 250, reply)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.values("X-Virus-Scanned"), [])
        self.assertEqual(delivered.body, EICAR + b"\r\n")


class SessionTest(unittest.TestCase):
    def test_messages_of_one_session_get_their_own_verdicts(self):
        clean, virus, spam, tagged, last = (
            message("one"),
            message("two", EICAR + b"\r\n"),
            message("three", GTUBE + b"\r\n"),
            message("four", GTUBE + b"\r\n"),
            message("five"),
        )
        with SmtpClient(stack().port()) as client:
            self.assertEqual(client.deliver(clean).code, 250)
            self.assertIn("INFECTED", client.deliver(virus).text)
            self.assertRegex(client.deliver(spam).text, "- spam$")
            self.assertEqual(client.deliver(tagged, ["tag@lab.test"]).code, 250)
            self.assertEqual(client.deliver(last).code, 250)
        for sent in (clean, tagged, last):
            stack().sink.wait_for(sent.message_id)
        for sent in (virus, spam):
            self.assertEqual(stack().sink.find(sent.message_id), [])

    def test_reset_transactions_leave_nothing_in_the_next_message(self):
        sent = message("after reset")
        with SmtpClient(stack().port()) as client:
            client.envelope("first@example.net", ["carol@lab.test"])
            self.assertEqual(client.command("RSET").code, 250)
            client.envelope("second@example.net", ["dave@lab.test"])
            client.command("EHLO again.example.net")
            self.assertEqual(client.deliver(sent).code, 250)
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(
            (delivered.sender, delivered.recipients), (b"alice@example.net", [b"bob@lab.test"])
        )
        self.assertIn(
            "<alice@example.net> -> <bob@lab.test>", stack().amavisd.verdict_line(sent.message_id)
        )

    def test_recipient_that_postfix_refused_is_not_told_to_amavisd(self):
        sent = message()
        with SmtpClient(stack().port()) as client:
            replies = client.envelope("alice@example.net", ["reject@lab.test", "bob@lab.test"])
            self.assertEqual([reply.code for reply in replies], [554, 250])
            self.assertEqual(client.data(sent.data).code, 250)
        self.assertIn("-> <bob@lab.test>,", stack().amavisd.verdict_line(sent.message_id))

    def test_fifty_recipients_all_get_the_message(self):
        sent = message()
        recipients = [f"user{number}@lab.test" for number in range(50)]
        reply = send_message(stack().port(), sent, recipients)
        self.assertEqual(reply.code, 250, reply)
        stack().postfix.wait_until_gone_from_queue(reply.queue_id())
        got = [
            recipient.decode()
            for copy in stack().sink.find(sent.message_id)
            for recipient in copy.recipients
        ]
        self.assertEqual(sorted(got), sorted(recipients))

    def test_null_sender(self):
        sent = message()
        self.assertEqual(send_message(stack().port(), sent, sender="").code, 250)
        self.assertIn("<> -> <bob@lab.test>", stack().amavisd.verdict_line(sent.message_id))


class ContentTest(unittest.TestCase):
    def test_five_megabytes_arrive_unchanged_and_are_counted_right(self):
        line = bytes(range(33, 127)).replace(b".", b"-") * 8 + b"\r\n"
        body = line * (5 * 1024 * 1024 // len(line) + 1)
        sent = message("large", body)
        reply = send_message(stack().port(), sent)
        self.assertEqual(reply.code, 250, reply)
        self.assertEqual(stack().sink.wait_for(sent.message_id).body, body)
        # amavisd counts what it read, with a CR for each line end.
        size = int(
            re.search(r" size: (\d+)", stack().amavisd.verdict_line(sent.message_id)).group(1)
        )
        self.assertGreaterEqual(size, len(sent.data))
        self.assertLess(size, len(sent.data) + 1000)

    def test_eicar_at_the_end_of_five_megabytes_is_found(self):
        sent = message(
            "large", b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 67000 + EICAR + b"\r\n"
        )
        reply = send_message(stack().port(), sent)
        self.assertIn("INFECTED: Eicar-Signature", reply.text)

    def test_eight_bit_text_dots_and_odd_lines_arrive_unchanged(self):
        body = (
            "žluťoučký kůň\r\n".encode()
            + b".\r\n..\r\n.dot\r\n\r\n"
            + b"z" * 900
            + b"\r\n \r\nlast\r\n"
        )
        sent = message(
            "eight bit", body, b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        )
        self.assertEqual(send_message(stack().port(), sent, parameters=" BODY=8BITMIME").code, 250)
        self.assertEqual(stack().sink.wait_for(sent.message_id).body, body)


class Ipv6ClientTest(unittest.TestCase):
    def test_address_reaches_amavisd(self):
        sent = message()
        reply = send_message(
            stack().port(), sent, xclient={"addr": f"IPV6:{CLIENT_V6}", "name": "six.example.net"}
        )
        self.assertEqual(reply.code, 250, reply)
        stack().sink.wait_for(sent.message_id)
        self.assertIn(f"[{CLIENT_V6}]", stack().amavisd.verdict_line(sent.message_id))
