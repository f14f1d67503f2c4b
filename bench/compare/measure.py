"""One measurement: a new daemon, a warm-up, the load, and what it cost."""
import time

WARM_UP_PER_SESSION = 2  # messages


def measure(rig, subject, scenario, spool, seconds):
    """The figures of one subject in one scenario, as a dict of plain values."""
    with rig.daemon(subject, spool) as daemon:
        warm_up = max(200, WARM_UP_PER_SESSION * scenario.sessions)
        rig.play(daemon.socket, scenario, "--messages", str(warm_up))
        cpu = daemon.settled_cpu_seconds()
        user, system = daemon.ticks()
        played = rig.play(daemon.socket, scenario, "--messages", "1000000000", "--duration", f"{seconds}s")
        cpu = daemon.settled_cpu_seconds() - cpu
        user, system = (after - before for after, before in zip(daemon.ticks(), (user, system)))
        peak_kib = daemon.peak_kib()
    good = played["outcomes"].get("accepted", 0)
    failed = played["messages"] - good + sum(played["errors"].values())
    return {
        "subject": subject.name, "scenario": scenario.name, "spool": spool, "at": round(time.time(), 1),
        "messages": good, "failed": failed, "errors": played["errors"], "outcomes": played["outcomes"],
        "seconds": played["seconds"], "cpu_seconds": cpu, "user_seconds": user, "system_seconds": system,
        "cpu_us": 1e6 * cpu / good if good else None,
        "per_second": good / played["seconds"] if played["seconds"] else 0.0,
        "cores": cpu / played["seconds"] if played["seconds"] else 0.0,
        "p50_ms": played["end_of_message_us"]["p50"] / 1000, "p99_ms": played["end_of_message_us"]["p99"] / 1000,
        "peak_mib": peak_kib / 1024,
    }
