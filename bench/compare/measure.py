"""One measurement: a new daemon, a warm-up, the load, and what it cost."""
import time

import daemons


def measure(rig, subject, scenario, spool, seconds):
    """The figures of one subject in one scenario, as a dict of plain values.

    What cannot be told because the daemon has ended or nothing passed is None.
    """
    seconds = max(seconds, scenario.seconds_min)
    share = ["--abort-fraction", str(scenario.abort_share)] if scenario.abort_share else []
    with rig.daemon(subject, scenario, spool) as daemon:
        rig.play(daemon.socket, scenario, "--messages", str(scenario.warm_up_messages()))
        with daemons.IdleSessions(rig, daemon, scenario) as idle:
            cpu_before, ticks_before = daemon.settled_cpu_seconds(), daemon.ticks()
            played = rig.load(daemon.socket, scenario, "--messages", "1000000000", "--duration",
                              f"{seconds}s", *share)
            cpu_after, ticks_after = daemon.settled_cpu_seconds(), daemon.ticks()
            peak = daemon.peak_mib()
        ended = daemon.ended_by_itself()
    good = played["outcomes"].get("accepted", 0)
    served = good + played["aborted"]
    cpu = cpu_after - cpu_before if None not in (cpu_before, cpu_after) else None
    ticks = [a - b for a, b in zip(ticks_after, ticks_before)] if ticks_before and ticks_after else [None, None]
    took = played["seconds"]
    latency = played[scenario.latency()[0]] if good else {}
    return {
        "subject": subject.name, "scenario": scenario.name, "spool": spool, "at": round(time.time(), 1),
        "messages": good, "left_by_client": played["aborted"], "failed": failures(played, idle),
        "errors": played["errors"], "outcomes": played["outcomes"], "ended_by_itself": ended,
        "idle_wanted": idle.wanted, "idle_stood": idle.stood, "idle_left": idle.left, "seconds": took,
        "cpu_seconds": cpu, "user_seconds": ticks[0], "system_seconds": ticks[1],
        "cpu_us": 1e6 * cpu / served if served and cpu is not None else None,
        "per_second": served / took if took else None, "cores": cpu / took if took and cpu is not None else None,
        "p50_ms": in_ms(latency.get("p50")), "p99_ms": in_ms(latency.get("p99")), "peak_mib": peak,
    }


def failures(played, idle):
    """Messages without the verdict that was due, sessions that ended too soon, idle ones that do not stand."""
    not_accepted = played["messages"] - played["outcomes"].get("accepted", 0)
    return not_accepted + sum(played["errors"].values()) + max(0, idle.wanted - idle.left)


def in_ms(microseconds):
    return None if microseconds is None else microseconds / 1000


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
