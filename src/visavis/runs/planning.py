"""A recipe that follows from its pictures, settled once, at a run's start: facts, length, every field.

What is settled is an ordinary recipe, recorded with the run; one that goes on takes it from there and
measures nothing anew.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from visavis import files
from visavis.core import Shape
from visavis.data import DataConfig, load_images
from visavis.data.facts import Facts, facts, short_sides
from visavis.errors import UserError
from visavis.networks import build, parameters
from visavis.recipes.recipe import Recipe, override, validated
from visavis.recipes.sizes import ALIKE, GAMMA, SIZES, Plan
from visavis.report.words import count, duration, number
from visavis.runs.build import prepare
from visavis.runs.settle import settled
from visavis.runs.speed import timed
from visavis.training import parallel
from visavis.training.threads import Threads, rehearsal

if TYPE_CHECKING:
    from visavis.runs.session import Options

LOG = logging.getLogger("visavis")
STEPS = 4
"""Steps that tell how long the others take: as many as lie between two with penalties."""


def planned(recipe: Recipe, options: Options, device: torch.device) -> Recipe:
    """The recipe with its plan settled: as the run in ``options.out`` was begun, else from its pictures.

    Raises :class:`UserError` for pictures of which nothing can be learned.
    """
    plan = recipe.plan
    if plan is None or plan.facts is not None:
        return recipe
    if "data.source" not in plan.given:
        raise UserError(f"recipe '{recipe.name}' trains on your own pictures; give --data FOLDER")
    if (begun := _begun(recipe, options)) is not None:
        return begun
    recipe = _found(recipe, plan)
    rate = None if parallel.active() else _rate(settled(recipe, None, device), options, device)
    assert recipe.plan is not None and recipe.plan.facts is not None
    images = _length(recipe, options, rate)
    recipe = _with(recipe, recipe.plan, recipe.plan.facts, images)
    _tell(recipe, options, rate)
    return recipe


def _begun(recipe: Recipe, options: Options) -> Recipe | None:
    """The recipe of the run that stands in the folder, where it was asked for in the same words."""
    described = options.out / "recipe.json"
    if options.fresh or not described.is_file():
        return None
    try:
        standing = validated(files.read_json(described)["recipe"])
    except (UserError, KeyError, TypeError):  # what stands there is refused later, with its reason
        return None
    assert recipe.plan is not None
    if standing.plan is None or _words(standing.plan) != _words(recipe.plan):
        return None
    return standing.model_copy(
        update={"data": standing.data.model_copy(update={"source": recipe.data.source})}
    )


def _words(plan: Plan) -> dict[str, str]:
    """What was asked for; the pictures may have moved."""
    return {"size": plan.size, **{path: text for path, text in plan.given.items() if path != "data.source"}}


def _found(recipe: Recipe, plan: Plan) -> Recipe:
    """The recipe for the pictures that its data describe, for this size's length."""
    asked = recipe.data
    assert isinstance(asked, DataConfig)
    sides = short_sides(asked)
    name = Path(asked.source).name
    if not len(sides):
        raise UserError(f"'{name}' holds no picture that can be read (allowed: PNG, JPEG, …); mend --data")
    resolution = plan.side_for(
        int(np.median(sides)), asked.resolution if "data.resolution" in plan.given else None
    )
    data = load_images(asked.model_copy(update={"resolution": resolution}))
    found = facts(data)
    by_class = recipe.conditional if "conditional" in plan.given else len(found.classes) > 1
    plan.check(data.name, found, by_class)
    return _with(recipe, plan, found, None)


def _with(recipe: Recipe, plan: Plan, found: Facts, images: int | None) -> Recipe:
    """All fields as they follow, and over them what the user gave."""
    data = {**recipe.data.model_dump(mode="json"), "resolution": found.resolution}
    data["flip"] = abs(found.handedness) < ALIKE
    settled_plan = plan.model_copy(update={"facts": found})
    plain = recipe.model_copy(update={**plan.fields(found, images), "plan": settled_plan})
    return override(validated(plain.model_dump(mode="json") | {"data": data}), plan.given)


def _length(recipe: Recipe, options: Options, rate: float | None) -> int:
    """The images that rates fall over: as many as are asked for, or as the time is expected to give."""
    assert recipe.plan is not None and recipe.plan.facts is not None
    if options.images is not None:
        return options.images
    if options.epochs is not None:
        return options.epochs * recipe.plan.facts.images
    if options.seconds is not None and rate is not None:
        return max(round(options.seconds * rate), recipe.batch_size)
    return recipe.images


def _rate(recipe: Recipe, options: Options, device: torch.device) -> float:
    """Images a second: of some steps that leave nothing behind."""
    _, state, batches = prepare(recipe, device)
    step = rehearsal(state, recipe.objective, batches, recipe.schedule())
    if device.type == "cpu":
        Threads(step, options.threads).settle()
    step(0)
    return STEPS * recipe.batch_size / timed(lambda: [step(1 + k) for k in range(STEPS)], device)


def _tell(recipe: Recipe, options: Options, rate: float | None) -> None:
    """What was chosen and why, how long it takes, and whether that is too short: a line each."""
    plan = recipe.plan
    assert plan is not None and plan.facts is not None
    LOG.info("%s", in_words(recipe, plan.facts))
    if rate is not None:
        asked = options.images or options.epochs or options.seconds
        less = "" if asked else "; --time 20m, say, or --size tiny take less"
        took = duration(recipe.images / rate)
        LOG.info("%s images take about %s here (%.3g a second)%s", count(recipe.images), took, rate, less)
    if recipe.images < plan.enough:
        LOG.warning("%s", too_few(plan, recipe.images, rate))


def too_few(plan: Plan, images: int, rate: float | None) -> str:
    """That a training of ``images`` is too short for its size, and what would do, at ``rate`` images/s."""
    whole, enough = count(SIZES[plan.size].images), count(plan.enough)
    mend = f"--images {plan.enough}" if rate is None else f"--time {math.ceil(plan.enough / rate / 60)}m"
    smaller = "" if plan.size == "tiny" else ", or --size tiny"
    return (
        f"{count(images)} images are too few for size {plan.size}, which is made for {whole} and wants "
        f"{enough} at least; give {mend}{smaller}"
    )


def in_words(recipe: Recipe, found: Facts) -> str:
    """The settled recipe in one line."""
    shape, classes = Shape(found.channels, found.resolution), len(found.classes) if recipe.conditional else 0
    with torch.device("meta"):
        networks = build(recipe.networks, shape, classes)
    sizes = ", ".join(f"{name} {count(parameters(net))}" for name, net in networks.items())
    game = recipe.objective.model_dump()
    adapts = game.get("augment", {}).get("target") is not None
    parts = [
        f"{found.images:,} pictures at {found.resolution}x{found.resolution}",
        f"{len(found.classes)} classes" if recipe.conditional else "as one class",
        f"size {recipe.plan.size if recipe.plan else ''}: {sizes} parameters",
        f"batches of {recipe.batch_size}",
        f"γ {game.get('r1')} ({GAMMA:g} of their spread {number(found.spread)})",
        "mirrored" if recipe.data.flip else "not mirrored: left is not right in them",
        "augmented as far as D learns them by heart" if adapts else "not augmented",
    ]
    return "; ".join(parts)
