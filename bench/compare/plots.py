"""Horizontal bars as inline SVG: a line of text with a bar below it, in per cent of the width.

Colours and fonts come from the page's style sheet, by class. Text keeps its size whatever the width.
"""
import html

ROW_HEIGHT = 34
TEXT_Y, BAR_Y, BAR_HEIGHT = 13, 19, 9


def bars(rows, label, mark=None):
    """An SVG element. `rows`: dicts of "name", "note" (text at the right), "css" (class of the bar), and "value", None
    for a row without figures. Optional: "low" and "high" (a thin line), "tail" (a fainter, longer bar behind).
    The scale is linear from 0 to the largest figure. `label`: what a reader of the text alternative is told. `mark`: a
    value at which a line is drawn through all rows.
    """
    figures = [row.get(key) for row in rows for key in ["value", "high", "tail"]]
    most = max([figure for figure in figures if figure is not None] + [mark or 0]) or 1
    parts = []
    if mark:
        x = percent(mark, most)
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="4" y2="{ROW_HEIGHT * len(rows)}"/>')
    for index, row in enumerate(rows):
        top = index * ROW_HEIGHT
        parts.append(f'<text class="name" x="0" y="{top + TEXT_Y}">{html.escape(row["name"])}</text>')
        parts.append(f'<text class="note" x="100%" y="{top + TEXT_Y}">{html.escape(row["note"])}</text>')
        parts.append(f'<rect class="track" x="0" y="{top + BAR_Y}" width="100%" height="{BAR_HEIGHT}"/>')
        if row["value"] is not None:
            parts.append(bar(row, top, most))
    return (f'<svg role="img" aria-label="{html.escape(label, quote=True)}" width="100%" '
            f'height="{ROW_HEIGHT * len(rows)}">{"".join(parts)}</svg>')


def bar(row, top, most):
    y = top + BAR_Y + BAR_HEIGHT / 2
    text = ""
    if row.get("tail") is not None:
        text += rectangle(row["css"] + " tail", top, row["tail"], most)
    text += rectangle(row["css"], top, row["value"], most)
    if row.get("high") is not None and row["high"] > row["low"]:
        low, high = percent(row["low"], most), percent(row["high"], most)
        text += f'<line class="spread" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
        for x in [low, high]:
            text += f'<line class="spread" x1="{x}" x2="{x}" y1="{y - 3}" y2="{y + 3}"/>'
    return text


def rectangle(css, top, value, most):
    return f'<rect class="{css}" x="0" y="{top + BAR_Y}" width="{percent(value, most)}" height="{BAR_HEIGHT}"/>'


def percent(value, most):
    return f"{100 * value / most:.2f}%"
