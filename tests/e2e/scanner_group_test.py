"""Several scanners behind one daemon, for real: each fails in its own way while mail flows.

`Load` plays sessions of several messages each, from threads. What is looked at: what each message was
told, that no session was closed, the changes of the breakers in the log, and that mail flows again
when the scanner is well, without anybody doing anything.
"""

import signal
import socket

from milter_peer import MilterPeer, message_steps
from netns import needs_netns
from processes import wait_until
from remote_scanner_test import remote_scanner
from scanner import CLOSE, HANG, Scanner, reply
from scanner_group import GroupTest, Load, ScannerProcess
from scripted import MALFUNCTION, only_millrace
from stack import stack

ONE_ONLY = "has one scanner"


class FailingScannerTest(GroupTest):
    def setUp(self):
        lab = stack().lab
        name = f"{self._testMethodName[5:25]}"
        self.sick = ScannerProcess(lab, f"{name}-a")
        self.well = ScannerProcess(lab, f"{name}-b")
        self.both = [
            (f"unix:{self.sick.path}", "connections_max = 8"),
            (f"unix:{self.well.path}", "connections_max = 8"),
        ]

    @only_millrace(ONE_ONLY)
    def test_one_of_two_killed_fails_no_message(self):
        daemon = self.daemon(self.both)
        load = Load(daemon)
        load.messages(100)
        for _ in range(3):
            self.sick.kill()
            self.wait_for(daemon, self.sick.path, "closed", "open")
            load.messages(100)
            self.sick.start()
            self.wait_for(daemon, self.sick.path, "half-open", "slow-start")
            load.messages(50)
        accepted, others = load.end()
        self.assertEqual(others, [])
        self.assertGreater(accepted, 500)

    @only_millrace(ONE_ONLY)
    def test_the_only_one_killed_recovers_without_an_operator(self):
        daemon = self.daemon(self.both[:1])
        load = Load(daemon)
        load.messages(50)
        self.sick.kill()
        self.wait_for(daemon, self.sick.path, "closed", "open")
        load.messages(50)
        self.sick.start()
        self.wait_for(daemon, self.sick.path, "half-open", "slow-start")
        load.messages(50)
        _, others = load.end()
        self.assertGreater(len(others), 0)
        self.assertEqual(set(others), {MALFUNCTION})
        self.assertEqual(load.verdicts[-1][1], ("continue",))

    @only_millrace(ONE_ONLY)
    def test_a_hung_one_fails_what_it_has_and_then_nothing(self):
        """Its slots stay taken by what it has, so it gets nothing more until it answers."""
        keys = 'connections_max = 8\nscan_timeout = "2s"'
        daemon = self.daemon([(self.both[0][0], keys), self.both[1]])
        load = Load(daemon, sessions=16)
        load.messages(50)
        self.sick.send(signal.SIGSTOP)
        wait_until(lambda: load.failed() >= 8 or load.errors, "what the hung one has to time out")
        load.messages(300)
        self.assertEqual(load.failed(), 8)
        before = len(daemon.log)
        self.sick.send(signal.SIGCONT)
        answered = f"scanner=unix:{self.sick.path}"
        wait_until(
            lambda: any(
                answered in line and "verdict=continue" in line
                for line in daemon.log[before:].splitlines()
            ),
            "mail through the one that goes on",
        )
        _, others = load.end()
        self.assertEqual(others, [MALFUNCTION] * 8)

    @only_millrace(ONE_ONLY)
    def test_a_refusing_and_flapping_one_fails_no_message(self):
        daemon = self.daemon(self.both)
        load = Load(daemon)
        for _ in range(6):
            self.sick.kill()
            load.messages(40)
            self.sick.start()
            load.messages(40)
        _, others = load.end()
        self.assertEqual(others, [])

    @only_millrace(ONE_ONLY)
    def test_half_replies_open_the_breaker_and_the_other_goes_on(self):
        half = Scanner(stack().lab, "half-answering", lambda _: [reply(end=False)[:-5], CLOSE])
        daemon = self.daemon([(f"unix:{half.path}", ""), self.both[1]])
        load = Load(daemon)
        self.wait_for(daemon, half.path, "closed", "open")
        half.answer = lambda _: [reply()]
        self.wait_for(daemon, half.path, "half-open", "slow-start")
        load.messages(50)
        _, others = load.end()
        self.assertEqual(set(others), {MALFUNCTION})
        self.assertEqual(load.verdicts[-1][1], ("continue",))

    @only_millrace(ONE_ONLY)
    def test_a_full_backlog_is_busy_and_the_other_takes_over(self):
        path = stack().lab.directory("scanners") / "never-accepts.sock"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as full:
            full.bind(str(path))
            path.chmod(0o777)
            full.listen(0)
            filling = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(4)]
            for one in filling:
                one.setblocking(False)
                one.connect_ex(str(path))
                self.addCleanup(one.close)
            daemon = self.daemon([(f"unix:{path}", ""), self.both[1]])
            load = Load(daemon)
            load.messages(200)
            _, others = load.end()
        self.assertEqual(others, [])
        self.assertEqual(self.changes(daemon), [])

    @only_millrace(ONE_ONLY)
    def test_a_slow_one_gets_less(self):
        slow = Scanner(stack().lab, "slow", lambda _: [2, reply()])
        daemon = self.daemon([(f"unix:{slow.path}", ""), self.both[1]])
        load = Load(daemon, sessions=12)
        load.messages(300)
        accepted, others = load.end()
        self.assertEqual(others, [])
        self.assertLess(len(slow.requests) * 3, accepted)
        self.assertEqual(self.changes(daemon), [])

    @only_millrace(ONE_ONLY)
    def test_a_message_that_kills_its_scanners_is_tried_twice_and_with_files_of_its_own(self):
        seen = []

        def die(request):
            seen.append((request.value("mail_file"), request.email))
            return [CLOSE]

        deadly = [Scanner(stack().lab, f"deadly-{n}", die) for n in range(3)]
        daemon = self.daemon([(f"unix:{one.path}", "") for one in deadly])
        with MilterPeer(daemon.connect()) as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, MALFUNCTION)
        self.assertEqual(len(seen), 2)
        self.assertNotEqual(seen[0][0], seen[1][0])
        self.assertEqual(seen[0][1], seen[1][1])
        self.assertIn(b"hello", seen[0][1])

    @only_millrace(ONE_ONLY)
    def test_groups_by_listener_do_not_meet(self):
        first = Scanner(stack().lab, "group-first", lambda _: [reply()])
        second = Scanner(stack().lab, "group-second", lambda _: [HANG])
        daemon = self.daemon(
            [(f"unix:{second.path}", 'group = "other"'), (f"unix:{first.path}", 'group = "mine"')],
            '[[listener]]\nscanner_group = "mine"\n',
        )
        with MilterPeer(daemon.connect()) as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))
        self.assertEqual((len(first.requests), len(second.requests)), (1, 0))


    @only_millrace(ONE_ONLY)
    def test_groups_by_policy_bank_and_network(self):
        answering = {
            name: Scanner(stack().lab, f"choice-{name}", lambda _: [reply()])
            for name in ("rest", "users", "near")
        }
        daemon = self.daemon(
            [
                (f"unix:{one.path}", "" if name == "rest" else f'group = "{name}"')
                for name, one in answering.items()
            ],
            '[[scanner_group]]\nname = "users"\npolicy_banks = ["SMTP_AUTH"]\n'
            '[[scanner_group]]\nname = "near"\nclient_networks = ["192.0.2.0/25"]\n',
        )

        def asked(address, macros):
            with MilterPeer(daemon.connect()) as peer:
                steps = message_steps(macros=macros)
                for step in steps:
                    if step["op"] == "connect":
                        step["address"] = address
                self.assertEqual(peer.play(steps)[-1].verdict, ("continue",))
            return {name: len(one.requests) for name, one in answering.items()}

        self.assertEqual(asked("192.0.2.200", {"i": "4A"}), {"rest": 1, "users": 0, "near": 0})
        self.assertEqual(asked("192.0.2.20", {"i": "4B"}), {"rest": 1, "users": 0, "near": 1})
        authenticated = {"i": "4C", "{auth_type}": "PLAIN", "{auth_authen}": "bob"}
        self.assertEqual(asked("192.0.2.20", authenticated), {"rest": 1, "users": 1, "near": 1})

    @only_millrace(ONE_ONLY)
    def test_scanners_come_and_go_by_reload_and_no_message_fails(self):
        daemon = self.daemon(self.both[:1])
        load = Load(daemon)
        load.messages(50)
        self.reload(daemon, self.both)
        self.assertIn(f"scanner added name=unix:{self.well.path}", daemon.log)
        load.messages(200)
        self.reload(daemon, self.both[1:])
        self.assertIn(f"scanner removed name=unix:{self.sick.path}", daemon.log)
        load.messages(50)  # whatever the first one had has ended
        self.sick.kill()
        load.messages(100)
        self.reload(
            daemon,
            [*self.both[1:], ("inet:9@192.0.2.1", "connections_max = 4")],
            "nothing was reloaded",
        )
        self.assertIn("new scanner inet:9@192.0.2.1 is on another host", daemon.log)
        load.messages(50)
        accepted, others = load.end()
        self.assertEqual(others, [])
        self.assertEqual(self.changes(daemon), [])


class MixedGroupTest(GroupTest):
    @needs_netns
    @only_millrace(ONE_ONLY)
    def test_a_remote_and_a_local_one_share_the_mail_and_stand_in_for_each_other(self):
        scanner, namespace = remote_scanner(self, "remote-beside")
        local = ScannerProcess(stack().lab, "beside-remote")
        daemon = self.daemon(
            [
                (f"inet:{scanner.port}@{namespace.there}", "connections_max = 4"),
                (f"unix:{local.path}", "connections_max = 4"),
            ]
        )
        load = Load(daemon)
        load.messages(100)
        self.assertGreater(len(scanner.requests), 10)
        local.kill()
        self.wait_for(daemon, local.path, "closed", "open")
        load.messages(100)
        _, others = load.end()
        self.assertEqual(others, [])
