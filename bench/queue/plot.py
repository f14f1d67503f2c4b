"""The plot of shares as SVG: messages of each sender over time, one panel with the rule and one without.

The sender with many sessions leaves the panel at its upper edge where it gets more than three fair shares; its last
number stands there. Told apart by width and name as well as by colour.
"""
import html

WIDTH, HEIGHT, GAP = 400, 230, 30   # of a panel
LEFT, RIGHT, TOP, BOTTOM = 44, 392, 46, 190
STYLE = """:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5a6470;--line:#d5dae0;--many:#b3261e;--one:#2563c9}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e8ebef;--soft:#a0aab5;--line:#333a43;--many:#ff8a80;--one:#6ba0ff}}
text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:var(--soft)}.title{font-weight:600;font-size:13px;fill:var(--ink)}
.paper{fill:var(--paper)}.axis{stroke:var(--line);fill:none}.many{stroke:var(--many);stroke-width:3;fill:none}
.one{stroke:var(--one);stroke-width:1;fill:none;opacity:.7}.fair{stroke:var(--ink);stroke-dasharray:5 4;fill:none}
.end{text-anchor:end}.c-many{fill:var(--many)}.c-one{fill:var(--one)}"""


def label(x, y, text, css=""):
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{html.escape(text)}</text>'


def line(css, points):
    return f'<polyline class="{css}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def panel(title, curves, seconds, fair, most):
    def point(at, count):
        return LEFT + (RIGHT - LEFT) * at / seconds, BOTTOM - (BOTTOM - TOP) * min(count, most) / most

    parts = [label(LEFT, 18, title, "title"), f'<path class="axis" d="M{LEFT},{TOP}V{BOTTOM}H{RIGHT}"/>',
             label(LEFT - 6, TOP + 4, str(most), "end"), label(LEFT - 6, BOTTOM, "0", "end"),
             label(LEFT, BOTTOM + 18, "messages accepted"), label(RIGHT, BOTTOM + 18, f"{seconds:.0f} s", "end")]
    for number, times in reversed(list(enumerate(curves))):
        points, last = [point(0, 0)], 0
        for count, at in enumerate(times, 1):
            last = count
            points.append(point(at, count))
            if count >= most:
                break
        if last < most:
            points.append(point(seconds, last))
        parts.append(line("one" if number else "many", points))
        if number == 0 and last >= most:
            parts.append(label(points[-1][0] + 8, TOP + 4, f"to {len(times)}", "c-many"))
    parts.append(line("fair", [point(0, 0), point(seconds, fair)]))
    return "".join(parts)


def shares(panels, seconds):
    """`panels`: (title, curves) each; curves: for each sender the times of its messages, the one with many first."""
    fair = sum(map(len, panels[0][1])) / len(panels[0][1])
    width = len(panels) * WIDTH + (len(panels) - 1) * GAP
    body = "".join(f'<g transform="translate({index * (WIDTH + GAP)},0)">'
                   f'{panel(title, curves, seconds, fair, int(3 * fair))}</g>'
                   for index, (title, curves) in enumerate(panels))
    keys = (label(LEFT, HEIGHT, "one sender with 500 sessions", "c-many")
            + label(LEFT + 190, HEIGHT, f"{len(panels[0][1]) - 1} senders with one session each", "c-one")
            + label(LEFT + 430, HEIGHT, f"dashed: the fair share, {fair:.0f} messages"))
    name = "Messages accepted over time of one sender with 500 sessions and of 20 with one each, with and without the rule"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{name}" width="{width}" height="{HEIGHT + 14}" '
            f'viewBox="0 0 {width} {HEIGHT + 14}"><style>{STYLE}</style>'
            f'<rect class="paper" width="100%" height="100%"/>{body}{keys}</svg>\n')
