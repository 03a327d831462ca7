"""The quality score as a row of the result: its value, interval and parts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from visavis.errors import UserError
from visavis.judge.figures import Measured, Measures, absent, figure
from visavis.judge.quality import (
    Figures,
    Labelled,
    measured_quality,
    quality,
    quality_draws,
    quality_interval,
)
from visavis.judge.reference import Real
from visavis.judge.seen import Seen

NULL = Measured(100.0)
"""What held-out images get, by definition."""


def quality_row(
    made: Seen,
    held_out: Seen | None,
    real: Real,
    found: Measures,
    null: Measures,
    seed: int,
    trained_in: Collection[str] = (),
) -> dict[str, Any]:
    """``{"value", "interval", "null", "fidelity", "diversity", "classes"}``; absent with ``why``.

    There is none in features that the generator was ``trained_in``.
    """
    name = real.extractor.name
    if name in trained_in:
        return figure(absent(f"no quality in {name}, which the generator was trained in"), NULL)
    if held_out is None:
        return figure(absent(f"no quality without held-out images: {real.why}"), None, real.why)
    classes = len(real.extractor.classes) if ("classes", "overlap") in found else None
    sides = (_labelled(made, classes), _labelled(held_out, classes), _labelled(real.few, classes))
    try:
        draws = quality_draws(*sides, classes=classes, seed=seed)  # refuses too few images
        if len(made) == len(held_out):
            score = quality(_figures(found), _figures(null))
        else:
            score = measured_quality(*sides, classes=classes, seed=seed)
    except UserError as error:
        return figure(absent(str(error)), NULL)
    low, high, _ = quality_interval(score.value, draws)
    return {
        **figure(Measured(score.value, (low, high)), NULL),
        "fidelity": score.fidelity,
        "diversity": score.diversity,
        "classes": score.classes,
    }


def _labelled(side: Seen, classes: int | None) -> Labelled:
    return Labelled(side.vectors, None if classes is None else side.predicted)


def _figures(measures: Measures) -> Figures:
    def of(*path: str) -> float:
        value = measures[path].value
        assert value is not None
        return value

    overlap = of("classes", "overlap") if ("classes", "overlap") in measures else None
    return Figures(of("precision"), of("recall"), of("density"), of("coverage"), of("variety"), overlap)
