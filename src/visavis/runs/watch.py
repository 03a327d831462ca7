"""What a run's figures say while it trains: which snapshot is best, whether it stands still or declines.

Pure functions of the rows of ``metrics.jsonl`` and ``stats.jsonl``, so a resumed run comes to the same
conclusions; nothing is kept beside them.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from visavis.errors import UserError

Row = dict[str, Any]

LOWER_IS_BETTER = ("fd_", "kd_", "fid", "kid", "l1", "mse", "kl", "duplicates")
"""Figures by how they begin; of every other one, more is better."""

COPIED = 0.5
"""Authentic images, as a part of what real ones are, below which copying has begun."""
RECENT = 20
"""Rows of the log whose median says how D does now."""


def better(metric: str, value: float, than: float) -> bool:
    """Whether ``value`` of ``metric`` is better than another."""
    return value < than if metric.split("/")[-1].startswith(LOWER_IS_BETTER) else value > than


def best_row(rows: Sequence[Row], metric: str) -> Row:
    """The first row with the best value of ``metric``; :class:`UserError` if no row has one."""
    found: Row | None = None
    for row in rows:
        value = row.get(metric)
        if value is not None and (found is None or better(metric, value, found[metric])):
            found = row
    if found is None:
        figures = sorted({name for row in rows for name in row} - {"images", "samples", "weights", "seed"})
        raise UserError(f"nothing was measured of '{metric}' (measured: {', '.join(figures) or 'nothing'})")
    return found


def plateau(rows: Sequence[Row], metric: str, patience: int | None) -> str | None:
    """Why a run has stopped getting better, in words; None while it may go on."""
    if patience is None or len(rows) <= patience:
        return None
    best = best_row(rows, metric)
    waited = len(rows) - 1 - rows.index(best)
    if waited < patience:
        return None
    return (
        f"no better {metric} than {best[metric]:.4g} (at {best['images']:,} images) in the last {waited} "
        "evaluations"
    )


def declines(rows: Sequence[Row], stats: Sequence[Row]) -> dict[str, str]:
    """What has become worse, by kind, in plain words: lost coverage, repeats, copies, a critic that always
    wins.

    ``rows``: the evaluations so far, the newest last; ``stats``: the log's rows.  Coverage, repeats and
    copies speak after two evaluations in a row, since one at small N may be chance.
    """
    found = {}
    top = _top(rows, "coverage")
    recent = [row["coverage"] for row in rows[-2:] if row.get("coverage") is not None]
    if top is not None and len(recent) == 2 and max(recent) < 0.7 * top["coverage"]:
        found["coverage"] = (
            f"coverage fell from {top['coverage']:.2f} (at {top['images']:,} images) to {recent[-1]:.2f}: "
            "the generator makes less of what the data hold"
        )
    repeats = [row.get("duplicates") for row in rows]
    known = [value for value in repeats if value is not None]
    if len(known) >= 3 and min(known[-2:]) > max(2 * min(known[:-2]), min(known[:-2]) + 0.05):
        found["repeats"] = (
            f"{known[-1]:.0%} of the images repeat others, {min(known[:-2]):.0%} did before: "
            "the generator collapses onto few pictures"
        )
    copied = copying(rows)
    if copied is not None:
        found["copies"] = copied
    won = victory(*certainty(stats))
    if won is not None:
        found["critic"] = won
    return found


def copying(rows: Sequence[Row]) -> str | None:
    """That the training images are being copied, in words, where both last evaluations say so."""
    known = [row for row in rows if row.get("authenticity") is not None][-2:]
    if len(known) < 2 or any(row["authenticity"] >= COPIED * row["authenticity_of_real"] for row in known):
        return None
    return (
        f"copying has begun: {1 - known[-1]['authenticity']:.0%} of the images lie nearer to a training "
        f"image than that has a neighbour ({1 - known[-1]['authenticity_of_real']:.0%} of real ones do); "
        "earlier weights copy less, more training images mend it"
    )


def _top(rows: Sequence[Row], name: str) -> Row | None:
    return max(
        (row for row in rows if row.get(name) is not None), key=lambda row: float(row[name]), default=None
    )


def certainty(stats: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """How often D has been right lately (the least of its shares), and its loss: medians of the last rows."""
    values: dict[str, list[float]] = {}
    for row in stats:
        for name, value in row.items():
            if name.startswith("accuracy/") or name == "loss/D":
                values.setdefault(name, []).append(float(value))
    if not all(len(each) >= RECENT for each in values.values()):
        return None, None
    recent = {name: statistics.median(each[-RECENT:]) for name, each in values.items()}
    loss = recent.pop("loss/D", None)
    return (None, None) if loss is None or not recent else (min(recent.values()), loss)


def victory(accuracy: float | None, loss: float | None) -> str | None:
    """That D has won, in words, where it has."""
    if accuracy is None or loss is None or accuracy <= 0.995 or abs(loss) >= 0.02:
        return None
    return (
        f"D tells {accuracy:.1%} of the generated images with a loss of {loss:.2g}: it has won, and G "
        "learns nothing more from it; raise --objective.r1 and r2, or lower --adam.D.lr"
    )
