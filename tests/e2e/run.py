#!/usr/bin/python3
"""Runs the end-to-end tests: real Postfix, Sendmail and amavisd-new around the daemon under test.

    tests/e2e/run.py --bin-dir build/release/bin      the daemon is millrace
    tests/e2e/run.py --daemon amavisd-milter          the daemon is Debian's amavisd-milter
    tests/e2e/run.py --bin-dir DIR -k policy          only tests whose name contains "policy"

Needs root, and the packages of packages.txt. Prints each test with its time, ends with "N passed,
N failed"; the exit status is not 0 when a test failed or when none ran.
"""

import argparse
import os
import pathlib
import resource
import signal
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import daemon  # noqa: E402
import loop_disk  # noqa: E402
import netns  # noqa: E402
import sendmail  # noqa: E402
import stack  # noqa: E402


class Result(unittest.TestResult):
    """Prints a line for each test as it ends, with the trace of a failure right below."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = []
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._ok = False

    def addSuccess(self, test):
        self._ok = True

    def _name(self, test):
        return test.id()

    def _fail(self, test, error):
        self._ok = False
        self.failed.append(self._name(test))
        print(f"FAILED {self._name(test)}\n{self._exc_info_to_string(error, test)}", flush=True)

    def addError(self, test, error):
        self._fail(test, error)

    def addFailure(self, test, error):
        self._fail(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._fail(subtest, error)

    def addSkip(self, test, reason):
        self._ok = False
        self.failed.append(self._name(test))
        print(f"FAILED {self._name(test)}: skipped ({reason}); tests here may not skip", flush=True)

    def stopTest(self, test):
        if self._ok:
            self.passed += 1
            print(f"ok     {self._name(test)} ({time.monotonic() - self._began:.1f} s)", flush=True)
        super().stopTest(test)


NEEDS = (
    ("needs_loop_disk", loop_disk, "loop device"),
    ("needs_netns", netns, "network namespace"),
)


def belongs(test, pattern):
    """Whether the test is part of this run (see scripted.only_millrace, NEEDS)."""
    if stack.stack().is_incumbent and getattr(
        getattr(test, test._testMethodName), "only_millrace", False
    ):
        return False
    if pattern is not None and pattern not in test.id():
        return False
    for mark, module, what in NEEDS:
        if getattr(getattr(test, test._testMethodName), mark, False) and not module.can_be_made():
            print(f"left out {test.id()}: no {what} can be made here", flush=True)
            return False
    return True


def selected(suite, pattern):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from selected(item, pattern)
        elif not hasattr(item, "_testMethodName") or belongs(item, pattern):
            yield item


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bin-dir",
        default=os.environ.get("MILLRACE_BIN_DIR"),
        help="folder with millrace's programs (default: $MILLRACE_BIN_DIR)",
    )
    parser.add_argument("--daemon", choices=sorted(daemon.BY_NAME), default="millrace")
    parser.add_argument("--io", choices=("auto", "uring", "uring-recv", "epoll"), help="millrace's --io")
    parser.add_argument(
        "--daemon-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="given to each millrace, before a test's own: --daemon-option=--spool-writes=async",
    )
    parser.add_argument("-k", dest="pattern", help="only tests whose name contains this")
    parser.add_argument(
        "--cache", help="folder for the unpacked Sendmail (default: ~/.cache/millrace-e2e)"
    )
    parser.add_argument("--fetch-only", action="store_true", help="only fetch and unpack Sendmail")
    parser.add_argument(
        "--keep", action="store_true", help="keep the temporary directory with all logs"
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.fetch_only:
        print(sendmail.fetch(arguments.cache or sendmail.default_cache()))
        return 0
    if os.geteuid() != 0:
        sys.exit("run.py: has to run as root (it starts Postfix and amavisd as their own users)")
    if arguments.daemon == "millrace" and not arguments.bin_dir:
        sys.exit("run.py: --bin-dir is needed to test millrace")
    daemon.Millrace.bin_dir = arguments.bin_dir and str(pathlib.Path(arguments.bin_dir).resolve())
    daemon.Millrace.io = arguments.io
    daemon.Millrace.options = tuple(arguments.daemon_option)
    os.umask(0o022)
    # The tests hold thousands of connections; the programs that they start inherit the limit.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # SIGTERM ends like Ctrl-C, so that everything started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = stack.configure(daemon.BY_NAME[arguments.daemon], arguments.cache, arguments.keep)
    result = Result()
    began = time.monotonic()
    try:
        tests = unittest.TestSuite(
            selected(unittest.defaultTestLoader.discover(str(HERE), "*_test.py"), arguments.pattern)
        )
        tests.run(result)
    finally:
        running.lab.close()
    for name in result.failed:
        print(f"failed: {name}")
    print(f"{time.monotonic() - began:.0f} s on {arguments.daemon}")
    print(f"{result.passed} passed, {len(result.failed)} failed")
    return 1 if result.failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
