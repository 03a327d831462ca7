"""Does a model hold what it claims?  Every figure of its card is measured again, in the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from visavis.errors import UserError
from visavis.judge.evaluate import Options
from visavis.judge.record import need_equal
from visavis.models.card import claims
from visavis.models.load import load, local
from visavis.models.model import Model
from visavis.models.results import Part, Result, figures, folder_of, result_of
from visavis.models.share import CARD

SLACK = 0.02
"""How far a figure without an interval may be off, as a share of it or as it is: what another machine's
rounding does to a count.
"""


class Check(NamedTuple):
    """One figure: as claimed, as measured now, whether both agree."""

    figure: str
    claimed: float
    interval: list[float | None] | None
    measured: float | None
    holds: bool

    def told(self) -> dict[str, Any]:
        """As the command line prints it."""
        return self._asdict()


class Claims(NamedTuple):
    """The figures that a model claims, by name, and how they were measured."""

    figures: Mapping[str, Part]
    result: Result
    model: Model
    folder: Path


def claims_of(run: str | Path, device: str = "cpu") -> Claims:
    """What the card of a folder claims, or what lies in a run's folder as its judgement.

    Raises :class:`UserError` where nothing is claimed.
    """
    model = load(local(run), device)
    assert model.origin is not None
    folder = folder_of(model.origin)
    result = result_of(model.origin, model.description.images)
    if result is None:
        own = "evaluation" if str(run) == str(folder) else f"evaluation-{model.description.images}"
        raise UserError(
            f"'{run}' claims no figures of these weights, so there is nothing to verify; judge them first: "
            f"visavis evaluate {run} --out {folder / own}.json"
        )
    return Claims(_of_card(folder / CARD) or _of_result(result), result, model, folder)


def _of_card(path: Path) -> dict[str, Part]:
    from huggingface_hub import ModelCard

    if not path.is_file():
        return {}
    try:
        found = claims(ModelCard.load(path))
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"'{path}' is no model card that can be read ({error}); restore it") from None
    return {str(each.metric_type): {"value": each.metric_value, **(each.metric_args or {})} for each in found}


def _of_result(result: Result) -> dict[str, Part]:
    return {" ".join(path): part for path, part in figures(result) if part["value"] is not None}


def again(made: Claims, device: str = "cpu") -> Options:
    """The options that measure as the claims' record tells."""
    record, model = made.result["record"], made.model
    own = (model.description.recipe.get("data") or {}).get("source")
    asked: dict[str, Any] = {"seed": record.get("seed", 0), "device": device, "split": record.get("split")}
    if model.description.task == "translate":
        return Options(**asked)
    asked |= {
        "features": record["features"],
        "n": record["images"],
        "held_out": record.get("held_out") or "none",
        "reference": None if record["reference"] == own else record["reference"],
        "resize": None if record.get("resize") in (None, "none") else record["resize"],
    }
    if set(record.get("classes") or ()) < set(model.classes):
        asked["classes"] = tuple(record["classes"])
    known = {field.name for field in fields(Options)}
    assert asked.keys() <= known
    return Options(**asked)


def checks(claimed: Mapping[str, Part], result: Result) -> list[Check]:
    """Each claimed figure beside what was measured; a figure that was not measured does not hold."""
    measured = {" ".join(path): part for path, part in figures(result)}
    return [_check(name, part, measured.get(name)) for name, part in claimed.items()]


def _check(name: str, claimed: Part, measured: Part | None) -> Check:
    value, interval = claimed["value"], claimed.get("interval")
    found = None if measured is None else measured["value"]
    if found is None or measured is None:
        return Check(name, value, interval, None, holds=False)
    holds = _inside(found, value, interval) and _inside(value, found, measured.get("interval"))
    return Check(name, value, interval, found, holds)


def _inside(value: float, centre: float, interval: list[float | None] | None) -> bool:
    """Whether ``value`` lies in an interval; where there is none, whether it is nearly ``centre``."""
    if interval is None:
        return math.isclose(value, centre, rel_tol=SLACK, abs_tol=SLACK)
    low, high = interval
    rounding = 1e-6 * max(1.0, abs(centre))
    above = low is None or value >= low - rounding
    return above and (high is None or value <= high + rounding)


def compare_records(claimed: Result, measured: Result) -> None:
    """Raise :class:`UserError` where something else was measured, such as other data of the same name."""
    if "protocol" in claimed["record"]:
        need_equal(measured["record"], claimed["record"])
    elif claimed["record"].get("reference_digest") != measured["record"].get("reference_digest"):
        raise UserError(
            f"'{claimed['record'].get('reference')}' holds other pictures now than when this was claimed; "
            "bring the same data"
        )
