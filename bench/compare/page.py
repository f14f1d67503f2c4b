"""A run as one HTML page: plots and tables, nothing loaded from anywhere, readable in light and dark."""
import html
import pathlib

import daemons
import plots
import report

STYLE = pathlib.Path(__file__).with_name("page.css")
CSS = {daemons.REFERENCE: "c-incumbent", "millrace uring": "c-uring", "millrace uring-recv": "c-recv",
       "millrace epoll": "c-epoll", daemons.FLOOR: "c-floor"}
LEFT_OUT = "left out"
COLUMNS = ["scenario", "spool", "subject", "CPU µs/message", "to incumbent", "to floor", "messages/s", "cores", "p50 ms",
           "p99 ms", "MiB", "failed"]


def render(run):
    """The page as text. `run`: the object of summary.whole()."""
    parts = ["<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">",
             '<meta name="viewport" content="width=device-width, initial-scale=1">',
             "<title>millrace: bench/compare</title>", f"<style>{STYLE.read_text()}</style></head><body>",
             "<h1>What a message costs</h1>", intro(run), overview(run)]
    for spool in dict.fromkeys(row["spool"] for row in run["summary"]):
        parts.append(f"<h2>Scenarios, spool on {esc(spool)}</h2><div class=\"cards\">")
        parts += [card(scenario, rows) for scenario, on, rows in report.groups(run) if on == spool]
        parts.append("</div>")
    parts += [figures(run), calls(run)]
    parts.append("</body></html>\n")
    return "\n".join(parts)


def intro(run):
    about = run["facts"]
    legend = "".join(f'<span><i class="{CSS[name]}"></i>{esc(name)}</span>' for name in subjects(run))
    notes = "".join(f"<li>{esc(note)}</li>" for note in [*report.head(about), *about["notes"]])
    return f"""<p>Debian's amavisd-milter, millrace with each of its three io sources, and the <em>floor</em>: a plain loop
that does the least work that the job can be. All got the same messages from one player and the same replies from one
scanner, in turns. CPU is user and system time of the daemon's whole process. Bars are medians, the thin lines go
from the lowest to the highest round; ratios are taken within each round. Every plot has its own scale, which begins
at 0.</p>
<p class="legend">{legend}</p>
<p><code>{esc(about["command"])}</code></p><ul class="facts">{notes}</ul>"""


def subjects(run):
    return [name for name in CSS if any(row["subject"] == name for row in run["summary"])]


def overview(run):
    """Two figures per spool: how many times less than the incumbent, how many times the floor."""
    cells = []
    for spool in dict.fromkeys(row["spool"] for row in run["summary"]):
        ours = [row for row in run["summary"] if row["spool"] == spool and row["subject"].startswith("millrace")]
        cells.append(figure(f"Times less CPU than amavisd-milter, {spool}: longer is better", times_less(run, ours)))
        cells.append(figure(f"Times the CPU of the floor, {spool}: shorter is better, the line is the floor",
                            times_floor(run, ours), 1))
    return '<h2>All scenarios</h2><div class="cards">' + "".join(filter(None, cells)) + "</div>"


def in_order(run, rows):
    names = [scenario["name"] for scenario in run["scenarios"]]
    return sorted(rows, key=lambda row: (names.index(row["scenario"]), row["subject"] != "millrace uring"))


def times_less(run, rows):
    shown = []
    for row in in_order(run, rows):
        values = row["to_incumbent"]
        inverse = values and {"median": 1 / values["median"], "min": 1 / values["max"], "max": 1 / values["min"]}
        note = f"{inverse['median']:.1f} ×" if inverse else without(run, row, daemons.REFERENCE)
        shown.append(plot_row(f"{row['scenario']}, {row['subject'].split()[1]}", row, inverse, note))
    return shown


def times_floor(run, rows):
    return [plot_row(f"{row['scenario']}, {row['subject'].split()[1]}", row, row["to_floor"],
                     f"{row['to_floor']['median']:.2f} ×" if row["to_floor"] else without(run, row, daemons.FLOOR))
            for row in in_order(run, rows)]


def without(run, row, reference):
    """Why a row has no ratio to `reference`."""
    if row["cpu_us"] is None:
        return "nothing passed"
    here = [r for r in run["summary"] if (r["spool"], r["scenario"]) == (row["spool"], row["scenario"])]
    passed_nothing = any(r["subject"] == reference for r in here)
    return f"{reference}: nothing passed" if passed_nothing else f"{reference}: {LEFT_OUT}"


def plot_row(name, row, values, note):
    if values is None:
        return {"name": name, "note": note, "css": CSS[row["subject"]], "value": None}
    return {"name": name, "note": note, "css": CSS[row["subject"]], "value": values["median"], "low": values["min"],
            "high": values["max"]}


def figure(title, rows, mark=None):
    if all(row["note"].endswith(LEFT_OUT) for row in rows):
        return ""
    label = title + ": " + "; ".join(f"{row['name']} {row['note']}" for row in rows)
    return f"<figure><figcaption>{esc(title)}</figcaption>{plots.bars(rows, label, mark)}</figure>"


def card(scenario, rows):
    """One scenario on one spool: CPU, latency, what failed."""
    failures = "".join(f'<li class="bad">{esc(row["subject"])}: {esc(note)}</li>' for row in rows
                       for note in report.notes(row))
    failures += "".join(f"<li>{esc(name)}: cannot do this, left out</li>" for name in scenario["left_out"])
    cpu = [plot_row(row["subject"], row, row["cpu_us"], cost(row)) for row in rows]
    latency = [latency_row(row) for row in rows]
    return f"""<section class="card"><h3>{esc(scenario["name"])}</h3><p>{esc(scenario["title"])}</p>
{figure("CPU per message", cpu)}{figure(f"Latency, {scenario['latency']}: p50, and fainter p99", latency)}
<ul class="notes">{failures}</ul></section>"""


def latency_row(row):
    p50, p99 = row["p50_ms"], row["p99_ms"]
    if p50 is None or p99 is None:
        return plot_row(row["subject"], row, None, "nothing passed")
    note = f"{milliseconds(p50['median'])}, {milliseconds(p99['median'])} ms"
    return {"name": row["subject"], "note": note, "css": CSS[row["subject"]], "value": p50["median"],
            "tail": p99["median"]}


def milliseconds(value):
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def cost(row):
    if row["cpu_us"] is None:
        return "nothing passed"
    text = f"{row['cpu_us']['median']:,.{0 if row['cpu_us']['median'] >= 1000 else 1}f} µs"
    if row["to_floor"] and row["subject"] != daemons.FLOOR:
        text += f"  ({report.middle(row['to_floor'], 2)} × floor)"
    return text


def figures(run):
    """One table with everything."""
    lines = []
    for scenario, spool, rows in report.groups(run):
        for row in rows:
            cells = [report.cell(row["cpu_us"], 1), report.to_incumbent(row), report.to_floor(row),
                     report.cell(row["per_second"], 0), report.middle(row["cores"], 2), report.middle(row["p50_ms"], 2),
                     report.middle(row["p99_ms"], 2), report.middle(row["peak_mib"], 1),
                     f"{row['failed']} of {report.tried(row)}"]
            heads = "".join(f"<th>{esc(text)}</th>" for text in [scenario["name"], spool, row["subject"]])
            lines.append(f"<tr>{heads}" + "".join(f"<td>{esc(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{esc(name)}</th>" for name in COLUMNS)
    return (f'<h2>All figures: median (lowest .. highest)</h2><section class="card"><div class="wide"><table>'
            f'<tr>{head}</tr>{"".join(lines)}</table></div></section>')


def calls(run):
    parts = []
    for scenario, counted in report.call_groups(run):
        names, rest = report.shown_calls(counted)
        rows = [("all", [c["per_message"] for c in counted])]
        rows += [(name, [c["by_call"].get(name, 0) for c in counted]) for name in names]
        rows.append(("others", rest))
        head = "".join(f"<th>{esc(c['subject'])}</th>" for c in counted)
        body = "".join(f"<tr><th>{esc(name)}</th>" + "".join(f"<td>{value:.2f}</td>" for value in values) + "</tr>"
                       for name, values in rows)
        parts.append(f'<section class="card calls"><h3>{esc(scenario["name"])}</h3><p>{esc(scenario["title"])}; '
                     f'spool on {esc(counted[0]["spool"])}</p><div class="wide"><table><tr><th></th>{head}</tr>{body}'
                     "</table></div></section>")
    return '<h2>System calls per message</h2><div class="cards">' + "".join(parts) + "</div>" if parts else ""


def esc(text):
    return html.escape(str(text))
