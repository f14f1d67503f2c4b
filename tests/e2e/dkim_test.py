"""amavisd's DKIM verdict on signed mail: the spooled message has to be the signed one, octet for
octet.

Under simple header canonicalisation the white space after a field's colon is signed, so a daemon
that changes it makes amavisd call a valid signature broken (as the incumbent does).
"""

import unittest

from smtp_client import Message, new_message_id, send_message
from stack import stack

# What follows "Subject:" -> whether the incumbent, which always writes one space there, keeps it.
SUBJECTS = {
    "one space": (b" x", True),
    "two spaces": (b"  x", True),
    "trailing space": (b" x ", True),
    "no space": (b"x", False),
    "tab": (b"\tx", False),
    "fold at once": (b"\r\n x", False),
    "fold after a space": (b" \r\n x", True),
    "fold with tab": (b" x\r\n\ty", True),
}


def signed_message(method, subject=b" x", body=b"hello \r\n\r\nworld\t\r\n\r\n\r\n"):
    message_id = new_message_id()
    octets = (
        b"From: <alice@signed.test>\r\nTo: <bob@lab.test>\r\nSubject:"
        + subject
        + b"\r\nDate: Sun, 22 Nov 2026 03:00:00 +0000\r\nMessage-ID: "
        + message_id.encode()
        + b"\r\n\r\n"
        + body
    )
    return Message(message_id, stack().sign(octets, method))


class DkimTest(unittest.TestCase):
    def verdict(self, sent):
        """Whether amavisd found the signature valid, by its header field and by its log line."""
        reply = send_message(stack().port(), sent)
        self.assertEqual(reply.code, 250, reply)
        results = stack().sink.wait_for(sent.message_id).values("Authentication-Results")
        self.assertEqual(len(results), 1, results)
        passed = "dkim=pass" in results[0]
        if not passed:
            self.assertIn("dkim=fail", results[0])
        self.assertEqual(
            "dkim_sd=e2e:signed.test" in stack().amavisd.verdict_line(sent.message_id), passed
        )
        return passed

    def test_valid_simple_signature_is_verified_whatever_the_white_space(self):
        for what, (subject, incumbent_keeps_it) in SUBJECTS.items():
            with self.subTest(subject=what):
                expected = incumbent_keeps_it if stack().is_incumbent else True
                self.assertIs(self.verdict(signed_message("simple/simple", subject)), expected)

    def test_valid_relaxed_signature_is_verified_whatever_the_white_space(self):
        for what, (subject, _) in SUBJECTS.items():
            with self.subTest(subject=what):
                self.assertIs(self.verdict(signed_message("relaxed/relaxed", subject)), True)

    def test_mixed_canonicalisation_is_verified(self):
        for method in ("simple/relaxed", "relaxed/simple"):
            with self.subTest(method=method):
                self.assertIs(self.verdict(signed_message(method)), True)

    def test_large_signed_body_is_verified(self):
        body = (b"0123456789 " * 7 + b"\r\n") * 4000
        self.assertIs(self.verdict(signed_message("simple/simple", body=body)), True)

    def test_altered_body_is_not_verified(self):
        sent = signed_message("relaxed/relaxed")
        altered = Message(sent.message_id, sent.data.replace(b"world", b"w0rld"))
        self.assertIs(self.verdict(altered), False)
