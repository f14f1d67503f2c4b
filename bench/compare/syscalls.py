"""System calls per message, counted by strace over the whole process while a known number of messages passes.

strace stops the daemon at each call, so nothing of this run is timed. A slow daemon finds more work at each wake-up:
calls that wait (epoll_wait, io_uring_enter) are fewer per message than at full speed.
"""
import pathlib
import shutil
import signal
import subprocess
import time

import daemons
import load

MESSAGES = {"many": 1280, "long": 1600}  # by scenario: a new session for each message, and the sessions' share left out
SPOOL = "tmpfs"
ATTACH_SECONDS_MAX = 5


def count_all(rig, subjects, quick):
    """A list of {"subject", "scenario", "messages", "failed", "per_message", "by_call": {name: per message}}.

    `quick`: a quarter of the messages, with a new session for each alone.
    """
    if shutil.which("strace") is None:
        print("system calls: strace is not installed; left out")
        return []
    spool = SPOOL if SPOOL in rig.spools else next(iter(rig.spools))
    wanted = {"many": MESSAGES["many"] // 4} if quick else MESSAGES
    scenarios = [s for s in load.SCENARIOS if s.name in wanted]
    return [count(rig, subject, scenario, spool, wanted[scenario.name])
            for scenario in scenarios for subject in subjects if subject.name in scenario.subjects]


def count_masks(rig, quick):
    """The same for millrace with other masks: where the mail server awaits an answer before the end of a message."""
    if shutil.which("strace") is None:
        return []
    spool = SPOOL if SPOOL in rig.spools else next(iter(rig.spools))
    scenario = next(s for s in load.SCENARIOS if s.name == "many")
    return [count(rig, mask, scenario, spool, MESSAGES["many"] // (4 if quick else 1)) for mask in daemons.MASKS]


def count(rig, subject, scenario, spool, messages):
    out = rig.scratch / "strace.txt"
    with rig.daemon(subject, scenario, spool) as daemon:
        rig.play(daemon.socket, scenario, "--messages", "256")
        daemon.settled_cpu_seconds()
        tracer = subprocess.Popen(["strace", "-q", "-c", "-f", "-o", str(out), "-p", str(daemon.pid)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_attached(daemon.pid)
        played = rig.play(daemon.socket, scenario, "--messages", str(messages))
        daemon.settled_cpu_seconds()
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=10)
    good = played["outcomes"].get("accepted", 0)
    by_call = {name: calls / good for name, calls in parse(out.read_text()).items()} if good else {}
    return {"subject": subject.name, "scenario": scenario.name, "spool": spool, "messages": good,
            "failed": played["messages"] - good, "errors": played["errors"],
            "per_message": sum(by_call.values()), "by_call": by_call}


def wait_attached(pid):
    """Until strace has every thread that the process has now (later ones it gets by itself)."""
    deadline = time.monotonic() + ATTACH_SECONDS_MAX
    while time.monotonic() < deadline:
        if all(is_traced(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()):
            return
        time.sleep(0.01)
    raise daemons.Failed("strace cannot attach (it takes root, or kernel.yama.ptrace_scope = 0); try --no-strace")


def is_traced(task):
    try:
        text = (task / "status").read_text()
    except OSError:
        return True  # it has ended
    if "\nTracerPid:\t0\n" not in text:
        return True
    return (task / "comm").read_text().startswith("iou-")  # the kernel's own workers make no system calls


def parse(text):
    """{name: calls} of strace's summary table."""
    calls = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[0].replace(".", "").isdigit() and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    return calls
