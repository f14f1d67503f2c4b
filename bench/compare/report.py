"""Medians, spreads and ratios; tables for people."""
import datetime
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import daemons

FIGURES = ["cpu_us", "per_second", "cores", "p50_ms", "p99_ms", "peak_mib"]
CALLS_SHOWN_ABOVE = 0.005  # per message; the rest is one line


def facts(options, root):
    """Where and when this was measured."""
    commit = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False).stdout.strip() or "unknown"
    disk = file_system(options.ext4_dir)
    if "ext4" in options.spool and disk != "ext4":
        print(f"{options.ext4_dir} is {disk}, not ext4: what is called ext4 below is {disk}", file=sys.stderr)
    return {
        "command": " ".join(["bench/compare/run", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit, "kernel": platform.release(), "cpu": cpu_model(), "cores": os.cpu_count(),
        "daemon_cpu": options.daemon_cpu, "load_cpu": options.load_cpu,
        "incumbent": package_version("amavisd-milter"), "disk": f"{options.ext4_dir} is {disk}",
        "load_average_before": os.getloadavg(),
    }


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def file_system(folder):
    """The type of the file system that `folder` is on: of the longest mount point above it."""
    path = str(folder.resolve()) + "/"
    best = ("", "unknown")
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind = line.split()[:3]
        if path.startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def package_version(name):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=False)
    return done.stdout or "unknown"


def progress(number, rounds, result):
    cost = f"{result['cpu_us']:8.1f} us/message" if result["cpu_us"] else "  nothing passed"
    lost = f"  {result['failed']} FAILED" if result["failed"] else ""
    print(f"round {number + 1}/{rounds}  {result['spool']:5}  {result['scenario']:5}  {result['subject']:15} {cost}"
          f"  {result['per_second']:7.0f}/s{lost}", file=sys.stderr, flush=True)


def spread(values):
    """{"median", "min", "max"} of the rounds in which there was a value."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summarize(results):
    """One entry per spool, scenario and subject, in the order of the first round."""
    groups = {}
    for result in results:
        groups.setdefault((result["spool"], result["scenario"], result["subject"]), []).append(result)
    table = []
    for (spool, scenario, subject), rounds in groups.items():
        reference = {r["round"]: r for r in groups[spool, scenario, daemons.REFERENCE]}
        paired = [(r, reference[r["round"]]) for r in rounds]
        row = {"spool": spool, "scenario": scenario, "subject": subject, "rounds": len(rounds),
               "messages": sum(r["messages"] for r in rounds), "failed": sum(r["failed"] for r in rounds),
               "errors": add_up(r["errors"] for r in rounds), "outcomes": add_up(r["outcomes"] for r in rounds)}
        row.update({name: spread([r[name] for r in rounds]) for name in FIGURES})
        row["ratio"] = spread([r["cpu_us"] / b["cpu_us"] if r["cpu_us"] and b["cpu_us"] else None for r, b in paired])
        table.append(row)
    order = [subject.name for subject in daemons.SUBJECTS]
    return sorted(table, key=lambda row: order.index(row["subject"]))


def add_up(counts):
    total = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return {name: count for name, count in total.items() if count}


def print_all(about, scenarios, table, calls):
    print(f"\n{about['command']}\n{about['date']}, repository at {about['commit']}, Linux {about['kernel']}, {about['cpu']}, "
          f"{about['cores']} cores\namavisd-milter {about['incumbent']}; daemon on core {about['daemon_cpu']}, "
          f"player and scanner on core {about['load_cpu']}; {about['disk']}; replies of "
          f"{about['reply_bytes']} octets")
    print("load average before and after: " + ", ".join(
        " ".join(f"{x:.1f}" for x in about[key]) for key in ["load_average_before", "load_average_after"]))
    for spool in dict.fromkeys(row["spool"] for row in table):
        for scenario in scenarios:
            rows = [row for row in table if (row["spool"], row["scenario"]) == (spool, scenario.name)]
            if rows:
                print_scenario(scenario, spool, rows)
    for scenario in scenarios:
        counted = [c for c in calls if c["scenario"] == scenario.name]
        if counted:
            print_calls(scenario, counted)


def print_scenario(scenario, spool, rows):
    print(f"\n{scenario.title}; spool on {spool}; {rows[0]['rounds']} rounds: median (lowest .. highest)")
    print(f"  {'':15} {'CPU us/message':>27} {'ratio':>22} {'messages/s':>27} {'cores':>6} {'p50 ms':>8} {'p99 ms':>8} "
          f"{'MiB':>7} {'failed':>7}")
    for row in rows:
        cores, p50, p99, peak = (row[name]["median"] for name in ["cores", "p50_ms", "p99_ms", "peak_mib"])
        print(f"  {row['subject']:15} {cell(row['cpu_us'], 1):>27} {ratio(row):>22} {cell(row['per_second'], 0):>27} "
              f"{cores:6.2f} {p50:8.2f} {p99:8.2f} {peak:7.1f} {row['failed']:7}")
    for row in rows:
        if row["failed"]:
            kinds = {**{k: v for k, v in row["outcomes"].items() if k != "accepted"}, **row["errors"]}
            print(f"  {row['subject']} failed: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))


def cell(values, digits):
    if values is None:
        return "-"
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f} .. {values['max']:.{digits}f})"


def ratio(row):
    """1/22.0 (20.1 .. 23.5): how many times less than the reference."""
    if row["subject"] == daemons.REFERENCE or row["ratio"] is None:
        return "1"
    low, middle, high = (1 / row["ratio"][key] for key in ["max", "median", "min"])
    return f"1/{middle:.1f} ({low:.1f} .. {high:.1f})"


def print_calls(scenario, counted):
    """One column per subject, one line per call; the calls that only the reference makes are one line."""
    print(f"\nsystem calls per message; {scenario.title}; {counted[0]['messages']} messages, spool on "
          f"{counted[0]['spool']}")
    print(f"  {'':22}" + "".join(f"{c['subject']:>16}" for c in counted))
    print(f"  {'all':22}" + "".join(f"{c['per_message']:16.2f}" for c in counted))
    ours = [c for c in counted if c["subject"] != daemons.REFERENCE]
    most = {name: max(c["by_call"].get(name, 0) for c in ours) for c in ours for name in c["by_call"]}
    shown = [name for name, calls in sorted(most.items(), key=lambda item: -item[1]) if calls >= CALLS_SHOWN_ABOVE]
    for name in shown:
        print(f"  {name:22}" + "".join(f"{c['by_call'].get(name, 0):16.2f}" for c in counted))
    rest = [sum(calls for name, calls in c["by_call"].items() if name not in shown) for c in counted]
    print(f"  {'others':22}" + "".join(f"{calls:16.2f}" for calls in rest))
    for c in counted:
        if c["failed"]:
            print(f"  {c['subject']}: {c['failed']} messages failed: {c['errors']}")
