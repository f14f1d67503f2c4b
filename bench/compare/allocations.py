"""Heap allocations per message after a warm-up, from the micro benchmarks: each counts them by an allocator of its own."""
import json
import subprocess
import sys

COUNTER = "allocs/msg"
SECONDS_MAX = 120


def count_all(build):
    """A list of {"benchmark", "per_message"} of all that count; a benchmark that allocates says so by failing."""
    counts = []
    for program in sorted((build / "bin").glob("*_bench")):
        done = subprocess.run([str(program), "--benchmark_min_time=0.01", "--benchmark_format=json"],
                              capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
        try:
            benchmarks = json.loads(done.stdout)["benchmarks"]
        except (ValueError, KeyError):
            print(f"{program.name} said: {done.stderr[-500:]}", file=sys.stderr)
            continue
        for benchmark in benchmarks:
            failed = benchmark.get("error_occurred", False)
            if COUNTER in benchmark or failed:
                counts.append({"benchmark": benchmark["name"], "per_message": benchmark.get(COUNTER), "failed": failed})
    return counts
