"""The configuration file of a running daemon: several listeners, and reloads under load."""

import os
import signal
import socket
import threading
import unittest

from daemon import USER
from milter_peer import MilterPeer, message_steps, transaction_steps
from processes import wait_until
from scanner import Scanner, reply
from scripted import only_millrace
from stack import stack

GENERATIONS_MAX = 256  # relay/config.h
RELOADS = 100


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(60)
    connection.connect(str(path))
    return connection


class Configured:
    """A daemon with a file: its first listener is the harness's socket, `extra` names others."""

    def __init__(self, label, flags=(), under=()):
        lab = stack().lab
        self.file = lab.directory("config") / f"{label}.toml"
        self.run_dir = lab.directory("run", 0o755, USER)
        self.scanner = Scanner(lab, label, lambda request: [reply()])
        self.label = label
        self.first = self.run_dir / f"{label}.sock"
        self.write()
        self.daemon = stack().daemon_class(
            lab,
            label,
            self.scanner.path,
            lab.directory("work") / label,
            ["--config", str(self.file), *flags],
            under=under,
        )

    def extra(self, name):
        return self.run_dir / f"{self.label}-{name}.sock"

    def write(self, extra=(), first="", rest=""):
        text = f'[[listener]]\nsocket = "unix:{self.first}"\n{first}\n'
        for name, lines in dict(extra).items():
            text += f'[[listener]]\nname = "{name}"\nsocket = "{self.extra(name)}"\n{lines}\n'
        self.file.write_text(text + rest)

    def count(self, event):
        return sum(event in line for line in self.daemon.log.splitlines())

    def signal(self, number, event):
        """Sends it and waits for the event in the log; the line."""
        before = self.count(event)
        os.kill(self.daemon.pid, number)
        wait_until(lambda: self.count(event) > before, f"'{event}' in the log")
        return [line for line in self.daemon.log.splitlines() if event in line][-1]

    def reload(self, event="reloaded generation="):
        return self.signal(signal.SIGHUP, event)

    def counters(self):
        return self.signal(signal.SIGUSR1, "counters sessions=")


@only_millrace("has no configuration file")
class ReloadTest(unittest.TestCase):
    def configured(self, label, flags=()):
        made = Configured(label, flags)
        self.addCleanup(made.daemon.terminate)
        return made

    def banks_by(self, made, path):
        made.scanner.requests.clear()
        with MilterPeer(connect(path)) as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))
        return made.scanner.requests[-1].value("policy_bank")

    def test_listeners_come_change_and_go(self):
        made = self.configured("listeners")
        self.assertIsNone(self.banks_by(made, made.first))
        made.write({"in": 'policy_banks = ["IN"]\nsocket_mode = "0666"'})
        made.reload()
        self.assertIn("listener added", made.daemon.log)
        self.assertEqual(made.extra("in").stat().st_mode & 0o777, 0o666)
        self.assertEqual(self.banks_by(made, made.extra("in")), "IN")
        self.assertIsNone(self.banks_by(made, made.first))

        with MilterPeer(connect(made.extra("in"))) as peer:
            peer.play(message_steps()[:-1])
            made.write({"in": 'policy_banks = ["A", "B"]\nsocket_mode = "0600"'})
            made.reload()
            self.assertEqual(made.extra("in").stat().st_mode & 0o777, 0o600)
            self.assertIn('key="listener.policy_banks of in"', made.daemon.log)
            peer.play(transaction_steps(["<bob@lab.test>"], "x\r\n", []))
            self.assertEqual(made.scanner.requests[-1].value("policy_bank"), "A,B")
            peer.play([{"op": "abort"}])

            made.write()
            made.reload()
            self.assertFalse(made.extra("in").exists())
            peer.play(transaction_steps(["<bob@lab.test>"], "x\r\n", []))
            self.assertEqual(peer.outcomes[-1].verdict, ("continue",))
        with self.assertRaises(OSError):
            connect(made.extra("in"))
        self.assertIsNone(self.banks_by(made, made.first))

    def test_wrong_file_changes_nothing_and_is_told_line_by_line(self):
        made = self.configured("wrong")
        made.write({"in": 'policy_banks = ["IN"]'}, first="answer_withn = 3")
        made.reload("nothing was reloaded")
        self.assertIn(f"{made.file}:3:1: listener.answer_withn", made.daemon.log)
        self.assertIn("did you mean answer_within?", made.daemon.log)
        self.assertFalse(made.extra("in").exists())
        made.write(rest='[engine]\nshards = 9\n[spool]\nnewlines = "crlf"\n')
        made.reload("nothing was reloaded")
        made.write({"in": ""}, rest="[engine]\nshards = 9\n")
        made.reload("nothing was reloaded")
        self.assertIn("engine.shards: 0 -> 9 needs a restart", made.daemon.log)
        self.assertFalse(made.extra("in").exists())
        # A socket that cannot be made: those before it are closed again.
        made.write({"in": "", "missing/folder": ""})
        made.file.write_text(made.file.read_text().replace('name = "missing/folder"\n', ""))
        made.reload("nothing was reloaded")
        self.assertFalse(made.extra("in").exists())
        self.assertIsNone(self.banks_by(made, made.first))
        self.assertEqual(made.daemon.stop(), 0)

    def test_the_supervisor_is_told_of_each_reload(self):
        path = stack().lab.directory("run", 0o755, USER) / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(str(path))
            supervisor.settimeout(60)
            path.chmod(0o777)
            made = Configured("notify", under=["env", f"NOTIFY_SOCKET={path}"])
            self.addCleanup(made.daemon.terminate)
            self.assertEqual(supervisor.recv(4096), b"READY=1")
            made.write(first="answer_withn = 3")
            for event in ("nothing was reloaded", "reloaded generation="):
                made.reload(event)
                self.assertTrue(supervisor.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC="))
                self.assertEqual(supervisor.recv(4096), b"READY=1")
                made.write()

    def test_sockets_of_all_listeners_are_removed_at_the_end(self):
        made = self.configured("ends")
        made.write({"in": "", "out": ""})
        made.reload()
        self.assertEqual(made.daemon.stop(), 0)
        for path in (made.first, made.extra("in"), made.extra("out")):
            self.assertFalse(path.exists())

    def test_sessions_that_hold_on_to_old_settings_bound_the_number_of_reloads(self):
        made = self.configured("generations")
        idle = []
        for number in range(GENERATIONS_MAX - 1):
            idle.append(MilterPeer(connect(made.first)))
            idle[-1].play(message_steps()[:2])
            made.write(first=f'answer_within = "{10 + number}s"')
            made.reload()
        made.reload("nothing was reloaded")
        self.assertIn(f"hold on to {GENERATIONS_MAX} sets of settings", made.daemon.log)
        for peer in idle:
            peer.close()
        wait_until(lambda: "generations=1 " in made.counters(), "old settings to be freed")
        made.reload()

    def test_a_hundred_reloads_under_load_lose_no_message_and_no_session(self):
        made = self.configured("load", ["--shards=2"])
        stop = threading.Event()
        problems, played = [], []

        def sender(number):
            try:
                while not stop.is_set():
                    with MilterPeer(connect(made.first)) as peer:
                        peer.play(message_steps()[:-1])
                        for _ in range(number % 5):
                            peer.play(transaction_steps(["<bob@lab.test>"], "x\r\n", []))
                            peer.play([{"op": "abort"}])
                        peer.play([{"op": "quit"}])
                        played.extend(outcome.verdict for outcome in peer.outcomes)
            except (OSError, AssertionError) as error:
                problems.append(f"{number}: {error!r}")

        senders = [threading.Thread(target=sender, args=(n,)) for n in range(12)]
        for thread in senders:
            thread.start()
        for number in range(RELOADS):
            if number % 3 == 2:
                made.write(first=f"answer_within = {number}")
                made.reload("nothing was reloaded")
            else:
                made.write(
                    {f"extra-{number % 7}": f'policy_banks = ["N{number}"]'},
                    first=f'answer_within = "{200 + number}s"\npolicy_banks = ["M{number}"]',
                )
                made.reload()
        stop.set()
        for thread in senders:
            thread.join()
        self.assertEqual(problems, [])
        self.assertGreater(len(played), 50)
        self.assertEqual(set(played), {("continue",)})
        # The last sessions end on their own time, and with them the settings that they held.
        wait_until(lambda: "generations=1 " in made.counters(), "old settings to be freed")
        counters = made.counters()
        self.assertIn(f"reloads={RELOADS - RELOADS // 3} ", counters)
        self.assertIn(f"reloads_failed={RELOADS // 3} ", counters)


if __name__ == "__main__":
    unittest.main()
