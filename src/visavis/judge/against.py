"""Is A better than B?  Paired where both are images, from intervals where one is a stored result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from visavis.errors import UserError
from visavis.files import read_json
from visavis.judge.figures import RESAMPLES, frechet_name
from visavis.judge.record import need_equal
from visavis.judge.seen import Seen
from visavis.metrics.bootstrap import LEVEL, Comparison, compare, normal_tail
from visavis.metrics.frechet import Reference, frechet_distance, frechet_draws

LOWER_IS_BETTER = ("fd_", "fid", "intra_", "kd_", "swd_", "js", "ndb")
HIGHER_IS_BETTER = ("quality", "precision", "recall", "coverage", "variety", "is_")
Z = 1.959963984540054
"""Deviations on each side of a 95 % interval."""


class Rivals(NamedTuple):
    """The Fréchet distances of A and B to one reference, and of their resamples, drawn by the same rows.

    The reference is held fixed; image i of both belongs together where both came from the same latents or
    inputs.
    """

    figure: str
    values: tuple[float, float]
    draws: tuple[Tensor, Tensor]


def rivals(a: Seen, b: Seen, real: Reference, features: str, seed: int) -> Rivals:
    """A and B as ``features`` see them."""
    values = [frechet_distance(x.vectors, real).value for x in (a, b)]
    draws = [frechet_draws(x.vectors, real, RESAMPLES, seed) for x in (a, b)]
    return Rivals(frechet_name(features), (values[0], values[1]), (draws[0], draws[1]))


def paired(found: Rivals) -> dict[str, Any]:
    """Whose distance is lower; the answer is that of :func:`answer`."""
    (a, b), (draws_a, draws_b) = found.values, found.draws
    told = answer(found.figure, a, b, compare(a, draws_a, b, draws_b))
    return told | {"resamples": RESAMPLES, "paired": True}


def answer(figure: str, a: float, b: float, found: Comparison) -> dict[str, Any]:
    """A comparison as JSON and as a sentence; ``better`` is A, B, or None where chance would do as much."""
    sure = found.p < 1 - LEVEL
    a_wins = (a < b) == figure.startswith(LOWER_IS_BETTER)
    better = ("A" if a_wins else "B") if sure and a != b else None
    half, size = (found.high - found.low) / 2, abs(found.difference)
    text = f"{figure}: A {a:.4g}, B {b:.4g}; "
    if better:
        text += f"{better} is better by {size:.3g} ± {half:.2g}, p = {found.p:.2g}"
    else:
        text += f"no more than chance makes ({found.difference:+.3g} ± {half:.2g}, p = {found.p:.2g})"
    return {
        "figure": figure,
        "a": a,
        "b": b,
        "difference": found.difference,
        "interval": [found.low, found.high],
        "p": found.p,
        "better": better,
        "text": text,
    }


def stored(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every figure that two results have with an interval, compared; not paired, so less sharp.

    The deviations are taken from the intervals, as of normal draws.  Raises :class:`UserError`, naming the
    field, where the records differ.
    """
    need_equal(a["record"], b["record"])
    found = []
    for name, row in a.items():
        other = b.get(name)
        if not name.startswith((*LOWER_IS_BETTER, *HIGHER_IS_BETTER)) or not isinstance(other, dict):
            continue
        ends = [*(row.get("interval") or [None]), *(other.get("interval") or [None])]
        if None in (row.get("value"), other.get("value"), *ends):
            continue
        difference = row["value"] - other["value"]
        deviation = math.hypot(ends[1] - ends[0], ends[3] - ends[2]) / (2 * Z)
        p = 2 * normal_tail(abs(difference) / deviation) if deviation else float(difference == 0)
        reach = Z * deviation
        result = Comparison(difference, difference - reach, difference + reach, p)
        found.append(answer(name, row["value"], other["value"], result) | {"paired": False})
    return found


def is_result(given: str | Path) -> bool:
    """Whether a path is that of a stored result."""
    return Path(given).suffix.lower() == ".json"


def read_result(path: str | Path) -> dict[str, Any]:
    """A result that ``visavis evaluate --out`` wrote; :class:`UserError` for another file."""
    found: dict[str, Any] | list[Any] = read_json(path)
    told = found.get("record") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(told, dict) or "protocol" not in told:
        raise UserError(f"'{path}' is no result of visavis evaluate --out; give one, or images or a run")
    return found


def of_results(a: str | Path, b: str | Path | None) -> dict[str, Any]:
    """Two stored results compared: ``{"against": {"with", "answers"}}``."""
    if b is None or not is_result(b):
        raise UserError(
            f"'{a}' is a stored result, which can only be compared with another: give --against OTHER.json, "
            "or images or a run instead"
        )
    return {"against": {"with": str(b), "answers": stored(read_result(a), read_result(b))}}
