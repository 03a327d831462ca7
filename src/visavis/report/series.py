"""Series out of a log's rows, and the table that says which panel shows which scalars and how."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..files import Row

Axis = Literal["images", "seconds"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Style:
    """How a panel shows its scalars: title, unit, scale, a factor on the values, lines of reference."""

    title: str
    unit: str = ""
    scale: Scale = "linear"
    factor: float = 1.0
    limits: tuple[float, float] | None = None
    lines: tuple[float, ...] = ()
    exact: bool = False
    """Whether the values have no noise to average."""


RAW_LOSSES = "Losses"
STYLES = {
    "loss": Style(RAW_LOSSES),
    "accuracy": Style("Accuracy of D", "%", factor=100, limits=(0, 100), lines=(50,)),
    "score": Style("Mean logits of D", lines=(0,)),
    "grad_norm": Style("Gradient norms", scale="log"),
    "penalty": Style("Penalties", scale="log"),
    "images_per_second": Style("Speed", "images/s"),
    "lr": Style("Learning rates", scale="log", exact=True),
    "kl": Style("KL divergence"),
    "psnr": Style("PSNR", "dB"),
    "ssim": Style("SSIM"),
    "metric": Style("Metrics"),
    "energy": Style("Energy of the processor", "J a tick", exact=True),
    "memory": Style("Memory", "MB", exact=True),
}
"""Prefix of a scalar's name (what stands before "/") -> how its panel looks, in the order of the panels."""

NO_PANEL = {"images", "seconds", "event"}
MOST_PANELS = 12


@dataclass(frozen=True)
class Series:
    """A scalar over a run: ``x: [T]`` in images or seconds, ``y: [T]`` with NaN where it was not finite."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """What one pair of axes shows."""

    style: Style
    series: list[Series] = field(default_factory=list)
    show: Literal["rows", "average", "both"] = "both"
    """What is drawn of a series with many rows: each row, their moving average, or this over those."""


def smooth(y: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """A moving average of ``y: [T]`` with triangular weights, each side ``rows`` wide; it does not lag.

    A value that is NaN is left out and stays NaN; at the ends the rows that there are count.
    """
    half = min(max(rows // 2, 1), len(y))
    kept = np.isfinite(y)
    values = np.where(kept, y, 0.0)
    index = np.arange(len(y))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(y))
    counts = np.diff(np.concatenate([[0], np.cumsum(kept)])[np.stack([low, high])], axis=0)[0]
    for _ in range(2):  # a box over a box is a triangle
        sums = np.diff(np.concatenate([[0.0], np.cumsum(values)])[np.stack([low, high])], axis=0)[0]
        values = np.where(kept, sums / np.maximum(counts, 1), 0.0)
    return np.where(kept, values, np.nan)


def window(length: int) -> int:
    """How many rows each side of a row its average takes in, for a series of ``length`` rows."""
    return max(2, length // 40)


def _series(rows: Sequence[Row], name: str, axis: Axis) -> Series:
    """The rows that have ``name``: a penalty that is due at times has a point only then."""
    points = [
        (row[axis], np.nan if row[name] is None else row[name])
        for row in rows
        if name in row and _is_number(row[name]) and row.get(axis) is not None
    ]
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return Series((name.partition("/")[2] or name).replace("_per_", " per "), x, y)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _difference(series: Sequence[Series]) -> list[Series]:
    """|loss of G − loss of D| where both have a value: a row has both or, at lazy steps, one."""
    named = {one.name: one for one in series}
    if not {"G", "D"} <= named.keys():
        return []
    x, g, d = np.intersect1d(named["G"].x, named["D"].x, return_indices=True)
    return [Series("|G − D|", x, np.abs(named["G"].y[g] - named["D"].y[d]))]


def _style(prefix: str) -> Style:
    return STYLES.get(prefix) or Style(prefix.replace("_", " ").capitalize())


def panels(rows: Sequence[Row], axis: Axis = "images") -> list[Panel]:
    """The panels for ``rows``: S1's four, then one for each other prefix; those without data are left out."""
    rows = [row for row in rows if "event" not in row]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if name not in NO_PANEL and _is_number(value)
    )
    groups: dict[str, list[Series]] = {prefix: [] for prefix in STYLES}
    for name in names:
        one = _series(rows, name, axis)
        if np.isfinite(one.y).any():
            groups.setdefault(name.split("/")[0], []).append(one)
    losses, accuracies = groups.pop("loss"), groups.pop("accuracy")
    first = [
        Panel(STYLES["loss"], losses, "rows"),
        Panel(STYLES["accuracy"], accuracies),
        Panel(Style("Difference of the losses"), _difference(losses)),
        Panel(Style("Losses, smoothed"), losses, "average"),
    ]
    rest = [
        Panel(_style(prefix), found, "rows" if _style(prefix).exact else "both")
        for prefix, found in groups.items()
    ]
    return [panel for panel in first + rest if panel.series][:MOST_PANELS]


def watched_panels(rows: Sequence[Row]) -> list[Panel]:
    """The figures that were taken while a run trained (rows of ``metrics.jsonl``), a panel each."""
    left_out = {*NO_PANEL, "samples", "weights", "seed"}
    rows = [row for row in rows if row.get("seed") == 2]
    names = dict.fromkeys(name for row in rows for name in row if name not in left_out)
    found = [(name, _series(rows, name, "images")) for name in names]
    return [
        Panel(Style(name.replace("_", " "), exact=True), [Series(name, one.x, one.y)], "rows")
        for name, one in found
        if np.isfinite(one.y).any()
    ]
