"""What the scanner gets to read and to know of a message: octets, the synthesized Received, the
request.
"""

import re

import milter_wire as wire
from milter_peer import message_steps
from scripted import ScriptedTest, only_millrace, pair


class SpooledOctetsTest(ScriptedTest):
    def body_spooled(self, body, **step):
        """The body as spooled; `step` may set the size of the chunks."""
        steps = [
            dict(one, **step) if one["op"] == "body" else one for one in message_steps(body=body)
        ]
        self.verdict = self.play(steps=steps).verdict
        return self.spooled().partition(b"\n\n")[2].decode("latin-1") if self.requests else None

    def test_line_ends_become_LF_and_other_octets_stay(self):
        body = "a\r\nb\nc\x00d\xff\r\n\r\n.\r\nno end"
        self.assertEqual(self.body_spooled(body), "a\nb\nc\x00d\xff\n\n.\nno end")

    def test_line_end_split_between_chunks_becomes_LF(self):
        for chunk in (1, 2, 3, 5):
            with self.subTest(chunk=chunk):
                if chunk == 1 and self.expected(False, True):
                    continue  # the incumbent's 451 for a chunk that is one CR has its own test
                self.assertEqual(
                    self.body_spooled("ab\r\ncd\r\n\r\nef\r\n", chunk=chunk), "ab\ncd\n\nef\n"
                )

    def test_bare_CR_inside_a_line_stays(self):
        self.assertEqual(self.body_spooled("a\rb\r\n"), "a\rb\n")

    def test_CR_before_a_line_end_stays(self):
        self.assertEqual(
            self.body_spooled("a\r\r\nb\r\n"),
            self.expected(millrace="a\r\nb\n", incumbent="a\r\r\nb\n"),
        )

    def test_last_CR_stays(self):
        self.assertEqual(
            self.body_spooled("a\r\nb\r"), self.expected(millrace="a\nb\r", incumbent="a\nb")
        )

    def test_chunk_that_is_one_CR_is_taken(self):
        spooled = self.body_spooled("a\rb", chunk=1)
        if self.expected(True, False):
            self.assertEqual((self.verdict, spooled), (("continue",), "a\rb"))
        else:
            self.assertEqual(self.verdict[1][:3], "451")

    def test_message_without_body_ends_with_the_empty_line(self):
        self.play(body="")
        self.assertEqual(self.spooled(), b"Subject: x\n\n")

    def test_exact_white_space_after_the_colon(self):
        values = (
            " one",
            "none",
            "  two",
            "\ttab",
            "",
            " ",
            " \n folded",
            "\n folded at once",
            " trail ",
        )
        self.play(headers=[(f"X-{number}", value) for number, value in enumerate(values)])
        spooled = self.spooled().partition(b"\n\n")[0].decode().replace("\n ", "~ ").split("\n")
        exact = [f"X-{number}:{value}".replace("\n ", "~ ") for number, value in enumerate(values)]
        one_space = [
            f"X-{number}: {value[1:] if value.startswith(' ') else value}".replace("\n ", "~ ")
            for number, value in enumerate(values)
        ]
        self.assertEqual(spooled, self.expected(millrace=exact, incumbent=one_space))

    def test_mail_server_without_leading_space_option_gets_one_space(self):
        used = pair()
        used.answer(b"version_server=2\r\nreturn_value=continue\r\n\r\n")
        with used.peer(protocol=wire.PROTOCOL_OFFERED & ~wire.LEADSPC) as peer:
            peer.play(message_steps(headers=[("Subject", " x"), ("X-Two", "  y")]))
        self.requests = used.scanner.requests
        self.assertEqual(self.spooled(), b"Subject: x\nX-Two:  y\n\nhello\n")

    def test_old_mail_server_that_offers_nothing_is_served(self):
        used = pair()
        used.answer(b"version_server=2\r\nreturn_value=continue\r\n\r\n")
        with used.peer(version=2, protocol=0x7F) as peer:
            self.assertEqual(peer.negotiated.version, 2)
            steps = [step for step in message_steps() if step["op"] != "data"]
            self.assertEqual(peer.play(steps)[-1].verdict, ("continue",))
        self.requests = used.scanner.requests
        self.assertEqual(self.spooled(), b"Subject: x\n\nhello\n")


class ReceivedFieldTest(ScriptedTest):
    DATE = r"\w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)"

    def field(self, **message):
        self.play(**message)
        return self.received().decode("latin-1")

    def assert_field(self, field, first, second):
        self.assertRegex(
            field,
            f"^{re.escape(first)}\n\t{re.escape(second)};\n\t{self.DATE}\n"
            r"\t\(envelope-from <alice@example\.net>\)$",
        )

    def test_names_helo_client_and_queue_id(self):
        self.assert_field(
            self.field(),
            "Received: from client.example.net (client.example.net [192.0.2.9])",
            "by mx.lab.test (amavisd-milter) id 4CC63A76085",
        )

    def test_client_without_a_name_is_unknown(self):
        field = self.field(connect={"host": "[192.0.2.9]"})
        self.assertIn("Received: from client.example.net (unknown [192.0.2.9])\n", field)

    def test_without_the_name_of_the_mail_server_it_is_localhost(self):
        self.assertIn("\n\tby localhost (amavisd-milter)", self.field(connect={"macros": {}}))

    def test_authenticated_client_and_strength(self):
        field = self.field(
            macros={
                "i": "4CC63A76085",
                "{auth_type}": "PLAIN",
                "{auth_authen}": "bob",
                "{auth_ssf}": "256",
            }
        )
        self.assertIn("(client.example.net [192.0.2.9]) (authenticated bits=256)\n", field)
        self.assertIn("(authenticated as bob)", field)

    def test_date_macro_of_the_mail_server_is_used(self):
        field = self.field(macros={"i": "4CC63A76085", "b": "Sun, 22 Nov 2026 03:32:50 GMT"})
        self.assertIn(";\n\tSun, 22 Nov 2026 03:32:50 GMT\n", field)

    @only_millrace("copies line ends of the HELO argument into the field")
    def test_line_ends_in_helo_are_cleaned(self):
        field = self.field(helo="evil\r\nX-Injected: yes")
        self.assertEqual(field.count("\n"), 3)
        self.assertNotIn("\r", field)

    @only_millrace("cuts the field without a line end, which swallows the next field")
    def test_long_helo_leaves_the_field_well_formed(self):
        self.play(helo="h" * 5000)
        self.assertEqual(self.spooled(), b"Subject: x\n\nhello\n")
        self.assertTrue(self.received().endswith(b"(envelope-from <alice@example.net>)"))


class RequestTest(ScriptedTest):
    def request(self, **message):
        self.play(**message)
        self.assertEqual(len(self.requests), 1)
        return self.requests[0]

    def test_attributes_come_in_the_order_of_the_incumbent(self):
        self.play(recipients=["<bob@lab.test>", "<carol@lab.test>"])
        names = [
            name
            for name, _ in self.requests[0].attributes
            if name not in ("version_client", "client_port")
        ]
        self.assertEqual(
            names,
            [
                "request",
                "queue_id",
                "sender",
                "recipient",
                "recipient",
                "tempdir",
                "tempdir_removed_by",
                "mail_file",
                "delivery_care_of",
                "client_address",
                "client_name",
                "helo_name",
            ],
        )

    def test_eight_bit_addresses_keep_their_octets(self):
        sender, recipient = ("<jiří@příklad.cz>", "<žofie@lab.test>")
        request = self.request(
            sender=sender.encode().decode("latin-1"),
            recipients=[recipient.encode().decode("latin-1")],
        )
        right = (sender.encode().decode("latin-1"), recipient.encode().decode("latin-1"))
        wrong = tuple(re.sub(r"[\x80-\xff]", "\xff", text) for text in right)
        self.assertEqual(
            (request.value("sender"), request.value("recipient")), self.expected(right, wrong)
        )

    def test_client_port_is_told(self):
        self.assertEqual(self.request().value("client_port"), self.expected("4711", None))

    def test_client_on_a_unix_socket_has_no_address_attribute(self):
        request = self.request(
            connect={"family": "L", "host": "localhost", "port": 0, "address": "/run/smtp"}
        )
        broken = [name for name, value in request.attributes if value is None]
        self.assertEqual(broken, self.expected([], ["client_address"]))

    def test_unknown_client_has_no_address_attribute(self):
        request = self.request(
            connect={"family": "U", "host": "localhost", "port": 0, "address": ""}
        )
        self.assertEqual(
            [name for name, value in request.attributes if value is None],
            self.expected([], ["client_address"]),
        )

    def test_ipv6_address_is_told_with_its_prefix(self):
        for address in ("2001:db8::25", "IPv6:2001:db8::25"):
            with self.subTest(address=address):
                request = self.request(connect={"family": "6", "address": address})
                self.assertEqual(request.value("client_address"), "IPv6:2001:db8::25")

    def test_null_sender(self):
        self.assertEqual(self.request(sender="<>").value("sender"), "<>")

    def test_queue_id_that_is_a_path_does_not_choose_the_folder(self):
        request = self.request(macros={"i": "../../../tmp/evil"})
        self.assertNotIn("..", request.value("tempdir"))
        self.assertEqual(request.value("mail_file"), request.value("tempdir") + "/email.txt")

    def test_policy_banks_of_an_authenticated_client(self):
        request = self.request(macros={"i": "1", "{auth_type}": "PLAIN", "{auth_ssf}": "256"})
        self.assertEqual(
            request.value("policy_bank"), "SMTP_AUTH,SMTP_AUTH_PLAIN,SMTP_AUTH_PLAIN_256"
        )

    def test_protocol_name_when_the_mail_server_tells_it(self):
        self.assertEqual(
            self.request(macros={"i": "1", "r": "ESMTPS"}).value("protocol_name"), "ESMTPS"
        )
