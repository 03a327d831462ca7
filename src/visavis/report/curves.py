"""curves.png: what a run logged, panel by panel.  Every point is a row of the log or an average of rows."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import Row, atomic
from .series import RAW_LOSSES, Axis, Panel, Series, Style, panels, smooth, window
from .words import count, duration, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

COLOURS = {
    "D": "#0072B2",
    "G": "#D55E00",
    "like": "#009E73",
    "real": "#009E73",
    "unlike": "#B5489A",
    "fake": "#B5489A",
    "|G − D|": "#5B4FA2",
}
"""What always has the same colour; the palette is Okabe and Ito's, told apart by the colour-blind."""
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#B5489A", "#B8860B", "#2F97C9", "#5B4FA2", "#6B6B6B")
Dash = Literal["-"] | tuple[float, tuple[float, ...]]
Entry = tuple[str, str, Dash]
DASHES: tuple[Dash, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
INK, MUTED, FAINT = "#222222", "#6B6B6B", "#E6E6E6"

DPI = 125
WIDTH = 12.8  # inches: 1,600 pixels
LEGEND_LINE = 0.165  # inches
TIME_UNITS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
MANY = 40
"""From so many rows on, a line is drawn pale and its moving average over it."""


def plot_curves(
    rows: Sequence[Row], path: Path | str, title: str = "Training curves", axis: Axis = "images"
) -> None:
    """Draw a run's log to ``path`` (PNG, PDF or SVG): S1's four panels and one for each other kind of scalar.

    Rows are :class:`~visavis.report.logs.RunLog`'s; events named "resume" become thin vertical lines.
    Raises :class:`~visavis.errors.UserError` when no row has a number to draw.
    """
    found = panels(rows, axis)
    if not found:
        raise UserError("there is nothing to draw: the log has no row with a number; train first")
    resumes = _resumes(rows, axis)
    span = _span([one for panel in found for one in panel.series])
    names = [[f"{one.name} 0.1234" for one in panel.series] for panel in found]
    figure, axes, columns = _figure(names, title, _summary(rows, len(resumes)), _label(axis, span))
    for ax, panel in zip(axes, found, strict=True):
        for x in resumes:
            ax.axvline(x, color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
        entries: list[Entry] = []
        drawn = []
        for one, colour in zip(panel.series, _colours(panel.series), strict=True):
            drawn.append(_draw(ax, panel, one, colour))
            entries.append((f"{one.name} {_last(drawn[-1])}", colour, "-"))
        _finish(ax, panel.style, drawn, span, axis)
        _head(ax, panel.style, entries, columns)
    _save(figure, path)


def plot_comparison(
    named_rows: Mapping[str, Sequence[Row]],
    path: Path | str,
    title: str = "Comparison",
    axis: Axis = "images",
) -> None:
    """Draw several runs over one another: a colour a run, a dash a scalar, against images or seconds.

    Of many rows only the moving average is drawn.  Raises :class:`~visavis.errors.UserError` when no run has
    a number to draw.
    """
    runs = [{panel.style.title: panel for panel in panels(rows, axis)} for rows in named_rows.values()]
    titles = {key: panel for run in reversed(runs) for key, panel in run.items() if key != RAW_LOSSES}
    if not titles:
        raise UserError("there is nothing to draw: no run has a row with a number; train first")
    span = _span([one for run in runs for panel in run.values() for one in panel.series])
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(runs))]
    names = [[one.name for one in panel.series] for panel in titles.values()]
    key = dict(zip(named_rows, colours, strict=True))
    figure, axes, columns = _figure(names, title, "", _label(axis, span), key)
    for ax, (name, panel) in zip(axes, titles.items(), strict=True):
        drawn: list[Values] = []
        dashes: dict[str, Dash] = {}
        for run, colour in zip(runs, colours, strict=True):
            for one in run[name].series if name in run else ():
                dash = dashes.setdefault(one.name, DASHES[len(dashes) % len(DASHES)])
                drawn.append(_draw(ax, panel, one, colour, dash, rows_too=False))
        _finish(ax, panel.style, drawn, span, axis)
        _head(ax, panel.style, [(scalar, INK, dash) for scalar, dash in dashes.items()], columns)
    _save(figure, path)


def _figure(
    names: Sequence[Sequence[str]],
    title: str,
    summary: str,
    label: str,
    key: Mapping[str, str] | None = None,
) -> tuple["Figure", list["Axes"], int]:
    """A figure with axes for panels whose lines are so named, and in how many columns they stand."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    columns = 1 if len(names) == 1 else 2 if len(names) <= 4 else 3
    rows = math.ceil(len(names) / columns)
    legend_rows = max(math.ceil(len(panel) / _legend_columns(panel, columns)) for panel in names)
    key_rows = math.ceil(sum(len(name) + 8 for name in key) / 150) if key else 0
    panel, head = (2.05 if columns == 3 else 2.5), LEGEND_LINE * (legend_rows - 1)
    top, gap, bottom = 1.15 + 0.3 * key_rows + head, 0.94 + head, 0.55  # inches
    height = top + rows * panel + (rows - 1) * gap + bottom
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    figure.text(0.012, 1 - 0.18 / height, title, fontsize=15, fontweight="bold", color=INK, va="top")
    figure.text(0.985, 1 - 0.23 / height, summary, fontsize=9.5, color=MUTED, va="top", ha="right")
    if key:
        figure.legend(
            handles=[Line2D([], [], color=colour, linewidth=2.5) for colour in key.values()],
            labels=list(key),
            loc="upper left",
            bbox_to_anchor=(0.006, 1 - 0.46 / height),
            ncols=math.ceil(len(key) / key_rows),
            frameon=False,
            fontsize=10,
            labelcolor=INK,
        )
    figure.subplots_adjust(
        left=0.045,
        right=0.985,
        top=1 - top / height,
        bottom=bottom / height,
        wspace=0.15,
        hspace=gap / panel,
    )
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(len(names))]
    for ax in axes[-columns:]:
        ax.set_xlabel(label, fontsize=9, color=MUTED)
    return figure, axes, columns


def _draw(
    ax: "Axes", panel: Panel, one: Series, colour: str, dash: Dash = "-", *, rows_too: bool = True
) -> Values:
    """Draw one series and return the values that stand out: the rows, or where they are many their average.

    ``rows_too``: whether the many rows are drawn as well, pale, where the panel shows both.
    """
    y = one.y * panel.style.factor
    many = len(y) >= MANY
    averaged = panel.show == "average" or (panel.show == "both" and many)
    mean = smooth(y, window(len(y))) if averaged else y
    marker = "o" if len(y) < 12 else None
    thin = 0.8 if many and not panel.style.exact else 1.6
    if not averaged:
        ax.plot(
            one.x, y, color=colour, linestyle=dash, linewidth=thin, marker=marker, markersize=4, alpha=0.9
        )
    if averaged and rows_too and panel.show == "both":
        ax.plot(one.x, y, color=colour, linewidth=thin, alpha=0.25)
    if averaged:
        ax.plot(one.x, mean, color=colour, linestyle=dash, linewidth=1.8, marker=marker, markersize=4)
    return y if rows_too and panel.show == "both" else mean


def _finish(ax: "Axes", style: Style, drawn: Sequence[Values], span: tuple[float, float], axis: Axis) -> None:
    """Scales, limits, lines of reference and grid."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    for line in style.lines:
        ax.axhline(line, color=INK, linewidth=0.9, linestyle=(0, (5, 3)), alpha=0.6, zorder=2)
    ax.set_xlim(*span)
    if axis == "seconds":
        step, unit = _time_ticks(span[1] - span[0])
        ax.xaxis.set_major_locator(MultipleLocator(step))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(x / unit)))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: count(x)))
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if style.scale == "log" and (values > 0).any():
        _log_scale(ax, values)
    else:
        _clip(ax, values, style.limits)
        ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: number(y)))
    ax.tick_params(labelsize=8.5, colors=MUTED, length=0, which="both")
    ax.grid(True, color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color("#BBBBBB")


def _time_ticks(span: float) -> tuple[int, int]:
    """The seconds between ticks, and those of the unit that they are told in."""
    step = next((step for step in TIME_STEPS if span / step <= 7), 86400 * math.ceil(span / 7 / 86400))
    return step, next(size for size, _ in TIME_UNITS if span >= 2 * size or size == 1)


def _time_unit(span: float) -> str:
    return dict(TIME_UNITS)[_time_ticks(span)[1]]


def _log_scale(ax: "Axes", values: Values) -> None:
    """A logarithmic y axis of at least a decade; where there are zeros it is linear near them."""
    from matplotlib.ticker import LogLocator

    smallest = values[values > 0].min()
    if (values <= 0).any():
        ax.set_yscale("symlog", linthresh=smallest)
        ax.set_ylim(bottom=min(values.min(), 0.0))
        return
    low, high = math.log10(smallest), math.log10(values.max())
    spare = max(0.08 * (high - low), (1 - (high - low)) / 2)
    ax.set_yscale("log")
    ax.set_ylim(10 ** (low - spare), 10 ** (high + spare))
    few = high - low + 2 * spare < 2.5
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=9))
    ax.yaxis.set_minor_locator(LogLocator(subs=()))


def _clip(ax: "Axes", values: Values, limits: tuple[float, float] | None) -> None:
    """Keep rare peaks from flattening all else: cut the axis off and write how far they go."""
    if limits is not None:
        ax.set_ylim(*limits)
        return
    least, most = float(values.min()), float(values.max())
    low, high = (
        (float(v) for v in np.percentile(values, [0.5, 99.5])) if len(values) >= MANY else (least, most)
    )
    reach = 0.5 * max(high - low, 1e-3 * abs(high), 1e-12)
    bottom = low - 0.5 * reach if least < low - 2 * reach else least
    top = high + 0.5 * reach if most > high + 2 * reach else most
    spare = max(0.06 * (top - bottom), 0.02 * max(abs(top), abs(bottom)), 1e-12)
    ax.set_ylim(bottom - spare if bottom < 0 or bottom > spare else 0.0, top + spare)
    if top < most:
        _note(ax, f"peak {number(most)} ↑", 0.97, "top")
    if bottom > least:
        _note(ax, f"lowest {number(least)} ↓", 0.03, "bottom")


def _note(ax: "Axes", text: str, y: float, align: Literal["top", "bottom"]) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
    where = ax.transAxes
    ax.text(0.99, y, text, transform=where, fontsize=8.5, color=MUTED, ha="right", va=align, bbox=box)


def _legend_columns(names: Sequence[str], columns: int) -> int:
    """In how many columns the names fit over one of ``columns`` panels side by side."""
    room = 165 / columns  # letters
    for n in range(len(names), 1, -1):
        rows = math.ceil(len(names) / n)
        widths = [max(len(name) + 5 for name in names[i : i + rows]) for i in range(0, len(names), rows)]
        if sum(widths) <= room:
            return n
    return 1


def _head(ax: "Axes", style: Style, entries: Sequence[Entry], columns: int) -> None:
    """The panel's title and under it the names of its lines, in as many rows as they need."""
    from matplotlib.lines import Line2D

    legend_columns = _legend_columns([name for name, _, _ in entries], columns)
    lines = math.ceil(len(entries) / legend_columns)
    ax.set_title(
        style.title + (f", {style.unit}" if style.unit else ""),
        loc="left",
        fontsize=11.5,
        fontweight="bold",
        color=INK,
        y=1.0,  # given, it is not looked for: that would lay out all ticks once more
        pad=12 + LEGEND_LINE * 72 * lines,
    )
    dashed = any(dash != "-" for _, _, dash in entries)
    ax.legend(
        handles=[Line2D([], [], color=colour, linewidth=2.2, linestyle=dash) for _, colour, dash in entries],
        labels=[name for name, _, _ in entries],
        loc="lower left",
        bbox_to_anchor=(-0.012, 0.985),
        ncols=legend_columns,
        frameon=False,
        fontsize=9 if lines == 1 else 8.5,
        labelcolor=INK,
        labelspacing=0.25,
        handlelength=2.8 if dashed else 1.4,
        columnspacing=1.3,
        handletextpad=0.5,
        borderaxespad=0.2,
    )


def _save(figure: "Figure", path: Path | str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    with atomic(path) as temporary:
        figure.savefig(temporary)


def _colours(series: Sequence[Series]) -> list[str]:
    """A colour a series: its own where the table has one, the next unused of the palette otherwise."""
    taken = {COLOURS[one.name] for one in series if one.name in COLOURS}
    free = [colour for colour in PALETTE if colour not in taken] or list(PALETTE)
    others = [one.name for one in series if one.name not in COLOURS]
    return [COLOURS.get(one.name) or free[others.index(one.name) % len(free)] for one in series]


def _resumes(rows: Sequence[Row], axis: Axis) -> list[float]:
    """Where the run was resumed; an event without a time is placed at the row before it."""
    found: list[float] = []
    last = 0.0
    for row in rows:
        last = row.get(axis) or last
        if row.get("event") == "resume":
            found.append(float(last))
    return found


def _summary(rows: Sequence[Row], resumes: int) -> str:
    """The last row in words, and how to read the figure."""
    last: Row = next((row for row in reversed(rows) if "event" not in row), {})
    parts = [f"{count(last['images'])} images"] if "images" in last else []
    parts += [duration(last["seconds"])] if last.get("seconds") else []
    parts += [f"resumed {resumes}× (dotted)"] if resumes else []
    parts += ["beside each name its last value"]
    parts += ["bold: moving average"] if len(rows) >= MANY else []
    return " · ".join(parts)


def _span(series: Sequence[Series]) -> tuple[float, float]:
    """The x axis that all panels share."""
    low, high = min(one.x.min() for one in series), max(one.x.max() for one in series)
    spare = 0.015 * (high - low) or max(1.0, 0.1 * abs(high))
    return float(low - spare), float(high + spare)


def _label(axis: Axis, span: tuple[float, float]) -> str:
    return "images seen" if axis == "images" else f"time trained, {_time_unit(span[1] - span[0])}"


def _last(values: Values) -> str:
    finite = values[np.isfinite(values)]
    return number(float(finite[-1]))
