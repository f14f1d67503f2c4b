"""What the measurements have to show: one row per target, with what this run says to it.

The shares of the incumbent's cost come from a first measurement with another load; where the incumbent is cheaper here,
the multiple of the floor's is what counts. A row whose measurement is not in the run says so: it is not met.
"""
import load

ALLOCATIONS = "none per message after warm-up"


def rows(run):
    """A list of {"row", "target", "measured", "met"}; met is None where nothing was measured."""
    table = []
    table += [share(run, "many", "tmpfs", 15), times_floor(run, "many", "tmpfs", 2.0)]
    table += [share(run, "long", "tmpfs", 15), times_floor(run, "long", "tmpfs", 2.0)]
    table += [share(run, "mix", "tmpfs", 8)]
    table += [no_failure(run, name, [load.PICKED]) for name in ("mix512", "mix2000", "storm")]
    table += [share(run, "large", "tmpfs", 3), times_floor(run, "large", "tmpfs", 1.25),
              times_floor(run, "large", "tmpfs", 1.25, load.MILLRACE_CRLF)]
    table += [share(run, "many", "ext4", 15)]
    table += idle(run)
    table += [calls(run), allocations(run), latency(run), shards(run), no_failure(run, "shards48", load.MANY_SHARDS)]
    return table


def entry(row, target, measured, met):
    return {"row": row, "target": target, "measured": measured, "met": met}


def missing(row, target):
    return entry(row, target, "not measured", None)


def find(run, scenario, spool, subject):
    wanted = (scenario, spool, subject)
    return next((r for r in run["summary"] if (r["scenario"], r["spool"], r["subject"]) == wanted), None)


def cost_of(scenario):
    return "CPU per MB" if scenario == "large" else "CPU per message"


def share(run, scenario, spool, divisor, subject=load.PICKED):
    row, target = f"{scenario}, {spool}: {cost_of(scenario)}", f"at most 1/{divisor} of amavisd-milter's"
    found = find(run, scenario, spool, subject)
    if found is None or found["to_incumbent"] is None:
        return missing(row, target)
    ratio = found["to_incumbent"]["median"]
    return entry(row, target, f"1/{1 / ratio:.1f}", ratio <= 1 / divisor)


def times_floor(run, scenario, spool, most, subject=load.PICKED):
    name = f" ({subject})" if subject != load.PICKED else ""
    row, target = f"{scenario}, {spool}: {cost_of(scenario)}{name}", f"at most {most:g} times the floor's"
    found = find(run, scenario, spool, subject)
    if found is None or found["to_floor"] is None:
        return missing(row, target)
    ratio = found["to_floor"]["median"]
    return entry(row, target, f"{ratio:.2f} times", ratio <= most)


def no_failure(run, scenario, subjects):
    """Not one failure; what the incumbent did is told beside it."""
    row, target = f"{scenario}: failures", "not one"
    ours = [find(run, scenario, "tmpfs", subject) for subject in subjects]
    if None in ours:
        return missing(row, target)
    failed, tried = sum(r["failed"] for r in ours), sum(begun(r) for r in ours)
    text = f"{failed} of {tried:,}"
    if ours[0]["in_flight"]:
        text += f" ({ours[0]['in_flight']['max']:,.0f} in flight)"
    incumbent = find(run, scenario, "tmpfs", load.INCUMBENT)
    if incumbent:
        text += f"; amavisd-milter {incumbent['failed']:,} of {begun(incumbent):,}"
    passed = all(r["messages"] > 0 and not r["ended_by_itself"] for r in ours)
    return entry(row, target, text, failed == 0 and passed)


NONE_EACH = 0.001
IDLE_SESSIONS = 9000  # 10,000 less 1,000, as idle.py


def begun(row):
    return row["messages"] + row["left_by_client"] + row["failed"]


def idle(run):
    row = "idle session, user memory"
    if not run["idle"]:
        return [missing(row, "at most 1,024 octets"), missing("idle session, threads and slots", "none")]
    most = max(run["idle"], key=lambda each: each["bytes_per_session"])
    threads = max(each["threads_per_session"] for each in run["idle"])
    slots = max(each["more_slots"] for each in run["idle"])
    # A kernel worker of io_uring, and the spool files that are kept for the most messages that met, come and go; what a
    # session holds is there for each of the 9,000.
    return [entry(row, "at most 1,024 octets", f"{most['bytes_per_session']:,.0f} ({most['subject']})",
                  most["bytes_per_session"] <= 1024),
            entry("idle session, threads and slots", "none", f"{threads:.4f} threads, {slots / IDLE_SESSIONS:.4f} message files each",
                  threads < NONE_EACH and slots / IDLE_SESSIONS < NONE_EACH)]


def calls(run):
    row, target = "many, tmpfs: system calls per message", "at most 20"
    found = [c for c in run["system_calls"] if (c["scenario"], c["subject"]) == ("many", load.PICKED)]
    if not found or not found[0]["messages"]:
        return missing(row, target)
    others = [c for c in run["system_calls"] if c["scenario"] == "many" and c["subject"] in load.ALL[1:]
              and c["subject"] != load.PICKED]
    beside = ", ".join(f"{c['subject']}: {c['per_message']:.1f}" for c in [*others, *run["masks"]])
    text = f"{found[0]['per_message']:.1f}" + (f" ({beside})" if beside else "")
    return entry(row, target, text, found[0]["per_message"] <= 20)


def allocations(run):
    row = "heap allocations"
    if not run["allocations"]:
        return missing(row, ALLOCATIONS)
    bad = [a["benchmark"] for a in run["allocations"] if a["failed"] or a["per_message"]]
    text = f"in {', '.join(bad)}" if bad else f"0 in {len(run['allocations'])} kinds of messages"
    return entry(row, ALLOCATIONS, text, not bad)


def latency(run):
    row, target = "rate60: p99 from end of message to verdict", "at most 1/4 of amavisd-milter's"
    found = find(run, "rate60", "tmpfs", load.PICKED)
    if found is None or found["p99_to_incumbent"] is None:
        return missing(row, target)
    ratio = found["p99_to_incumbent"]["median"]
    text = share_of_p99(found)
    floor = find(run, "rate60", "tmpfs", load.FLOOR)  # what is in it too is not ours
    if floor is not None and floor["p99_to_incumbent"] is not None:
        text += f"; the floor: {share_of_p99(floor)}"
    return entry(row, target, text, ratio <= 0.25 and found["failed"] == 0)


def share_of_p99(found):
    return f"1/{1 / found['p99_to_incumbent']['median']:.1f} ({found['p99_ms']['median']:.2f} ms)"


def shards(run):
    row, target = "shards: CPU per message with two shards", "at most 1.10 times that with one"
    found = find(run, "shards", "tmpfs", load.TWO_SHARDS)
    if found is None or found["to_one_shard"] is None:
        return missing(row, target)
    ratio = found["to_one_shard"]["median"]
    return entry(row, target, f"{ratio:.2f} times", ratio <= 1.10 and found["failed"] == 0)
