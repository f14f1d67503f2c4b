"""The plots that a run has as a whole: for the page, and each as an SVG file of its own for bench/README.md."""
import dataclasses
import html
import pathlib

import load
import log_plots
import plots
import report

STYLE = pathlib.Path(__file__).with_name("page.css")
CSS = {load.INCUMBENT: "c-incumbent", load.URING: "c-uring", load.RECV: "c-recv", load.EPOLL: "c-epoll",
       load.FLOOR: "c-floor", load.MILLRACE_CRLF: "c-other", load.FLOOR_CRLF: "c-floor"}
WIDTH, EDGE, TITLE = 860, 16, 30
SIGN_WIDTH, SIGN_HEIGHT, SIGNS_A_LINE = 138, 20, 6


@dataclasses.dataclass
class Figure:
    name: str   # of the file
    title: str
    svg: str
    legend: tuple = ()  # subjects that the plot tells apart by shape


def css_of(subject):
    return CSS.get(subject, "c-other")


def all_figures(run):
    """In the order of the page; those that the run has nothing for are left out."""
    made = []
    for spool in dict.fromkeys(row["spool"] for row in run["summary"]):
        made += [costs(run, spool), times_floor(run, spool)]
    return [figure for figure in [*made, latencies(run)] if figure]


def write(run, folder):
    """NAME.svg for each, in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in all_figures(run):
        (folder / f"{figure.name}.svg").write_text(standalone(figure))


def standalone(figure):
    """One file that is readable on light and dark and loads nothing."""
    top = TITLE + 6 + SIGN_HEIGHT * -(-len(figure.legend) // SIGNS_A_LINE)
    height = top + int(figure.svg.split('height="')[1].split('"')[0]) + EDGE
    inner = figure.svg.replace("<svg ", f'<svg x="{EDGE}" y="{top}" ', 1)
    inner = inner.replace('width="100%" height=', f'width="{WIDTH - 2 * EDGE}" height=', 1)
    signs = "".join(sign(index, name) for index, name in enumerate(figure.legend))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" role="img" '
            f'aria-label="{html.escape(figure.title, quote=True)}"><style>{STYLE.read_text()}</style>'
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>'
            f'<text class="title" x="{EDGE}" y="20">{html.escape(figure.title)}</text>{signs}{inner}</svg>\n')


def sign(index, name):
    """One subject of a file's legend."""
    x, y = EDGE + SIGN_WIDTH * (index % SIGNS_A_LINE), TITLE + SIGN_HEIGHT * (index // SIGNS_A_LINE)
    return (log_plots.mark(css_of(name), index, 100 * (x + 8) / WIDTH, y + 8) +
            f'<text x="{x + 20}" y="{y + 12}">{html.escape(name)}</text>')


def costs(run, spool):
    """CPU per message of every scenario in one plot."""
    shown = [name for name in CSS if any(r["subject"] == name and r["spool"] == spool for r in run["summary"])]
    rows = []
    for scenario, on, found in report.groups(run):
        dots = [(css_of(r["subject"]), shown.index(r["subject"]), r["cpu_us"]["median"], r["cpu_us"]["min"],
                 r["cpu_us"]["max"]) for r in found if r["cpu_us"] and r["subject"] in shown]
        if on == spool and dots:
            rows.append({"name": scenario["name"], "dots": dots})
    if not rows:
        return None
    title = f"CPU time per message, µs, spool on {spool}: further left is better; the scale is logarithmic"
    return Figure(f"cpu-{spool}", title, log_plots.dots(rows, title, "µs"), tuple(shown))


def times_floor(run, spool):
    rows = [r for r in in_order(run, spool) if r["to_floor"]]
    if not rows:
        return None
    bars = [{"name": f"{r['scenario']}, {r['subject'].removeprefix('millrace ')}", "css": css_of(r["subject"]),
             "note": f"{r['to_floor']['median']:.2f} ×", "value": r["to_floor"]["median"], "low": r["to_floor"]["min"],
             "high": r["to_floor"]["max"]} for r in rows]
    title = f"Times the CPU of the floor, spool on {spool}: shorter is better, the line is the floor"
    label = title + ": " + "; ".join(f"{bar['name']} {bar['note']}" for bar in bars)
    return Figure(f"floor-{spool}", title, plots.bars(bars, label, 1))


def in_order(run, spool):
    names = [scenario["name"] for scenario in run["scenarios"]]
    ours = [r for r in run["summary"] if r["spool"] == spool and r["subject"].startswith("millrace")]
    return sorted(ours, key=lambda r: names.index(r["scenario"]))


def latencies(run):
    found = [r for r in run["summary"] if r["scenario"] == "rate60" and r["latency_buckets"]]
    if not found:
        return None
    title = "rate60: milliseconds from end of message to verdict, by percentile, all rounds together"
    label = title + ": " + "; ".join(f"{r['subject']} p50 {report.middle(r['p50_ms'], 2)}, p99 "
                                     f"{report.middle(r['p99_ms'], 2)}, p99.9 {report.middle(r['p999_ms'], 2)}"
                                     for r in found)
    curves = [{"shape": index, "css": css_of(r["subject"]), "buckets": r["latency_buckets"]}
              for index, r in enumerate(found)]
    return Figure("latency-rate60", title, log_plots.nines(curves, label), tuple(r["subject"] for r in found))

