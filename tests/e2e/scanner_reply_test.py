"""What the daemon makes of the scanner's reply: verdicts, edits, broken and late replies."""

from milter_peer import message_steps, transaction_steps
from scanner import CLOSE, HANG, TAG, line, reply
from scripted import MALFUNCTION, ScriptedTest, only_millrace, pair

REJECT_TEXT = "Reject, id=12345-01 - INFECTED: Eicar"


class VerdictTest(ScriptedTest):
    def verdict(self, *actions, **message):
        outcome = self.play(*actions, **message)
        self.assertEqual(len(outcome.effects), 1, outcome.effects)
        return outcome.verdict

    def test_continue(self):
        self.assertEqual(self.verdict(reply()), ("continue",))

    def test_accept_lets_the_message_pass(self):
        self.assertIn(self.verdict(reply(return_value="accept")), (("accept",), ("continue",)))

    def test_discard(self):
        self.assertEqual(self.verdict(reply(return_value="discard")), ("discard",))

    def test_reject_with_text(self):
        setreply = line("setreply", "554", "5.7.0", REJECT_TEXT)
        self.assertEqual(
            self.verdict(reply(setreply, return_value="reject")),
            ("reply", f"554 5.7.0 {REJECT_TEXT}"),
        )

    def test_tempfail_with_text(self):
        setreply = line("setreply", "450", "4.7.1", "Greylisted, come later")
        verdict = self.verdict(reply(setreply, return_value="tempfail"))
        self.assertEqual(verdict, ("reply", "450 4.7.1 Greylisted, come later"))

    def test_text_of_an_error_inside_amavisd_is_not_for_the_client(self):
        setreply = line("setreply", "451", "4.5.0", "Failure: cannot open /var/lib/amavis/x")
        verdict = " ".join(self.verdict(reply(setreply, return_value="tempfail")))
        self.assertRegex(verdict, "^tempfail$|^reply 4")
        self.assertEqual("/var/lib" in verdict, self.expected(False, True))

    def assert_default_reject(self, verdict):
        """The mail server's own text, or ours; never a 4xx or 2xx."""
        self.assertRegex(" ".join(verdict), r"^reject$|^reply 55\d 5\.\d+\.\d+ ")

    def test_reject_without_text(self):
        self.assert_default_reject(self.verdict(reply(return_value="reject")))

    def test_reject_ignores_a_text_of_another_class(self):
        for setreply in (
            line("setreply", "450", "4.5.0", "later"),
            line("setreply", "250", "2.5.0", "Ok"),
        ):
            with self.subTest(setreply=setreply):
                self.assert_default_reject(self.verdict(reply(setreply, return_value="reject")))

    def test_percent_in_the_text_reaches_the_client(self):
        text = "BANNED: a%sb%d 100%.exe"
        verdict = self.verdict(reply(line("setreply", "554", "5.7.0", text), return_value="reject"))
        self.assertEqual(
            verdict[1].partition("5.7.0 ")[2], self.expected(text, text.replace("%", ""))
        )

    def test_unused_text_dies_with_its_message(self):
        used = pair()
        answers = [
            reply(
                line("setreply", "554", "5.7.0", "of the first message"), return_value="continue"
            ),
            reply(return_value="reject"),
        ]
        used.scanner.answer = lambda request: [answers.pop(0)]
        steps = message_steps()
        steps[-2:] = [
            {"op": "abort"},
            *transaction_steps(["<bob@lab.test>"], "b\r\n", [("Subject", " y")]),
            *steps[-2:],
        ]
        with used.peer() as peer:
            first, second = peer.play(steps)
        self.assertEqual(first.verdict, ("continue",))
        if self.expected(True, False):
            self.assertNotIn("of the first message", " ".join(second.verdict))
        self.assertRegex(" ".join(second.verdict), r"^reject$|^reply 55\d ")

    def test_two_return_values_are_a_broken_reply(self):
        answer = (
            reply(return_value="reject", end=False)
            + b"return_value=continue\r\nexit_code=0\r\n\r\n"
        )
        self.assertEqual(self.verdict(answer), self.expected(MALFUNCTION, ("continue",)))

    def test_long_text_is_cut_and_still_rejects(self):
        setreply = line("setreply", "554", "5.7.0", "long " * 500)
        verdict = self.verdict(reply(setreply, return_value="reject"))
        self.assertEqual(verdict[1][:3], self.expected("554", "451"))
        self.assertLess(max(map(len, verdict[1].split("\r\n"))), 1000)

    def test_text_of_two_lines_still_rejects(self):
        setreply = line("setreply", "554", "5.7.0", "one\ntwo")
        verdict = self.verdict(reply(setreply, return_value="reject"))
        self.assertEqual(verdict[1][:3], self.expected("554", "451"))
        self.assertNotRegex(verdict[1], r"[^\r]\n|\n(?!554)")


class EditsTest(ScriptedTest):
    HEADERS = (
        ("Received", " from x"),
        ("SubJect", " x"),
        ("X-Old", " 1"),
        ("x-old", " 2"),
        ("X-Old", " 3"),
    )

    def effects(self, *edits, **message):
        message = {"headers": self.HEADERS, **message}
        outcome = self.play(reply(*edits), **message)
        self.assertEqual(outcome.verdict, ("continue",), outcome)
        return outcome.effects[:-1]

    def test_insert_and_add_have_one_space(self):
        effects = self.effects(
            line("insheader", "0", "X-Spam-Flag", "YES"), line("insheader", "1", "X-Empty", "")
        )
        self.assertEqual(effects, [("insert", 0, "X-Spam-Flag: YES"), ("insert", 1, "X-Empty: ")])

    def test_add_comes_last(self):
        (effect,) = self.effects(line("addheader", "X-Added", "last"))
        self.assertEqual(effect[-1], "X-Added: last")
        self.assertTrue(effect[0] == "append" or effect[:2] == ("insert", 0x7FFFFFFF), effect)

    def test_folded_value_keeps_its_folds(self):
        effects = self.effects(line("insheader", "0", "X-Spam-Status", "Yes, score=1\n tests=[A]"))
        self.assertEqual(effects, [("insert", 0, "X-Spam-Status: Yes, score=1\n tests=[A]")])

    def test_line_end_in_a_value_cannot_begin_a_field(self):
        (effect,) = self.effects(line("insheader", "0", "X-A", "one\nX-Injected: two"))
        self.assertEqual(
            effect[2], self.expected("X-A: one\n\tX-Injected: two", "X-A: one\nX-Injected: two")
        )

    def test_change_keeps_the_spelling_of_the_message(self):
        self.assertEqual(
            self.effects(line("chgheader", "1", "subject", "***SPAM*** x")),
            [("change", 1, self.expected("SubJect: ***SPAM*** x", "subject: ***SPAM*** x"))],
        )

    def test_delete_of_an_X_field_takes_all_of_them_highest_first(self):
        effects = self.effects(line("delheader", "1", "X-Old"))
        self.assertEqual(
            effects,
            self.expected(
                [("delete", index, "x-old") for index in (3, 2, 1)], [("delete", 1, "x-old")]
            ),
        )

    def test_index_of_received_leaves_out_the_synthesized_one(self):
        effects = self.effects(line("chgheader", "2", "Received", "changed"))
        self.assertEqual(effects, [("change", self.expected(1, 2), "Received: changed")])

    def test_synthesized_received_itself_cannot_be_changed(self):
        effects = self.effects(line("delheader", "1", "Received"))
        self.assertEqual(effects, self.expected([], [("delete", 1, "received")]))

    def test_recipients_are_removed_before_any_is_added(self):
        effects = self.effects(
            line("delrcpt", "<a@lab.test>"),
            line("addrcpt", "<a+spam@lab.test>"),
            line("delrcpt", "<b@lab.test>"),
            line("addrcpt", "<b+spam@lab.test>"),
            recipients=["<a@lab.test>", "<b@lab.test>"],
        )
        a, b = ("remove recipient", "<a@lab.test>"), ("remove recipient", "<b@lab.test>")
        new_a, new_b = ("add recipient", "<a+spam@lab.test>"), (
            "add recipient",
            "<b+spam@lab.test>",
        )
        self.assertEqual(effects, self.expected([a, b, new_a, new_b], [a, new_a, b, new_b]))

    def test_replaced_recipient_keeps_its_DSN_parameters(self):
        steps = message_steps()
        rcpt = next(step for step in steps if step["op"] == "rcpt")
        rcpt["args"] = ["<a@lab.test>", "NOTIFY=NEVER", "ORCPT=rfc822;a@lab.test"]
        effects = self.effects(
            line("delrcpt", "<a@lab.test>"), line("addrcpt", "<a+spam@lab.test>"), steps=steps
        )
        parameters = self.expected(("NOTIFY=NEVER ORCPT=rfc822;a@lab.test",), ())
        self.assertEqual(effects[1], ("add recipient", "<a+spam@lab.test>", *parameters))

    def test_removed_recipient_that_we_never_had_is_a_broken_reply(self):
        outcome = self.play(reply(line("delrcpt", "<stranger@lab.test>")))
        self.assertEqual(
            outcome.effects,
            self.expected(
                [MALFUNCTION], [("remove recipient", "<stranger@lab.test>"), ("continue",)]
            ),
        )

    def test_quarantine_is_applied(self):
        outcome = self.play(reply(line("quarantine", "held for a look")))
        self.assertEqual(
            outcome.effects,
            self.expected([("quarantine", "held for a look"), ("continue",)], [MALFUNCTION]),
        )

    def test_unknown_attribute_is_ignored(self):
        outcome = self.play(
            reply(line("no_such_attribute", "1"), line("insheader", "0", "X-A", "b"))
        )
        self.assertEqual(
            outcome.effects, self.expected([("insert", 0, "X-A: b"), ("continue",)], [MALFUNCTION])
        )

    def test_field_of_100_kilobytes_does_not_fail_the_message(self):
        outcome = self.play(reply(line("insheader", "0", "X-Long", "x" * 100000)))
        self.assertEqual(outcome.verdict, self.expected(("continue",), MALFUNCTION))

    def test_edits_beside_a_final_verdict_are_not_applied(self):
        outcome = self.play(reply(*TAG, return_value="discard"))
        self.assertEqual(outcome.effects[-1:], self.expected([MALFUNCTION], [("discard",)]))
        if self.expected(True, False):
            self.assertEqual(len(outcome.effects), 1)


class BrokenReplyTest(ScriptedTest):
    BROKEN = {
        "half a line": [reply(*TAG, end=False)[:-12], CLOSE],
        "no empty line": [reply(*TAG, end=False), CLOSE],
        "nothing": [CLOSE],
        "garbage": [b"\x00\xff garbage without meaning\r\n\r\n", CLOSE],
        "no return_value": [reply(*TAG, return_value=None), CLOSE],
        "unknown return_value": [reply(*TAG, return_value="perhaps")],
        "later protocol version": [b"version_server=3\r\nreturn_value=continue\r\n\r\n"],
    }
    # The incumbent's verdict where it is another; edits that it applied before it noticed are not
    # looked at.
    INCUMBENT = {"garbage": ("tempfail",), "no return_value": ("tempfail",)}

    def test_broken_reply_is_a_temporary_failure_without_edits(self):
        for what, actions in self.BROKEN.items():
            with self.subTest(reply=what):
                outcome = self.play(*actions)
                if self.expected(True, False):
                    self.assertEqual(outcome.effects, [MALFUNCTION])
                else:
                    self.assertEqual(outcome.verdict, self.INCUMBENT.get(what, MALFUNCTION))

    @only_millrace(
        "leaves the edits that came before the break, and fails on an unknown return_value too"
    )
    def test_broken_reply_with_pass_flag_is_a_pass_without_edits(self):
        for what, actions in self.BROKEN.items():
            with self.subTest(reply=what):
                self.assertEqual(self.play(*actions, flags=("-P",)).effects, [("continue",)])

    def test_pass_flag_does_not_touch_verdicts(self):
        reject = reply(line("setreply", "554", "5.7.0", REJECT_TEXT), return_value="reject")
        self.assertEqual(
            self.play(reject, flags=("-P",)).verdict, ("reply", f"554 5.7.0 {REJECT_TEXT}")
        )
        tempfail = reply(line("setreply", "450", "4.7.1", "come later"), return_value="tempfail")
        self.assertEqual(
            self.play(tempfail, flags=("-P",)).verdict, ("reply", "450 4.7.1 come later")
        )

    def test_session_goes_on_after_a_broken_reply(self):
        used = pair()
        answers = [[CLOSE], [reply()]]
        used.scanner.answer = lambda request: answers.pop(0)
        steps = message_steps()
        steps[-2:] = [
            {"op": "abort"},
            *transaction_steps(["<bob@lab.test>"], "b\r\n", [("Subject", " y")]),
            *steps[-2:],
        ]
        with used.peer() as peer:
            self.assertEqual(
                [outcome.verdict for outcome in peer.play(steps)], [MALFUNCTION, ("continue",)]
            )

    def test_reply_in_single_octets_is_understood(self):
        outcome = self.play(*(bytes([octet]) for octet in reply(*TAG)))
        self.assertEqual(outcome.verdict, ("continue",))
        self.assertEqual(len(outcome.effects), 4)


class DeadlineTest(ScriptedTest):
    def test_hanging_scanner_is_given_up(self):
        self.assertEqual(self.play(HANG, flags=("-T", "1")).effects, [MALFUNCTION])

    def test_hanging_scanner_with_pass_flag_is_a_pass(self):
        self.assertEqual(self.play(HANG, flags=("-T", "1", "-P")).effects, [("continue",)])

    @only_millrace("begins its timeout anew with every octet")
    def test_dripping_scanner_is_given_up(self):
        actions = [part for octet in reply(*TAG) for part in (bytes([octet]), 0.2)]
        self.assertEqual(self.play(*actions, flags=("-T", "1")).effects, [MALFUNCTION])

    def test_progress_is_told_while_the_scanner_works(self):
        outcome = self.play(6, reply())
        self.assertEqual(outcome.verdict, ("continue",))
        if self.expected(True, False):
            self.assertGreaterEqual(outcome.progress, 1)
