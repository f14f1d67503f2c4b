"""A run's tables as Markdown, for bench/README.md."""
import daemons
import figures
import report

BEGIN, END = "<!-- bench/compare: begin -->", "<!-- bench/compare: end -->"


def replaced(text, run, plots=""):
    """`text` with what stands between the two marks replaced. ValueError where they are missing. `plots`: the folder of
    the plots' files, as seen from this file; empty: without plots."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the file needs one line {BEGIN} and one {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{tables(run, plots)}\n{END}{after}"


def tables(run, plots=""):
    about = run["facts"]
    lines = [f"`{about['command']}`", ""] + [f"- {fact}" for fact in [*report.head(about), *about["notes"]]]
    lines += ["", *table(report.target_rows(run))]
    if plots:
        for figure in figures.all_figures(run):
            lines += ["", f"![{figure.title}]({plots}/{figure.name}.svg)"]
    lines += ["", "| scenario | spool | subject | CPU µs per message | to incumbent | to floor | messages/s | cores "
              "| p50 ms | p99 ms | peak MiB | failed |", "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    remarks = []
    for scenario, spool, rows in report.groups(run):
        for row in rows:
            lines.append(" | ".join([
                f"| {scenario['name']}", spool, row["subject"], report.cell(row["cpu_us"], 1), bold(row),
                report.to_floor(row), report.cell(row["per_second"], 0), report.middle(row["cores"], 2),
                report.middle(row["p50_ms"], 2), report.middle(row["p99_ms"], 1), report.middle(row["peak_mib"], 1),
                f"{row['failed']} of {report.tried(row)} |"]))
            remarks += [f"- {scenario['name']}, {spool}, {row['subject']}: {note}" for note in report.notes(row)]
    if remarks:
        lines += ["", "Beside the table:"] + remarks
    for scenario, counted in report.call_groups(run):
        lines += ["", f"System calls per message, {scenario['title']}, spool on {counted[0]['spool']}:", ""]
        lines += call_table(counted)
    lines += headed("By what the mail server awaits an answer to before the verdict (`--reply-at`), the same way:",
                    report.mask_rows(run))
    lines += headed("Idle sessions: OPTNEG, CONNECT, HELO and one message done; the daemon's own memory:",
                    report.idle_rows(run))
    return "\n".join(lines)


def headed(title, rows):
    return ["", title, "", *table(rows)] if len(rows) > 1 else []


def table(rows):
    """`rows`: lists of texts, the first one the heads."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def bold(row):
    text = report.to_incumbent(row)
    if row["subject"] == daemons.REFERENCE or row["to_incumbent"] is None:
        return text
    ratio, space, spread = text.partition(" ")
    return f"**{ratio}**{space}{spread}"


def call_table(counted):
    names, rest = report.shown_calls(counted)
    lines = ["| | " + " | ".join(c["subject"] for c in counted) + " |", "|---|" + "--:|" * len(counted),
             "| **all** | " + " | ".join(f"**{c['per_message']:.1f}**" for c in counted) + " |"]
    for name in names:
        lines.append(f"| `{name}` | " + " | ".join(f"{c['by_call'].get(name, 0):.2f}" for c in counted) + " |")
    return lines + ["| others | " + " | ".join(f"{calls:.2f}" for calls in rest) + " |"]
