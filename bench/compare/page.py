"""A run as one HTML page: plots and tables, nothing loaded from anywhere, readable in light and dark."""
import html

import daemons
import figures as run_figures
import load
import plots
import report

LEFT_OUT = "left out"
COLUMNS = ["scenario", "spool", "subject", "CPU µs/message", "to incumbent", "to floor", "messages/s", "cores", "p50 ms",
           "p99 ms", "MiB", "failed"]


def render(run):
    """The page as text. `run`: the object of summary.whole()."""
    parts = ["<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">",
             '<meta name="viewport" content="width=device-width, initial-scale=1">',
             "<title>millrace: bench/compare</title>", f"<style>{run_figures.STYLE.read_text()}</style></head><body>",
             "<h1>What a message costs</h1>", intro(run), goals(run), overview(run)]
    for spool in dict.fromkeys(row["spool"] for row in run["summary"]):
        parts.append(f"<h2>Scenarios, spool on {esc(spool)}</h2><div class=\"cards\">")
        parts += [card(scenario, rows) for scenario, on, rows in report.groups(run) if on == spool]
        parts.append("</div>")
    parts += [figures(run), calls(run), apart(run)]
    parts.append("</body></html>\n")
    return "\n".join(parts)


def intro(run):
    about = run["facts"]
    legend = "".join(f'<span><i class="{css(name)}"></i>{esc(name)}</span>' for name in run_figures.CSS
                     if any(row["subject"] == name for row in run["summary"]))
    notes = "".join(f"<li>{esc(note)}</li>" for note in [*report.head(about), *about["notes"]])
    return f"""<p>Debian's amavisd-milter, millrace with its io sources, and the <em>floor</em>: a plain loop
that does the least work that the job can be. All got the same messages from one player and the same replies from one
scanner, in turns. CPU is user and system time of the daemon's whole process. Bars are medians, the thin lines go
from the lowest to the highest round; ratios are taken within each round. Every plot of bars has its own scale, which
begins at 0.</p>
<p class="legend">{legend}</p>
<p><code>{esc(about["command"])}</code></p><ul class="facts">{notes}</ul>"""


def css(subject):
    return run_figures.css_of(subject)


def goals(run):
    """The targets, met or not."""
    return "<h2>Targets</h2>" + table(report.target_rows(run))


def apart(run):
    """What was measured beside the rounds."""
    parts = [("System calls by what is answered before the verdict", report.mask_rows(run)),
             ("Idle sessions, each with one message done", report.idle_rows(run))]
    return "".join(f"<h2>{esc(title)}</h2>{table(rows)}" for title, rows in parts if len(rows) > 1)


def table(rows):
    """`rows`: lists of texts, the first one the heads."""
    head = "".join(f"<th>{esc(text)}</th>" for text in rows[0])
    body = "".join("<tr>" + "".join(f'<td class="text{" bad" if text == "NO" else ""}">{esc(text)}</td>'
                                    for text in row) + "</tr>" for row in rows[1:])
    return f'<section class="card"><div class="wide"><table><tr>{head}</tr>{body}</table></div></section>'


def overview(run):
    """The figures of the whole run, and how many times less than the incumbent millrace costs."""
    cells = []
    for spool in dict.fromkeys(row["spool"] for row in run["summary"]):
        ours = [row for row in run["summary"] if row["spool"] == spool and row["subject"] in (load.URING, load.RECV, load.EPOLL)]
        cells.append(figure(f"Times less CPU than amavisd-milter, {spool}: longer is better", times_less(run, ours)))
    for whole in run_figures.all_figures(run):
        legend = "".join(f"<span>{sign(index, name)}{esc(name)}</span>" for index, name in enumerate(whole.legend))
        cells.append(f"<figure><figcaption>{esc(whole.title)}</figcaption><p class=\"legend\">{legend}</p>"
                     f"{whole.svg}</figure>")
    return '<h2>All scenarios</h2><div class="cards">' + "".join(filter(None, cells)) + "</div>"


def sign(index, name):
    return (f'<svg class="sign" width="16" height="16">'
            f"{run_figures.log_plots.mark(css(name), index, 50, 8)}</svg>")


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


def without(run, row, reference):
    """Why a row has no ratio to `reference`."""
    if row["cpu_us"] is None:
        return "nothing passed"
    here = [r for r in run["summary"] if (r["spool"], r["scenario"]) == (row["spool"], row["scenario"])]
    passed_nothing = any(r["subject"] == reference for r in here)
    return f"{reference}: nothing passed" if passed_nothing else f"{reference}: {LEFT_OUT}"


def plot_row(name, row, values, note):
    if values is None:
        return {"name": name, "note": note, "css": css(row["subject"]), "value": None}
    return {"name": name, "note": note, "css": css(row["subject"]), "value": values["median"], "low": values["min"],
            "high": values["max"]}


def figure(title, rows, mark=None):
    if all(row["note"].endswith(LEFT_OUT) for row in rows):
        return ""
    label = title + ": " + "; ".join(f"{row['name']} {row['note']}" for row in rows)
    return f"<figure><figcaption>{esc(title)}</figcaption>{plots.bars(rows, label, mark)}</figure>"


def card(scenario, rows):
    """One scenario on one spool: CPU, latency, what failed."""
    notes = "".join(f'<li{" class=bad" if note in list(report.failures(row)) else ""}>{esc(row["subject"])}: '
                    f"{esc(note)}</li>" for row in rows for note in report.notes(row))
    cpu = [plot_row(row["subject"], row, row["cpu_us"], cost(row)) for row in rows]
    latency = [latency_row(row) for row in rows]
    return f"""<section class="card"><h3>{esc(scenario["name"])}</h3><p>{esc(scenario["title"])}</p>
{figure("CPU per message", cpu)}{figure(f"Latency, {scenario['latency']}: p50, and fainter p99", latency)}
<ul class="notes">{notes}</ul></section>"""


def latency_row(row):
    p50, p99 = row["p50_ms"], row["p99_ms"]
    if p50 is None or p99 is None:
        return plot_row(row["subject"], row, None, "nothing passed")
    note = f"{milliseconds(p50['median'])}, {milliseconds(p99['median'])} ms"
    return {"name": row["subject"], "note": note, "css": css(row["subject"]), "value": p50["median"],
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
