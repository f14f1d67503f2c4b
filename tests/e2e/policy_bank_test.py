"""The policy banks of the published set-up guide, each proved by amavisd's own log line.

amavisd writes the banks that it loaded after the verdict: "Passed CLEAN {AcceptedInbound},
AM.PDP-SOCK [address] ...", joined by slashes in the order of loading; LOCAL follows when the mail
is originating.
"""

import re
import unittest

from smtp_client import EICAR, message, send_message
from stack import stack

SOCK = "AM.PDP-SOCK"


class PolicyBankTest(unittest.TestCase):
    def banks_of(self, sent, port, code=250, **arguments):
        """What stands between the verdict and the client's address: banks and perhaps LOCAL."""
        reply = send_message(port, sent, **arguments)
        self.assertEqual(reply.code, code, reply)
        line = stack().amavisd.verdict_line(sent.message_id)
        return re.search(r"\{[^}]*\}, (.*?) ?\[", line).group(1)

    def test_milter_socket_bank_for_foreign_mail(self):
        banks = self.banks_of(
            message(), stack().port(), xclient={"addr": "192.0.2.7", "name": "x.example.net"}
        )
        self.assertEqual(banks, SOCK)

    def test_internal_mta_bank_by_client_address(self):
        banks = self.banks_of(
            message(), stack().port(), xclient={"addr": "10.9.9.5", "name": "int.lab.test"}
        )
        self.assertEqual(banks, f"{SOCK}/INT-MTA LOCAL")

    def test_client_address_excluded_from_the_internal_network_gets_the_plain_bank(self):
        banks = self.banks_of(
            message(), stack().port(), xclient={"addr": "10.9.9.1", "name": "mx.lab.test"}
        )
        self.assertEqual(banks, SOCK)

    def test_discard_bank_by_client_address_changes_the_verdict(self):
        sent = message("virus", EICAR + b"\r\n")
        banks = self.banks_of(
            sent, stack().port(), xclient={"addr": "10.8.0.5", "name": "d.example.net"}
        )
        self.assertEqual(banks, f"{SOCK}/DISCARD")

    def test_daemon_name_is_a_bank_with_B(self):
        self.assertEqual(
            self.banks_of(message(), stack().port("banks")), f"{SOCK}/ORIGINATING LOCAL"
        )

    def test_daemon_name_is_no_bank_without_B(self):
        self.assertEqual(self.banks_of(message(), stack().port("main_named")), SOCK)

    def test_unknown_daemon_name_is_ignored_by_amavisd(self):
        self.assertEqual(self.banks_of(message(), stack().port("banks_default")), SOCK)

    def test_authenticated_client_gets_the_smtp_auth_banks(self):
        banks = self.banks_of(message(), stack().port(), xclient={"login": "bob"})
        self.assertEqual(banks, f"{SOCK}/SMTP_AUTH/SMTP_AUTH_XCLIENT LOCAL")

    def test_daemon_name_comes_before_the_smtp_auth_banks(self):
        banks = self.banks_of(message(), stack().port("banks"), xclient={"login": "bob"})
        self.assertEqual(banks, f"{SOCK}/ORIGINATING/SMTP_AUTH/SMTP_AUTH_XCLIENT LOCAL")

    def test_login_of_one_session_is_not_a_bank_of_the_next(self):
        self.banks_of(message(), stack().port(), xclient={"login": "bob"})
        self.assertEqual(self.banks_of(message(), stack().port()), SOCK)

    def test_submission_goes_after_the_queue_through_the_port_of_amavisd(self):
        stack().port()
        sent = message(sender="bob@lab.test")
        reply = send_message(
            stack().postfix.submission_port, sent, ["dave@example.org"], sender="bob@lab.test"
        )
        self.assertEqual(reply.code, 250, reply)
        line = stack().amavisd.verdict_line(sent.message_id)
        self.assertRegex(
            line, r"^Passed CLEAN \{RelayedOutbound\}, ORIGINATING LOCAL \[127\.0\.0\.1\]"
        )
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.recipients, [b"dave@example.org"])


class DeliveryCareTest(unittest.TestCase):
    def test_server_care_lets_amavisd_deliver_and_the_mail_server_discard(self):
        sent = message()
        reply = send_message(stack().port("server"), sent)
        self.assertEqual(reply.code, 250, reply)
        stack().postfix.wait_for_log(rf"{reply.queue_id()}: milter-discard: END-OF-MESSAGE")
        delivered = stack().sink.wait_for(sent.message_id)
        self.assertEqual(delivered.values("X-Virus-Scanned"), ["lab amavisd"])
        self.assertIn("queued_as: ", stack().amavisd.verdict_line(sent.message_id))
        self.assertEqual(len(stack().sink.find(sent.message_id)), 1)
