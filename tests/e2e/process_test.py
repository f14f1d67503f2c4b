"""The daemon as a process: its sockets, its start and its end, and what it leaves behind."""

import os
import pwd
import shutil
import subprocess
import unittest

from daemon import USER
from milter_peer import MilterPeer, message_steps
from processes import HarnessError, wait_until
from scanner import Scanner, reply
from scripted import MALFUNCTION, Hold, Pair, contains, files_below, only_millrace
from stack import stack

# SIGTERM's bound is 8 s; init scripts kill after 10 s.
END_S = 10


def start(label, scanner, flags=(), **arguments):
    lab = stack().lab
    return stack().daemon_class(
        lab, label, scanner, lab.directory("work") / label, flags, **arguments
    )


class SocketFormsTest(unittest.TestCase):
    def verdict(self, daemon):
        with MilterPeer(daemon.connect()) as peer:
            return peer.play(message_steps())[-1].verdict

    def test_every_form_of_the_scanner_socket_of_the_manual_works(self):
        unix = Scanner(stack().lab, "forms", lambda request: [reply()])
        tcp = Scanner(stack().lab, "forms-tcp", lambda request: [reply()], tcp=True)
        forms = (
            f"{unix.path}",
            f"unix:{unix.path}",
            f"local:{unix.path}",
            f"inet:{tcp.port}@127.0.0.1",
            f"inet:{tcp.port}@localhost",
        )
        for number, form in enumerate(forms):
            with self.subTest(form=form.partition(":")[0] or "path"):
                daemon = start(f"forms-{number}", form)
                self.addCleanup(daemon.terminate)
                works = number == 0 or not stack().is_incumbent
                self.assertEqual(self.verdict(daemon), ("continue",) if works else MALFUNCTION)

    @only_millrace("knows bare paths only")
    def test_scanner_on_ipv6_works(self):
        scanner = Scanner(stack().lab, "six", lambda request: [reply()], tcp="::1")
        self.assertEqual(self.verdict(start("six", f"inet6:{scanner.port}@::1")), ("continue",))

    def test_mail_server_on_tcp_works(self):
        scanner = Scanner(stack().lab, "tcp-front", lambda request: [reply()])
        daemon = start("tcp-front", scanner.path, milter_port=stack().lab.ports.take())
        self.addCleanup(daemon.terminate)
        self.assertEqual(self.verdict(daemon), ("continue",))

    @only_millrace("has neither flag")
    def test_mode_of_the_milter_socket_can_be_given(self):
        scanner = Scanner(stack().lab, "mode", lambda request: [reply()])
        daemon = start("mode", scanner.path, ["--socket-mode=0660"], set_mode=False)
        self.addCleanup(daemon.terminate)
        self.assertEqual(daemon.milter_socket.stat().st_mode & 0o777, 0o660)


class StartTest(unittest.TestCase):
    def run_once(self, label, *flags, mode=0o750):
        """Starts the program in a working directory of that mode and returns it ended."""
        lab = stack().lab
        work = lab.directory(f"work/{label}", mode, USER)
        daemon_class = stack().daemon_class
        command = daemon_class.command_for(
            lab.directory("run") / f"{label}.sock", None, "/nonexistent", work
        )
        user = pwd.getpwnam(USER)
        return subprocess.run(
            [*command, *flags],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd="/",
        )

    def test_world_accessible_working_directory_is_refused(self):
        done = self.run_once("world", mode=0o755)
        self.assertNotEqual(done.returncode, 0)

    def test_usage_error_exits_with_64_and_tells_the_usage(self):
        for flags, of_incumbent in ((["-Z"], 0), (["-D", "nobody"], 64), (["-d", "ten"], 64)):
            with self.subTest(flags=flags):
                done = self.run_once("usage", *flags)
                self.assertEqual(
                    done.returncode, of_incumbent if stack().is_incumbent else 64, done
                )
                # The incumbent tells the usage on its standard output.
                self.assertIn(
                    "usage", (done.stdout if stack().is_incumbent else done.stderr).lower()
                )

    def test_version_flag(self):
        done = self.run_once("version", "-v")
        self.assertEqual(done.returncode, 0)
        self.assertIn(stack().daemon_class.name, done.stdout + done.stderr)

    def test_pid_file_names_the_process(self):
        scanner = Scanner(stack().lab, "pid", lambda request: [reply()])
        daemon = start("pid", scanner.path)
        self.addCleanup(daemon.terminate)
        wait_until(
            lambda: daemon.pid_file.exists() and daemon.pid_file.read_text().strip(), "the pid file"
        )
        self.assertEqual(int(daemon.pid_file.read_text()), daemon.pid)

    def test_socket_left_by_a_killed_instance_is_replaced(self):
        scanner = Scanner(stack().lab, "stale", lambda request: [reply()])
        first = start("stale", scanner.path)
        self.addCleanup(first.terminate)
        first.kill()
        self.assertTrue(first.milter_socket.exists())
        second = start("stale", scanner.path)
        self.addCleanup(second.terminate)
        with MilterPeer(second.connect()) as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))

    @only_millrace("takes the socket away from the running instance")
    def test_second_instance_on_the_same_socket_refuses_to_start(self):
        scanner = Scanner(stack().lab, "twice", lambda request: [reply()])
        first = start("twice", scanner.path)
        self.addCleanup(first.terminate)
        done = self.run_once("twice")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("already running", done.stderr + done.stdout)
        with MilterPeer(first.connect()) as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))

    @only_millrace("leaves the directories of a crash for ever")
    def test_messages_left_by_a_killed_instance_are_swept_at_start(self):
        pair = Pair("sweep")
        self.addCleanup(pair.end)
        held = Hold(pair)
        held.wait_for_scan()
        self.assertTrue(contains(pair.daemon.work_dir, b"hello"))
        pair.daemon.kill()
        held.finish()
        second = start("sweep", pair.scanner.path)
        self.addCleanup(second.terminate)
        wait_until(lambda: not contains(second.work_dir, b"hello"), "the sweep")


class RootTest(unittest.TestCase):
    @only_millrace("runs as whoever starts it")
    def test_started_as_root_it_gives_the_socket_away_and_serves_as_the_user(self):
        scanner = Scanner(stack().lab, "root", lambda request: [reply()])
        flags = [f"--user={USER}", "--socket-owner=postfix", "--socket-mode=0600"]
        daemon = start("root", scanner.path, flags, as_root=True, set_mode=False)
        self.addCleanup(daemon.terminate)
        socket_status, user = daemon.milter_socket.stat(), pwd.getpwnam(USER)
        self.assertEqual(socket_status.st_uid, pwd.getpwnam("postfix").pw_uid)
        self.assertEqual(socket_status.st_mode & 0o777, 0o600)
        # The socket listens before root is given up: only an answer says that it serves.
        with MilterPeer(daemon.connect()) as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))
        with open(f"/proc/{daemon.pid}/status", encoding="ascii") as status:
            ids = dict(line.rstrip().split(":", 1) for line in status)
        self.assertEqual(ids["Uid"].split(), [str(user.pw_uid)] * 4)
        self.assertEqual(ids["Gid"].split(), [str(user.pw_gid)] * 4)
        self.assertEqual(int(ids["CapPrm"], 16), 0)

    @only_millrace("runs as root")
    def test_started_as_root_without_a_user_it_refuses(self):
        with self.assertRaisesRegex(HarnessError, "--user"):
            start("root-refused", "/nonexistent", as_root=True)


class MemoryForRingsTest(unittest.TestCase):
    @only_millrace("has no rings")
    def test_limit_of_locked_memory_never_keeps_it_from_serving(self):
        scanner = Scanner(stack().lab, "memlock", lambda request: [reply()])
        for kilobytes in (16, 32, 64, 96, 128, 192, 256, 384, 512, 1024):
            with self.subTest(kilobytes=kilobytes):
                limit = f"--memlock={kilobytes * 1024}:{kilobytes * 1024}"
                daemon = start(
                    f"memlock-{kilobytes}", scanner.path, ["--io=auto"], under=["prlimit", limit]
                )
                self.addCleanup(daemon.terminate)
                with MilterPeer(daemon.connect()) as peer:
                    self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))


class EndTest(unittest.TestCase):
    @only_millrace("leaves the directory of every message in flight")
    def test_sigterm_answers_what_is_in_flight_and_leaves_nothing(self):
        pair = Pair("term")
        self.addCleanup(pair.end)
        held = Hold(pair)
        held.wait_for_scan()
        pair.daemon.terminate()
        status = pair.daemon.wait(END_S)
        held.wait_for_answer()
        held.finish()
        self.assertEqual(status, 0)
        self.assertEqual(held.outcome.verdict[1][:3], "451")
        self.assertEqual(files_below(pair.daemon.work_dir), [])

    @only_millrace("does not answer sessions that it has when told to end")
    def test_sigterm_lets_a_message_end_that_is_answered_in_time(self):
        pair = Pair("term-in-time")
        self.addCleanup(pair.end)
        held = Hold(pair)
        held.wait_for_scan()
        pair.daemon.terminate()
        held.finish()
        self.assertEqual(held.outcome.verdict, ("continue",))
        self.assertEqual(pair.daemon.wait(END_S), 0)

    def test_idle_daemon_ends_on_sigterm_and_removes_its_socket(self):
        pair = Pair("term-idle")
        self.addCleanup(pair.end)
        pair.answer(reply())
        with pair.peer() as peer:
            peer.play(message_steps())
        pair.daemon.terminate()
        self.assertEqual(pair.daemon.wait(END_S), 0)
        self.assertEqual(files_below(pair.daemon.work_dir), [])
        if not stack().is_incumbent:
            self.assertFalse(pair.daemon.milter_socket.exists())


class SpoolTest(unittest.TestCase):
    def test_message_is_found_nowhere_in_the_spool_after_its_session(self):
        pair = Pair("marker")
        self.addCleanup(pair.end)
        pair.answer(reply())
        marker = b"marker-of-one-message"
        with pair.peer() as peer:
            peer.play(message_steps(body=marker.decode() + "\r\n"))
        wait_until(
            lambda: not contains(pair.daemon.work_dir, marker), "the message to leave the spool", 30
        )

    @only_millrace("keeps the spooled message until the next one or the end of the session")
    def test_message_is_found_nowhere_in_the_spool_after_its_verdict(self):
        pair = Pair("marker-verdict")
        self.addCleanup(pair.end)
        pair.answer(reply())
        marker = b"marker-of-one-message"
        with pair.peer() as peer:
            peer.play(message_steps(body=marker.decode() + "\r\n")[:-1])
            wait_until(
                lambda: not contains(pair.daemon.work_dir, marker),
                "the message to leave the spool",
                30,
            )

    def test_scanner_may_read_message_and_write_beside_it_as_its_user(self):
        pair = Pair("modes")
        self.addCleanup(pair.end)
        seen = []

        def look(request):
            folder = request.value("tempdir")
            seen.append(
                (
                    os.stat(folder).st_mode & 0o777,
                    os.stat(request.value("mail_file")).st_mode & 0o777,
                )
            )
            return [reply()]

        pair.scanner.answer = look
        with pair.peer() as peer:
            peer.play(message_steps())
        ((folder_mode, file_mode),) = seen
        self.assertEqual(folder_mode & 0o007, 0)
        self.assertEqual(file_mode & 0o007, 0)
        self.assertEqual((folder_mode & 0o750, file_mode & 0o640), (0o750, 0o640))

    def test_what_the_scanner_left_in_the_directory_is_removed(self):
        pair = Pair("parts")
        self.addCleanup(pair.end)

        def litter(request):
            parts = os.path.join(request.value("tempdir"), "parts")
            os.makedirs(parts, 0o750, exist_ok=True)
            part = os.path.join(parts, "p001")
            with open(part, "w", encoding="ascii") as text:
                text.write("marker-of-a-part")
            for made in (parts, part):  # as if amavisd, which runs as this user, had made them
                shutil.chown(made, USER, USER)
            return [reply()]

        pair.scanner.answer = litter
        with pair.peer() as peer:
            self.assertEqual(peer.play(message_steps())[-1].verdict, ("continue",))
        wait_until(
            lambda: not contains(pair.daemon.work_dir, b"marker-of-a-part"),
            "the parts to be removed",
            30,
        )
