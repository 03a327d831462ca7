"""Curves and histograms as SVG: what the page shows, what is saved as a figure, drawn without a browser.

The program draws them itself rather than inlining a chart library: they stand in the page before any script
runs, print, are read out by their names, are saved as files by the same code, and cost no licence and no
50 kB.  A hundred lines of ``page.js`` add zoom and smoothing: the points lie in the paths' own data, in
thousandths of the axes, inside a nested ``svg`` whose ``viewBox`` is the part that is seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from .series import Panel, Style, smooth, window
from .words import count, number

Values = NDArray[np.float64]

LIGHT = ("#0072B2", "#C24E00", "#00795A", "#A63E8C", "#8A6500", "#2A6F97", "#5B4FA2", "#5E5E5E")
"""Okabe and Ito's colours, some darker so that they stand out on white; ``page.css`` has those for dark."""
DASHES = ("", "9 4", "2 3", "12 4 2 4", "5 2", "1 5", "14 3", "8 3 2 3")
"""With each colour a dash, so that no line is told by its colour alone."""
APART = 4
"""So many of the first colours are told apart by the colour-blind; further runs have them again, dashed."""
FIXED = {"D": 0, "G": 1, "like": 2, "real": 2, "unlike": 3, "fake": 3, "fakes": 5, "|G − D|": 6}
"""What always has the same look."""

WIDTH, HEIGHT = 640, 310
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 12, 50
PLOT_W, PLOT_H = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_POINTS = 1_200
LINE = 20
"""Height of a line of the legend of a saved figure."""


@dataclass(frozen=True)
class Line:
    """One curve, ``x, y: [T]`` with NaN where there is no value; ``look`` and ``dash`` index the tables."""

    name: str
    x: Values
    y: Values
    look: int
    dash: int
    smoothed: bool = True
    told: str = ""
    """What stands beside its name, if it is not its last value."""

    @property
    def last(self) -> str:
        """Its last value in words."""
        if self.told:
            return self.told
        finite = self.y[np.isfinite(self.y)]
        return number(float(finite[-1])) if len(finite) else "no number"


@dataclass(frozen=True)
class Chart:
    """What one pair of axes shows.  ``shared``: its x axis is that of the page's other curves."""

    title: str
    lines: Sequence[Line]
    x_label: str
    span: tuple[float, float]
    style: Style
    shared: bool = True
    note: str = ""

    @property
    def name(self) -> str:
        """The title with its unit."""
        return self.title + (f", {self.style.unit}" if self.style.unit else "")


def charts_of(
    runs: Sequence[tuple[str, Sequence[Panel]]], x_label: str, span: tuple[float, float]
) -> list[Chart]:
    """A chart for each panel that any run has; of several runs a colour is a run and a dash a scalar."""
    titles = dict.fromkeys(
        panel.style.title for _, found in runs for panel in found if panel.show != "average"
    )
    charts = []
    for title in titles:
        lines: list[Line] = []
        style: Style | None = None
        names: dict[str, int] = {}
        for index, (run, found) in enumerate(runs):
            panel = next((panel for panel in found if panel.style.title == title), None)
            if panel is None:
                continue
            style = style or panel.style
            looks = _looks([one.name for one in panel.series])
            for one, look in zip(panel.series, looks, strict=True):
                several = len(runs) > 1
                dash = names.setdefault(one.name, len(names))
                y = one.y * panel.style.factor
                lines.append(
                    Line(
                        f"{run}: {one.name}" if several else one.name,
                        one.x,
                        y,
                        *(look_of_run(index, dash) if several else (look % len(LIGHT), look % len(DASHES))),
                        not panel.style.exact,
                    )
                )
        assert style is not None
        charts.append(Chart(title, lines, x_label, span, style, note=_note(style, lines)))
    return charts


def look_of_run(place: int, scalar: int = 0) -> tuple[int, int]:
    """Colour and dash of the ``scalar``-th line of one of several runs."""
    return place % APART, (scalar + 2 * (place // APART)) % len(DASHES)


def _looks(names: Sequence[str]) -> list[int]:
    """A look for each name: its own where the table has one, else the next that is free."""
    taken = {FIXED[name] for name in names if name in FIXED}
    free = [look for look in range(len(LIGHT)) if look not in taken] or list(range(len(LIGHT)))
    others = [name for name in names if name not in FIXED]
    return [FIXED[name] if name in FIXED else free[others.index(name) % len(free)] for name in names]


def _note(style: Style, lines: Sequence[Line]) -> str:
    """What the axis leaves out."""
    low, high = limits(style, lines)
    values = _all(lines)
    if not len(values):
        return ""
    told = [f"highest {number(values.max())}, above the axis"] if values.max() > high * (1 + 1e-9) else []
    told += [f"lowest {number(values.min())}, below the axis"] if values.min() < low - 1e-9 * abs(low) else []
    return "; ".join(told)


def _all(lines: Sequence[Line]) -> Values:
    values = np.concatenate([line.y for line in lines]) if lines else np.empty(0)
    kept: Values = values[np.isfinite(values)]
    return kept


def limits(style: Style, lines: Sequence[Line]) -> tuple[float, float]:
    """The y axis: all values, or where a few peaks would flatten the rest, nearly all."""
    values = np.concatenate([_all(lines), np.asarray(style.lines, np.float64)])
    if style.limits is not None:
        return style.limits
    if not len(values):
        return 0.0, 1.0
    if logarithmic(style, lines):
        positive = values[values > 0]
        low, high = math.log10(positive.min()), math.log10(positive.max())
        spare = max(0.06 * (high - low), (1 - (high - low)) / 2)
        return 10 ** (low - spare), 10 ** (high + spare)
    low, high = float(values.min()), float(values.max())
    if len(values) >= 40:
        inner_low, inner_high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
        reach = max(inner_high - inner_low, 1e-12)
        low, high = max(low, inner_low - reach), min(high, inner_high + reach)
    spare = max(0.06 * (high - low), 0.02 * max(abs(low), abs(high)), 1e-9)
    return (0.0 if 0 <= low <= spare else low - spare), high + spare


def logarithmic(style: Style, lines: Sequence[Line]) -> bool:
    """Whether the y axis is in decades; values of 0 and below lie on its lower edge."""
    return style.scale == "log" and bool((_all(lines) > 0).any())


def svg(chart: Chart, alone: bool = False) -> str:
    """The chart, with its lines' last values in its name.

    ``alone``: with title, legend and colours of its own, as a file that needs no page.
    """
    low, high = limits(chart.style, chart.lines)
    logs = logarithmic(chart.style, chart.lines)
    paths = [_path(line, chart.span, (low, high), logs) for line in chart.lines]
    head = 30 + LINE * math.ceil(len(chart.lines) / 2) if alone else 0
    marks = "".join(
        f'<line class="reference" x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}"/>'
        for y in (1000 - 1000 * _scaled(value, (low, high), logs) for value in chart.style.lines)
    )
    box = f"{LEFT} {TOP} {PLOT_W} {PLOT_H}".split()
    told = ", ".join(f"{line.name} {line.last}" for line in chart.lines[:8])
    inner = (
        f'<g class="ticks">{_ticks(chart, (low, high), logs)}</g>'
        f'<svg class="plot" x="{box[0]}" y="{box[1]}" width="{box[2]}" height="{box[3]}" '
        f'viewBox="0 0 1000 1000" preserveAspectRatio="none">{marks}{"".join(paths)}</svg>'
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="label" x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" '
        f'text-anchor="end">{escape(chart.x_label)}</text>'
    )
    if alone:
        inner = f'{_standalone(chart)}<g transform="translate(0 {head})">{inner}</g>'
    data = (
        f'data-x="{chart.span[0]:.9g} {chart.span[1]:.9g}" data-y="{low:.9g} {high:.9g}" '
        f'data-log="{int(logs)}" data-shared="{int(chart.shared)}"'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT + head}" '
        f'role="img" aria-label="{escape(chart.name)}: {escape(told)}" {data}>{inner}</svg>'
    )


def _scaled(value: float, axis: tuple[float, float], logs: bool) -> float:
    """Where a value lies on an axis, 0 to 1."""
    low, high = axis
    if logs:
        low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
    return (value - low) / (high - low)


def _path(line: Line, span: tuple[float, float], axis: tuple[float, float], logs: bool) -> str:
    """The rows, pale where there are many, and over them their moving average."""
    many = line.smoothed and len(line.y) >= 40
    raw = _data(line.x, line.y, span, axis, logs)
    mean = _data(line.x, smooth(line.y, window(len(line.y))), span, axis, logs) if many else raw
    look = f"stroke:var(--c{line.look},{LIGHT[line.look]})"
    dash = f' stroke-dasharray="{DASHES[line.dash]}"' if DASHES[line.dash] else ""
    pale = f'<path class="rows" style="{look}" d="{raw}"/>'
    return (
        f'<g class="line" data-name="{escape(line.name)}" data-smooth="{int(line.smoothed)}">{pale}'
        f'<path class="mean" style="{look}"{dash} d="{mean}"/></g>'
    )


def _data(x: Values, y: Values, span: tuple[float, float], axis: tuple[float, float], logs: bool) -> str:
    """``M`` and ``L`` in thousandths of the axes; a value that is missing breaks the line."""
    x, y = thinned(x, y)
    words, pen = [], "M"
    for at, value in zip(x, y, strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        across = 1000 * (at - span[0]) / (span[1] - span[0])
        up = min(max(_scaled(value, axis, logs), -5.0), 6.0)
        words.append(f"{pen}{across:.1f} {1000 - 1000 * up:.1f}")
        pen = "L"
    if len(words) == 1:
        words.append("h0.1")  # a point, which a round cap shows
    return "".join(words)


def thinned(x: Values, y: Values) -> tuple[Values, Values]:
    """At most about ``MOST_POINTS``: of each stretch the lowest and the highest, so that peaks stay."""
    if len(x) <= MOST_POINTS:
        return x, y
    kept: set[int] = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), MOST_POINTS // 2):
        finite = part[np.isfinite(y[part])]
        rows = finite if len(finite) else part[:1]
        kept |= {int(rows[y[rows].argmin()]), int(rows[y[rows].argmax()])} if len(finite) else set(rows)
    chosen = np.array(sorted(kept))
    return x[chosen], y[chosen]


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from ``low`` to ``high``, at most about ``most``."""
    size = 10 ** math.floor(math.log10((high - low) / most))
    step = next(size * k for k in (1, 2, 5, 10) if (high - low) / (size * k) <= most)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """The ticks of an axis in decades; of few decades 2 and 5 too."""
    few = math.log10(high / low) < 2.5
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [k * 10.0**p for p in powers for k in ((1, 2, 5) if few else (1,))]
    return [value for value in found if low <= value <= high]


def _ticks(chart: Chart, axis: tuple[float, float], logs: bool) -> str:
    parts = []
    for value in decades(*axis) if logs else steps(*axis):
        y = TOP + PLOT_H * (1 - _scaled(value, axis, logs))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 6:.1f}" text-anchor="end">{number(value)}</text>')
    for value in steps(*chart.span):
        x = LEFT + PLOT_W * (value - chart.span[0]) / (chart.span[1] - chart.span[0])
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 27}" text-anchor="middle">{count(value)}</text>')
    return "".join(parts)


def _standalone(chart: Chart) -> str:
    """Style, title and legend of a figure that is a file."""
    rules = (
        "text{font:14px system-ui,sans-serif;fill:#222}.title{font-weight:600;font-size:15px}"
        ".grid{stroke:#e2e2e2}.axis{stroke:#888}.reference{stroke:#555;stroke-dasharray:5 4}"
        "path,.reference{fill:none;vector-effect:non-scaling-stroke}"
        ".rows{opacity:.25}.mean{stroke-width:2;stroke-linecap:round}"
    )
    words = [f'<text class="title" x="8" y="20">{escape(chart.name)}</text>']
    for index, line in enumerate(chart.lines):
        x, y = 8 + 310 * (index % 2), 40 + LINE * (index // 2)
        style = f'style="stroke:{LIGHT[line.look]}" stroke-dasharray="{DASHES[line.dash] or "none"}"'
        words.append(f'<path class="mean" {style} d="M{x} {y - 4}h30"/>')
        words.append(f'<text x="{x + 38}" y="{y}">{escape(line.name)} {line.last}</text>')
    page = '<rect width="100%" height="100%" fill="#fff"/>'
    return f"<style>{rules}</style>{page}{''.join(words)}"


def histogram(title: str, values: Sequence[tuple[str, Values]], x_label: str, bins: int = 24) -> Chart:
    """The shares of each kind's values that fall into each bin, as outlines over one another."""
    everything = np.concatenate([each for _, each in values])
    edges = np.histogram_bin_edges(everything, bins)
    lines: list[Line] = []
    for name, each in values:
        shares = np.histogram(each, edges)[0] / max(len(each), 1)
        x = np.repeat(edges, 2)
        y = np.concatenate([[0.0], np.repeat(shares, 2), [0.0]])
        look = FIXED.get(name.split()[0], len(lines))
        told = f"mean {number(float(each.mean()))}" if len(each) else "none"
        lines.append(Line(name, x, y, look, look, smoothed=False, told=told))
    style = Style(title)
    return Chart(title, lines, x_label, (float(edges[0]), float(edges[-1])), style, shared=False)
