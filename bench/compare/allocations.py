"""Heap allocations per message after a warm-up: what the micro benchmark of whole messages counts in this build."""
import json
import subprocess
import sys

PROGRAM, COUNTER = "relay_bench", "allocs"
SECONDS_MAX = 120


def count_all(build):
    """A list of {"benchmark", "per_message", "failed"}, one per kind of message; empty where it is not built."""
    program = build / "bin" / PROGRAM
    if not program.exists():
        print(f"{program} is not built: heap allocations are left out", file=sys.stderr)
        return []
    done = subprocess.run([str(program), "--benchmark_min_time=0.001", "--benchmark_format=json"],
                          capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
    try:
        benchmarks = json.loads(done.stdout)["benchmarks"]
    except (ValueError, KeyError):
        print(f"{program.name} said: {done.stderr[-500:]}", file=sys.stderr)
        return [{"benchmark": PROGRAM, "per_message": None, "failed": True}]
    return [{"benchmark": benchmark["name"], "per_message": benchmark.get(COUNTER),
             "failed": benchmark.get("error_occurred", False)} for benchmark in benchmarks]
