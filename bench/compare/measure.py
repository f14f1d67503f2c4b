"""One measurement: a new daemon, a warm-up, the load, and what it cost."""
import dataclasses
import json
import signal
import statistics
import threading
import time

import daemons
import load

IDLE_SECONDS_MAX = 15  # for all idle sessions to stand, or to stay as few as they are
LOOK_EVERY = 0.1       # seconds between looks at how many messages are in flight


def measure(rig, subject, scenario, spool, seconds):
    """The figures of one subject in one scenario, as a dict of plain values.

    What cannot be told because the daemon has ended or nothing passed is None.
    """
    share = ["--abort-fraction", str(scenario.abort_share)] if scenario.abort_share else []
    with rig.daemon(subject, scenario, spool) as daemon:
        rig.play(daemon.socket, scenario, "--messages", str(scenario.warm_up_messages()))
        with IdleSessions(rig, daemon, scenario) as idle:
            cpu_before, ticks_before = daemon.settled_cpu_seconds(), daemon.ticks()
            with InFlight(rig, scenario) as in_flight:
                played = rig.load(daemon.socket, scenario, *scenario.amount(seconds), *share)
            cpu_after, ticks_after = daemon.settled_cpu_seconds(), daemon.ticks()
            peak = daemon.peak_mib()
        ended = daemon.ended_by_itself()
    good = played["outcomes"].get("accepted", 0)
    served = good + played["aborted"]
    cpu = cpu_after - cpu_before if None not in (cpu_before, cpu_after) else None
    ticks = [a - b for a, b in zip(ticks_after, ticks_before)] if ticks_before and ticks_after else [None, None]
    took = played["seconds"]
    latency = played[scenario.latency()[0]] if good else {}
    cost = 1e6 * cpu / served if served and cpu is not None else None
    return {
        "subject": subject.name, "scenario": scenario.name, "spool": spool, "at": round(time.time(), 1),
        "messages": good, "left_by_client": played["aborted"], "failed": failures(played, idle),
        "errors": played["errors"], "outcomes": played["outcomes"], "ended_by_itself": ended,
        "idle_wanted": idle.wanted, "idle_stood": idle.stood, "idle_left": idle.left, "seconds": took,
        "cpu_seconds": cpu, "user_seconds": ticks[0], "system_seconds": ticks[1],
        "cpu_us": cost, "cpu_us_per_mb": cost and load.per_mb(cost, scenario),
        "per_second": served / took if took else None, "cores": cpu / took if took and cpu is not None else None,
        "p50_ms": in_ms(latency.get("p50")), "p99_ms": in_ms(latency.get("p99")), "p999_ms": in_ms(latency.get("p999")),
        "latency_buckets": latency.get("buckets", []) if scenario.rate_of else [],
        "in_flight": in_flight.most, "peak_mib": peak,
    }


def failures(played, idle):
    """Messages without the verdict that was due, sessions that ended too soon, idle ones that do not stand."""
    not_accepted = played["messages"] - played["outcomes"].get("accepted", 0)
    return not_accepted + sum(played["errors"].values()) + max(0, idle.wanted - idle.left)


def in_ms(microseconds):
    return None if microseconds is None else microseconds / 1000


class IdleSessions:
    """A player of its own that holds the scenario's idle sessions while it is entered.

    `stood`: how many there were when the load began; `left`: at the end.
    """

    def __init__(self, rig, daemon, scenario):
        self.rig, self.daemon, self.wanted = rig, daemon, scenario.idle
        self.stood = self.left = 0
        self.out = rig.scratch / "idle.json"
        self.out.unlink(missing_ok=True)
        self.command = [*rig.player(daemon.socket, scenario, self.out, []), "--idle", str(scenario.idle), "--duration",
                        f"{daemons.PLAY_SECONDS_MAX}s"]
        self.player = None

    def __enter__(self):
        if self.wanted == 0:
            return self
        before = self.daemon.descriptors()
        self.player = self.rig.start(self.command, self.rig.load_cpu, "idle.log")
        deadline = time.monotonic() + IDLE_SECONDS_MAX
        unchanged = 0
        while self.stood < self.wanted and unchanged < 50 and time.monotonic() < deadline:
            time.sleep(0.05)
            now = self.daemon.descriptors() - before
            unchanged = unchanged + 1 if now == self.stood and now > 0 else 0
            self.stood = max(0, now)
        return self

    def __exit__(self, *_):
        if self.player is None:
            return
        daemons.stop(self.player, signal.SIGTERM)
        if self.out.exists():
            self.left = json.loads(self.out.read_text())["idle_open"]


class InFlight:
    """How many connections the scanner has at most while it is entered: where it is slow, the messages in flight."""

    def __init__(self, rig, scenario):
        self.pid = rig.scanner(scenario)[0].pid if scenario.scanner_delay_ms else 0
        self.most = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self):
        if self.pid:
            self.most, self.before = 0, daemons.descriptors_of(self.pid)
            self.thread.start()
        return self

    def look(self):
        while not self.ended.wait(LOOK_EVERY):
            self.most = max(self.most, daemons.descriptors_of(self.pid) - self.before)

    def __exit__(self, *_):
        self.ended.set()
        if self.pid:
            self.thread.join()


def capacity(rig, subject, scenario, spool, seconds, times):
    """Messages a second of a subject whose capacity a scenario's rate is a share of: the median of some closed loops."""
    closed = dataclasses.replace(scenario, rate_of="", name="capacity", seconds_min=seconds)
    rates = [measure(rig, subject, closed, spool, seconds)["per_second"] or 0 for _ in range(times)]
    return statistics.median(rates)


def check_answers(rig, subjects, scenario, spool):
    """Whether all subjects give a message of this scenario the same verdict and edits: what differs, as texts.

    millrace and the floor have to agree, or their ratio would be of two different jobs: else Failed.
    """
    answers = {}
    for subject in subjects:
        with rig.daemon(subject, scenario, spool) as daemon:
            once = rig.play_once(daemon.socket, scenario)["transactions"][0]
            # Whether the blank after the colon is in the value depends on what was negotiated.
            edits = [(edit["kind"], edit["index"], edit["name"], edit["value"].strip()) for edit in once["edits"]]
            answers[subject.name] = [once["outcome"], *edits]
    differing = []
    first = next((name for name in answers if name != daemons.REFERENCE), None)
    for name, answer in answers.items():
        if first and answer != answers[first]:
            if name != daemons.REFERENCE:
                raise daemons.Failed(f"{name} and {first} do not answer alike: {answer} and {answers[first]}")
            differing.append(f"{name} answers otherwise than {first}: {answer}")
    return differing
