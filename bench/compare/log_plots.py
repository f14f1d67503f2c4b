"""Two plots with logarithmic axes as inline SVG: dots by row, and latencies by percentile.

As in plots.py, positions are per cent of the width; colours and fonts come from the style sheet, by class. Subjects are
told apart by shape too, not by colour alone.
"""
import html
import math

ROW_HEIGHT, HEAD = 30, 22
LEFT, RIGHT = 16.0, 97.0  # of the plotted area, in per cent
NINES_HEIGHT, STEP = 220, 44
LEVELS = [(0.0, "least"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")]


class Axis:
    """A logarithmic scale over all the values, with lines at the decades."""

    def __init__(self, values):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)

    def x(self, value):
        share = (math.log10(max(value, 10 ** self.low)) - self.low) / (self.high - self.low)
        return LEFT + (RIGHT - LEFT) * min(1.0, share)

    def lines(self, top, bottom, unit):
        parts = []
        for exponent in range(self.low, self.high + 1):
            x = f"{self.x(10 ** exponent):.2f}%"
            parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
                         f'<text class="tick" x="{x}" y="{top - 6}">{10 ** exponent:g} {html.escape(unit)}</text>')
        return "".join(parts)


def shell(label, height, parts):
    return (f'<svg role="img" aria-label="{html.escape(label, quote=True)}" width="100%" height="{height}">'
            f'{"".join(parts)}</svg>')


def dots(rows, label, unit):
    """`rows`: dicts of "name" and "dots", lists of (css, shape 0 to 6, value, low, high). No row without a dot."""
    axis = Axis([value for row in rows for _, _, value, _, _ in row["dots"]])
    height = HEAD + ROW_HEIGHT * len(rows)
    parts = [axis.lines(HEAD, height, unit)]
    for index, row in enumerate(rows):
        y = HEAD + ROW_HEIGHT * index + ROW_HEIGHT / 2
        parts.append(f'<text class="name" x="0" y="{y + 4}">{html.escape(row["name"])}</text>')
        for css, shape, value, low, high in row["dots"]:
            parts.append(f'<line class="spread" x1="{axis.x(low):.2f}%" x2="{axis.x(high):.2f}%" y1="{y}" y2="{y}"/>'
                         + mark(css, shape, axis.x(value), y))
    return shell(label, height, parts)


def mark(css, shape, x, y):
    """A sign whose centre is at x per cent. SVG paths know no per cent: a nested svg moves it there."""
    paths = ["M-5-5H5V5H-5Z", "M0-6.5L6.5 0L0 6.5L-6.5 0Z", "M0-6L6 5H-6Z", "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
             "M0 6L6-5H-6Z", "M-6-2H6V2H-6Z", "M-2-6H2V6H-2Z"]
    return f'<svg x="{x:.2f}%" y="{y}"><path class="{css}" d="{paths[shape % len(paths)]}"/></svg>'


def nines(curves, label):
    """`curves`: dicts of "css", "shape" (0 to 6) and "buckets" ([[microseconds, count], ...]). Each step up of the height is one
    of LEVELS: the rarer, the more room."""
    axis = Axis([max(value, 1) / 1000 for curve in curves for value, _ in curve["buckets"]])
    bottom = HEAD + NINES_HEIGHT
    parts = [axis.lines(HEAD, bottom, "ms")]
    for level, (_, name) in enumerate(LEVELS):
        y = bottom - 10 - level * STEP
        parts.append(f'<line class="grid" x1="{LEFT}%" x2="{RIGHT}%" y1="{y}" y2="{y}"/>'
                     f'<text class="name" x="0" y="{y + 4}">{name}</text>')
    for curve in curves:
        points = [(axis.x(max(value, 1) / 1000), bottom - 10 - STEP * level_of(share))
                  for share, value in shares(curve["buckets"])]
        for (x1, y1), (x2, y2) in zip(points, points[1:]):
            parts.append(f'<line class="curve {curve["css"]}" x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" '
                         f'y2="{y2:.1f}"/>')
        for level in range(1, len(LEVELS)):
            x, y = min(points, key=lambda point: abs(point[1] - (bottom - 10 - STEP * level)))
            parts.append(mark(curve["css"], curve["shape"], x, y))
    return shell(label, bottom, parts)


def level_of(share):
    """Where between two of LEVELS."""
    last = len(LEVELS) - 1
    for level in range(last):
        here, there = LEVELS[level][0], LEVELS[level + 1][0]
        if share < there:
            return level + (share - here) / (there - here)
    return last


def shares(buckets):
    """[(share of all that took at most this, value), ...] up to the last of LEVELS, thinned out."""
    total, passed, points = sum(count for _, count in buckets), 0, []
    for value, count in buckets:
        passed += count
        share = passed / total
        if not points or level_of(share) - level_of(points[-1][0]) > 0.04:
            points.append((share, value))
        if share >= LEVELS[-1][0]:
            break
    return points
