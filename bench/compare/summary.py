"""Medians, spreads and ratios over the rounds, and where and when they were measured."""
import datetime
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import daemons
import load
import targets

FORMAT, VERSION = "millrace-bench-compare", 2  # of the JSON; the version rises when a key changes its meaning
FIGURES = ["cpu_us", "cpu_us_per_mb", "per_second", "cores", "p50_ms", "p99_ms", "p999_ms", "in_flight", "peak_mib"]
APART = ["system_calls", "masks", "idle", "allocations"]  # what is measured beside the rounds


def facts(options, root):
    """Where and when this was measured."""
    commit = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False).stdout.strip() or "unknown"
    disk = file_system(options.ext4_dir)
    if "ext4" in options.spool and disk != "ext4":
        print(f"{options.ext4_dir} is {disk}, not ext4: what is called ext4 below is {disk}", file=sys.stderr)
    return {
        "command": " ".join(["bench/compare/run", *without_files(sys.argv[1:])]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit, "kernel": platform.release(), "cpu": cpu_model(), "cores": os.cpu_count(),
        "daemon_cpu": options.daemon_cpu, "load_cpu": options.load_cpu,
        "incumbent": package_version("amavisd-milter"), "disk": f"{options.ext4_dir} is {disk}",
        "seconds_of_load": options.seconds, "load_average_before": os.getloadavg(),
    }


def without_files(arguments):
    """The command's arguments but those that only name the user's files."""
    names = ("--build", "--json", "--html", "--plots")
    return [text for before, text in zip(["", *arguments], arguments)
            if before not in names and text not in names and not text.startswith(tuple(name + "=" for name in names))]


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


def whole(about, scenarios, results, apart):
    """The run as one object: what the JSON file holds and what every form of report is made of.

    `apart`: the lists of APART; those that are missing are empty.
    """
    run = {"format": FORMAT, "version": VERSION, "facts": about,
           "scenarios": [{"name": s.name, "title": s.title, "latency": s.latency()[1]} for s in scenarios],
           "summary": summarize(results), **{name: apart.get(name, []) for name in APART}, "rounds": results}
    return {**run, "targets": targets.rows(run)}


def summarize(results):
    """One entry per spool, scenario and subject, in the order of SUBJECTS."""
    groups = {}
    for result in results:
        groups.setdefault((result["spool"], result["scenario"], result["subject"]), []).append(result)
    table = []
    for (spool, scenario, subject), rounds in groups.items():
        row = {"spool": spool, "scenario": scenario, "subject": subject, "rounds": len(rounds)}
        for name in ["messages", "left_by_client", "failed"]:
            row[name] = sum(r[name] for r in rounds)
        for name in ["errors", "outcomes"]:
            row[name] = add_up(r[name] for r in rounds)
        row["ended_by_itself"] = [r["ended_by_itself"] for r in rounds if r["ended_by_itself"]]
        row["idle_wanted"] = sum(r["idle_wanted"] for r in rounds)
        row["idle_left"] = sum(r["idle_left"] for r in rounds)
        row.update({name: spread([r[name] for r in rounds]) for name in FIGURES})
        incumbent = groups.get((spool, scenario, daemons.REFERENCE), [])
        row["to_incumbent"] = paired(rounds, incumbent)
        row["p99_to_incumbent"] = paired(rounds, incumbent, "p99_ms")
        row["to_floor"] = paired(rounds, groups.get((spool, scenario, daemons.floor_of(subject)), []))
        row["to_one_shard"] = paired(rounds, groups.get((spool, scenario, load.ONE_SHARD), []))
        row["latency_buckets"] = merged(r["latency_buckets"] for r in rounds)
        table.append(row)
    order = [subject.name for subject in daemons.SUBJECTS]
    return sorted(table, key=lambda row: order.index(row["subject"]))


def paired(rounds, references, figure="cpu_us"):
    """The spread of a figure (CPU time per message) over the reference's in the same round; None where nothing can be
    compared."""
    others = {r["round"]: r[figure] for r in references}
    return spread([r[figure] / others[r["round"]] if r[figure] and others.get(r["round"]) else None for r in rounds])


def merged(histograms):
    """[[microseconds, count], ...] of all rounds together."""
    counts = {}
    for buckets in histograms:
        for value, count in buckets:
            counts[value] = counts.get(value, 0) + count
    return [[value, counts[value]] for value in sorted(counts)]


def spread(values):
    """{"median", "min", "max"} of the rounds in which there was a value."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def add_up(counts):
    total = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return {name: count for name, count in total.items() if count}
