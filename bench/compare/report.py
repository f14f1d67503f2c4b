"""The tables for a terminal, and what all forms of report share: how a figure is written."""
import sys

import daemons
import load

CALLS_SHOWN_ABOVE = 0.005  # per message; the rest is one line


def stage(what):
    print(f"{what} ...", file=sys.stderr, flush=True)


def progress(number, rounds, result):
    cost = f"{result['cpu_us']:8.1f} us/message" if result["cpu_us"] else "  nothing passed   "
    lost = f"  {result['failed']} FAILED" if result["failed"] else ""
    ended = "  ENDED BY ITSELF" if result["ended_by_itself"] else ""
    print(f"round {number + 1}/{rounds}  {result['spool']:5}  {result['scenario']:8}  {result['subject']:19} {cost}"
          f"  {result['per_second'] or 0:7.0f}/s{lost}{ended}", file=sys.stderr, flush=True)


def head(about):
    """Where and when, in a few lines."""
    averages = [" ".join(f"{x:.1f}" for x in about[key]) for key in ["load_average_before", "load_average_after"]]
    return [
        f"{about['date']}, repository at {about['commit']}, Linux {about['kernel']}, {about['cpu']}, "
        f"{about['cores']} cores; took {about['seconds_taken']:.0f} s",
        f"amavisd-milter {about['incumbent']}; daemon on core {about['daemon_cpu']}, player and scanner on core "
        f"{about['load_cpu']}; {about['disk']}; replies of {about['reply_bytes']} octets",
        f"load average before {averages[0]}, after {averages[1]}",
        *[f"capacity of {name} (closed loop, 64 sessions): {rate:,} messages/s"
          for name, rate in about.get("capacity", {}).items()],
    ]


def print_all(run):
    print("\n" + "\n".join([run["facts"]["command"], *head(run["facts"]), *run["facts"]["notes"]]))
    for scenario, spool, rows in groups(run):
        print_scenario(scenario, spool, rows)
    for scenario, counted in call_groups(run):
        print_calls(scenario, counted)
    print_table("System calls per message by what the mail server awaits an answer to, many", mask_rows(run))
    print_table("Idle sessions, each with one message done", idle_rows(run))
    print_table("Targets", target_rows(run))


def print_table(title, rows):
    """`rows`: lists of texts, the first one the heads; nothing is printed of an empty table."""
    if len(rows) < 2:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def target_rows(run):
    said = {True: "yes", False: "NO", None: "-"}
    return [["row", "target", "measured", "met"],
            *[[t["row"], t["target"], t["measured"], said[t["met"]]] for t in run["targets"]]]


def idle_rows(run):
    rows = [["subject", "octets a session", "threads a session", "descriptors a session", "RssAnon MiB", "message files"]]
    for each in run["idle"]:
        first, last = each["points"]
        rows.append([each["subject"], f"{each['bytes_per_session']:,.0f}", f"{each['threads_per_session']:g}",
                     f"{each['descriptors_per_session']:.3f}",
                     f"{first['rss_anon_kib'] / 1024:.1f} with {first['sessions']:,}, "
                     f"{last['rss_anon_kib'] / 1024:.1f} with {last['sessions']:,}",
                     f"{first['slots']}, {last['slots']}"])
    return rows


def mask_rows(run):
    return [["answered before the verdict", "system calls per message"],
            *[[mask["subject"], f"{mask['per_message']:.1f}"] for mask in run["masks"]]]


def groups(run):
    """(scenario, spool, rows) in the order of the run."""
    table = run["summary"]
    for spool in dict.fromkeys(row["spool"] for row in table):
        for scenario in run["scenarios"]:
            rows = [row for row in table if (row["spool"], row["scenario"]) == (spool, scenario["name"])]
            if rows:
                yield scenario, spool, rows


def call_groups(run):
    for scenario in run["scenarios"]:
        counted = [c for c in run["system_calls"] if c["scenario"] == scenario["name"]]
        if counted:
            yield scenario, counted


def print_scenario(scenario, spool, rows):
    print(f"\n{scenario['name']}: {scenario['title']}; spool on {spool}; {rows[0]['rounds']} rounds: median "
          f"(lowest .. highest); p50 and p99 {scenario['latency']}")
    print(f"  {'':19} {'CPU us/message':>27} {'to incumbent':>22} {'to floor':>18} {'messages/s':>27} {'cores':>6} "
          f"{'p50 ms':>8} {'p99 ms':>8} {'MiB':>7}  failed of")
    for row in rows:
        print(f"  {row['subject']:19} {cell(row['cpu_us'], 1):>27} {to_incumbent(row):>22} {to_floor(row):>18} "
              f"{cell(row['per_second'], 0):>27} {middle(row['cores'], 2):>6} {middle(row['p50_ms'], 2):>8} "
              f"{middle(row['p99_ms'], 2):>8} {middle(row['peak_mib'], 1):>7} {row['failed']:7} {tried(row)}")
    for row in rows:
        for note in notes(row):
            print(f"  {row['subject']}: {note}")


def notes(row):
    """What the figures of a row do not tell."""
    if row["in_flight"]:
        yield f"at most {row['in_flight']['max']:,.0f} messages in flight at once"
    if row["scenario"] == "large" and row["cpu_us_per_mb"]:
        yield f"CPU µs per MB: {cell(row['cpu_us_per_mb'], 0)}"
    if row["latency_buckets"]:
        yield f"p99.9: {cell(row['p999_ms'], 2)} ms"
    if row["latency_buckets"] and row["p99_to_incumbent"] and row["subject"] != daemons.REFERENCE:
        yield f"p99: {inverse(row['p99_to_incumbent'])} of amavisd-milter's"
    if row["to_one_shard"] and row["subject"] != load.ONE_SHARD:
        yield f"CPU per message: {cell(row['to_one_shard'], 2)} times one shard's"
    yield from failures(row)


def failures(row):
    """What of it went wrong."""
    kinds = {**{kind: count for kind, count in row["outcomes"].items() if kind != "accepted"}, **row["errors"]}
    if kinds:
        yield "failed: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    if row["idle_left"] < row["idle_wanted"]:
        yield f"of {row['idle_wanted']} idle sessions {row['idle_wanted'] - row['idle_left']} did not stand to the end"
    for how in sorted(set(row["ended_by_itself"])):
        yield f"ended by itself in {row['ended_by_itself'].count(how)} of {row['rounds']} rounds ({how})"


def tried(row):
    """How many messages were begun."""
    return row["messages"] + row["left_by_client"] + row["failed"]


def cell(values, digits):
    if values is None:
        return "-"
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f} .. {values['max']:.{digits}f})"


def middle(values, digits):
    return "-" if values is None else f"{values['median']:.{digits}f}"


def to_incumbent(row):
    """1/22.0 (20.1 .. 23.5): how many times less."""
    if row["to_incumbent"] is None:
        return "-"
    if row["subject"] == daemons.REFERENCE:
        return "1"
    return inverse(row["to_incumbent"])


def inverse(ratios):
    low, median, high = (1 / ratios[key] for key in ["max", "median", "min"])
    return f"1/{median:.1f} ({low:.1f} .. {high:.1f})"


def to_floor(row):
    """1.85 (1.80 .. 1.93): how many times more."""
    if row["subject"] == daemons.floor_of(row["subject"]) and row["to_floor"] is not None:
        return "1"
    return cell(row["to_floor"], 1 if row["to_floor"] and row["to_floor"]["median"] >= 10 else 2)


def shown_calls(counted):
    """The names of the calls that anyone but the reference makes, most frequent first, and what remains of each."""
    ours = [c for c in counted if c["subject"] != daemons.REFERENCE] or counted
    most = {name: max(c["by_call"].get(name, 0) for c in ours) for c in ours for name in c["by_call"]}
    names = [name for name, calls in sorted(most.items(), key=lambda item: -item[1]) if calls >= CALLS_SHOWN_ABOVE]
    rest = [sum(calls for name, calls in c["by_call"].items() if name not in names) for c in counted]
    return names, rest


def print_calls(scenario, counted):
    """One column per subject, one line per call; the calls that only the reference makes are one line."""
    print(f"\nsystem calls per message; {scenario['title']}; {counted[0]['messages']} messages, spool on "
          f"{counted[0]['spool']}")
    print(f"  {'':22}" + "".join(f"{c['subject']:>20}" for c in counted))
    print(f"  {'all':22}" + "".join(f"{c['per_message']:20.2f}" for c in counted))
    names, rest = shown_calls(counted)
    for name in names:
        print(f"  {name:22}" + "".join(f"{c['by_call'].get(name, 0):20.2f}" for c in counted))
    print(f"  {'others':22}" + "".join(f"{calls:20.2f}" for calls in rest))
    for c in counted:
        if c["failed"]:
            print(f"  {c['subject']}: {c['failed']} messages failed: {c['errors']}")
