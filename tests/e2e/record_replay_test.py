"""Record, anonymise, replay: the tools around the real programs.

    client --> Postfix --> millrace-record --> amavisd-milter --> millrace-record --> amavisd
                                 '------------ one trace ---------------'
    the trace, anonymised --> millrace-replay --MILTER--> millrace --> amavisd
    the trace             --> millrace-replay --SMTP--> Postfix --> millrace --> amavisd
"""

import base64
import stat
import unittest

import daemon
from recorder import Recorder, info, replay, run_tool
from scripted import only_millrace
from smtp_client import EICAR, GTUBE, SmtpClient, message
from stack import stack

# Words that stand in every address, host name, subject and line of the messages that are sent.
MARKERS = ("zebrafink", "okapiherd", "quaggahorn")
SENDER = "zebrafink.sender@okapiherd.example"
RECIPIENT = "quaggahorn@lab.test"
HELO = "zebrafink-host.okapiherd.example"
LINE = b"the quaggahorn met an okapiherd, said zebrafink\r\n"
KEY = "a key of the tests"


def marked(subject, body=LINE, header=None):
    return message(
        f"{subject} zebrafink", body, header=header, sender="zebrafink.sender@okapiherd.example"
    )


def attachment(name, octets):
    head = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="quaggahorn-b"\r\n'
    body = (
        b"--quaggahorn-b\r\nContent-Type: text/plain\r\n\r\n" + LINE + b"--quaggahorn-b\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="' + name + b'"\r\n\r\n'
        + base64.b64encode(octets) + b"\r\n--quaggahorn-b--\r\n"
    )
    return head, body


class Recording:
    """What was sent through the recorded pair, once for all tests here."""

    def __init__(self):
        lab = stack().lab
        amavisd = stack().amavisd
        postfix = stack().postfix
        work = amavisd.temp_base / "recorded"
        run = lab.directory("run", 0o755, daemon.USER)
        self.recorder = Recorder(
            lab,
            "recorded",
            run / "recorded-milter.sock",
            amavisd.socket_path,
            stack().milter_socket("recorded"),
        )
        self.incumbent = daemon.Incumbent(
            lab,
            "recorded-milter",
            self.recorder.scanner_socket,
            work,
            milter_socket=run / "recorded-milter.sock",
        )
        self.codes = []
        self._send(postfix.ports["recorded"])
        self.said = self.recorder.finish()
        self.trace = self.recorder.trace

    def _session(self, port, *messages, recipients=(RECIPIENT,)):
        with SmtpClient(port, helo=HELO) as client:
            for sent in messages:
                self.codes.append(client.deliver(sent, recipients, sender=SENDER).code)

    def _send(self, port):
        head, body = attachment(b"quaggahorn.txt", LINE)
        virus_head, virus_body = attachment(b"quaggahorn.bin", EICAR + b"\r\n")
        self._session(port, marked("clean"))
        self._session(port, marked("virus", EICAR + b"\r\n"))
        self._session(port, marked("spam", GTUBE + b"\r\n" + LINE))
        self._session(port, marked("attached", body, head), marked("again", body, head))
        self._session(port, marked("attached virus", virus_body, virus_head))
        self._session(port, marked("Gr\u00fc\u00dfe", "Gr\u00fc\u00dfe zebrafink\r\n".encode()))
        self._session(
            port, marked("two"), recipients=(RECIPIENT, "zebrafink@lab.test")
        )
        self._session(port, marked("large", LINE * 4000))
        with SmtpClient(port, helo=HELO) as client:
            client.envelope(SENDER, [RECIPIENT])
            client.command("RSET")
            self.codes.append(client.deliver(marked("after"), (RECIPIENT,), sender=SENDER).code)


class RecordReplayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recording = None

    def recorded(self):
        if RecordReplayTest.recording is None:
            RecordReplayTest.recording = Recording()
        return RecordReplayTest.recording

    def millrace_address(self):
        return f"unix:{stack().daemon('main').milter_socket}"

    @only_millrace("has no tools")
    def test_recording_alters_no_verdict_and_holds_every_message(self):
        recording = self.recorded()
        accepted = recording.codes.count(250)
        rejected = recording.codes.count(554)
        self.assertEqual((accepted, rejected), (7, 3), recording.codes)
        found = info(recording.trace)
        self.assertEqual(found["verdicts"]["accepted"], accepted)
        self.assertEqual(found["verdicts"]["rejected"], rejected)
        self.assertEqual(found["verdicts"]["none"], 1)
        self.assertEqual(stat.S_IMODE(recording.trace.stat().st_mode), 0o600)

    @only_millrace("has no tools")
    def test_every_scan_was_captured_whole(self):
        found = info(self.recorded().trace)
        self.assertEqual(found["scans"], 10)
        # Ten messages and ten scans of them; the message that was reset had no body yet.
        self.assertEqual(found["captured"], {"whole": 20, "none": 1})

    @only_millrace("has no tools")
    def test_replayed_to_millrace_it_gets_the_recorded_verdicts(self):
        stack().port()  # millrace, amavisd and all
        report = replay(self.recorded().trace, "--milter", self.millrace_address(), "--diff")
        self.assertEqual(report["verdicts"]["changed"], 0, report["verdicts"])
        self.assertEqual(report["outcomes"]["accepted"], 7)
        self.assertEqual(report["outcomes"]["rejected"], 3)

    @only_millrace("has no tools")
    def test_anonymised_it_tells_nothing_and_gets_the_recorded_verdicts(self):
        stack().port()
        recording = self.recorded()
        anonymous = recording.trace.with_name("anonymous.trace")
        run_tool(
            *("millrace-record", "--in", recording.trace, "--out", anonymous),
            *("--anonymise", KEY, "--keep-domain", "lab.test"),
        )
        told = run_tool("millrace-record", "--in", anonymous, "--export-json", "-", "--bodies")
        self.assertIn('"outcome"', told)
        for marker in MARKERS:
            self.assertNotIn(marker, told.lower())
        before, after = info(recording.trace), info(anonymous)
        self.assertEqual(after["verdicts"], before["verdicts"])
        self.assertEqual(after["figures"]["message_octets"], before["figures"]["message_octets"])
        report = replay(anonymous, "--milter", self.millrace_address(), "--diff")
        self.assertEqual(report["verdicts"]["changed"], 0, report["verdicts"])
        self.assertEqual(report["outcomes"]["rejected"], 3)

    @only_millrace("has no tools")
    def test_over_smtp_through_postfix_it_gets_the_recorded_verdicts(self):
        address = f"inet:{stack().port()}@127.0.0.1"
        recording = self.recorded()
        report = replay(recording.trace, "--smtp", address, "--diff")
        self.assertEqual(report["verdicts"]["changed"], 0, report["verdicts"])
        self.assertEqual(report["outcomes"]["accepted"], 7)
        self.assertEqual(report["outcomes"]["rejected"], 3)
