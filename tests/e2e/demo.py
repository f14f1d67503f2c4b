#!/usr/bin/python3
"""Shows the daemon at work between a real Postfix and a real amavisd; `tools/quickstart --postfix` runs it.

    demo.py --bin-dir build/release/bin

Starts instances of their own on loopback, sends a few messages, tells what became of each and how many
a second went through, stops everything.  Exit status 0 when every message ended as expected.  Needs root and
the packages of packages.txt.
"""

import argparse
import concurrent.futures
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import daemon  # noqa: E402
import stack  # noqa: E402
from smtp_client import EICAR, GTUBE, message, send_message  # noqa: E402

BULK_MESSAGES = 40
BULK_SESSIONS = 4
LARGE_BYTES = 5 * 1024 * 1024
EIGHT_BIT = "Grüße aus Köln\r\n".encode()


def samples():
    """Name, message, recipients, expected SMTP code."""
    many = [f"user{number}@lab.test" for number in range(20)]
    line = b"0123456789" * 7 + b"\r\n"
    return (
        ("clean", message(), ["bob@lab.test"], 250),
        ("EICAR test virus", message("virus", EICAR + b"\r\n"), ["bob@lab.test"], 554),
        ("GTUBE test spam", message("spam", GTUBE + b"\r\n"), ["bob@lab.test"], 554),
        ("spam, tagged", message("buy now", GTUBE + b"\r\n"), ["tag@lab.test"], 250),
        ("20 recipients", message("many"), many, 250),
        ("8-bit text", message("8-bit", EIGHT_BIT), ["bob@lab.test"], 250),
        ("5 MB", message("large", line * (LARGE_BYTES // len(line))), ["bob@lab.test"], 250),
    )


def show(running, name, sent, recipients, expected):
    """Sends one message and tells what became of it; whether that was as expected."""
    began = time.monotonic()
    reply = send_message(running.port(), sent, recipients)
    took = time.monotonic() - began
    outcome = f"{reply.code} {reply.text}"
    if reply.code == 250:
        copy = running.sink.wait_for(sent.message_id)
        flag = ", ".join(copy.values("X-Spam-Flag"))
        subject = ", ".join(copy.values("Subject"))
        outcome = f"delivered to {len(copy.recipients)} (Subject: {subject}; X-Spam-Flag: {flag})"
    mark = "ok " if reply.code == expected else "BAD"
    print(f"  {mark} {name:<18} {took:6.2f} s  {outcome}", flush=True)
    return reply.code == expected


def throughput(running):
    """Clean messages over several sessions; whether all were taken."""
    port = running.port()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(BULK_SESSIONS) as pool:
        replies = list(pool.map(lambda _: send_message(port, message()), range(BULK_MESSAGES)))
    took = time.monotonic() - began
    taken = sum(reply.code == 250 for reply in replies)
    print(f"  {taken} of {BULK_MESSAGES} clean messages in {took:.1f} s over {BULK_SESSIONS} sessions: "
          f"{taken / took:.1f} messages/s (amavisd is what takes the time)", flush=True)
    return taken == BULK_MESSAGES


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", help="folder with millrace's programs")
    parser.add_argument("--daemon", choices=sorted(daemon.BY_NAME), default="millrace")
    parser.add_argument("--keep", action="store_true", help="keep the temporary directory with all logs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("demo.py: has to run as root (it starts Postfix and amavisd as their own users)")
    if arguments.daemon == "millrace" and not arguments.bin_dir:
        sys.exit("demo.py: --bin-dir is needed")
    daemon.Millrace.bin_dir = arguments.bin_dir and str(pathlib.Path(arguments.bin_dir).resolve())
    os.umask(0o022)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = stack.configure(daemon.BY_NAME[arguments.daemon], keep=arguments.keep)
    good = True
    try:
        print("starting Postfix, amavisd and the daemon (amavisd takes some seconds)", flush=True)
        running.port()
        print("one message each:", flush=True)
        for row in samples():
            good = show(running, *row) and good
        print("throughput:", flush=True)
        good = throughput(running) and good
        print("what the daemon logged:", flush=True)
        for line in running.daemon().log.splitlines()[-3:]:
            print(f"  {line}")
        print("stopping", flush=True)
    finally:
        running.lab.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
