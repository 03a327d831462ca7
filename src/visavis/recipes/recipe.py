"""The typed recipe: everything that decides a run's numbers, in one frozen value, stored with the run."""

import json
import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any, Literal, get_args

from pydantic import BaseModel, NonNegativeInt, PositiveInt, ValidationError, model_validator

from visavis.core import Config, Name, Names
from visavis.data import AnyData
from visavis.errors import UserError, in_plain_words, unknown
from visavis.networks import BranchConfig, NetworkConfig
from visavis.objectives import ObjectiveConfig
from visavis.objectives.adversarial import Adversarial
from visavis.recipes.sizes import Plan
from visavis.recipes.watch import Watch
from visavis.training.loop import Adam, Average, Precision, Schedule

LOG = logging.getLogger("visavis")


class Recipe(Config):
    """What to train, on what, how, and for how long.

    ``networks`` and ``adam`` have the objective's keys (a GAN's are G and D).  ``images``: length of the run,
    counted in images that D's first phase sees.  ``tick``: images between two rows of the log.
    ``snapshot_every``: images between two snapshots with their sample grids, of which the last
    ``keep_snapshots`` are kept (None: all). ``metrics``: names of ``visavis.metrics.METRICS`` taken of
    ``metric_samples`` images when training ends.  ``watch``: evaluation on the way there.
    ``precision``: ``auto`` is bf16 where the hardware multiplies it and fp32 elsewhere; a run settles and
    records which.  ``accumulate``: a batch is taken in so many parts, one after the other, where memory is
    short; the step is the same to rounding.  ``plan``: that the fields follow from the pictures, and from
    what (None: they stand as they are).  ``judged``: a run that ends is judged and gets its page without
    being asked.
    """

    name: Name
    about: str
    data: AnyData
    networks: Mapping[str, NetworkConfig]
    objective: ObjectiveConfig
    adam: Mapping[str, Adam]
    batch_size: PositiveInt = 64
    images: PositiveInt
    average: Average = Average()
    precision: Precision | Literal["auto"] = "fp32"
    accumulate: PositiveInt = 1
    channels_last: bool = False
    conditional: bool = False
    seed: NonNegativeInt = 0
    tick: PositiveInt = 2_000
    snapshot_every: PositiveInt = 50_000
    keep_snapshots: PositiveInt | None = 3
    metrics: Names = ()
    metric_samples: PositiveInt = 26_000
    watch: Watch = Watch()
    plan: Plan | None = None
    judged: bool = False

    @model_validator(mode="after")
    def _all_is_there_and_fits(self) -> "Recipe":
        for name in sorted({name for phase in self.objective.phases() for name in phase.trains}):
            for field, given in (("networks", self.networks), ("adam", self.adam)):
                if name not in given:
                    raise ValueError(
                        f"{field} lack '{name}', which the objective trains; give --{field}.{name}"
                    )
        self.objective.check(self.networks, self.data)
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"a batch of {self.batch_size} has no {self.accumulate} equal parts; give a --batch-size "
                "that is a multiple of --accumulate"
            )
        if isinstance(self.objective, Adversarial):
            self.objective.check_training(self.networks, self.batch_size, self.accumulate, self.conditional)
        return self

    @property
    def cautions(self) -> Sequence[str]:
        """What is allowed and seldom wanted, a line each."""
        return self.objective.cautions(self.networks) if isinstance(self.objective, Adversarial) else ()

    @property
    def task(self) -> str:
        """What its networks are for: generate, reconstruct or translate."""
        return self.objective.task

    def schedule(self) -> Schedule:
        """The part that the loop reads, of a recipe whose precision is settled."""
        assert self.precision != "auto"
        return Schedule(
            batch_size=self.batch_size,
            tick=min(self.tick, self.snapshot_every, self.watch.every or self.tick),  # what is due is seen
            adam=self.adam,
            average=self.average,
            precision=self.precision,
            accumulate=self.accumulate,
            seed=self.seed,
        )

    def identity(self) -> dict[str, Any]:
        """What a run and the recipe that resumes it must agree in; not how long or how often to look."""
        found = self.model_dump(mode="json")
        looks = ("keep_snapshots", "metrics", "metric_samples", "snapshot_every", "watch", "judged")
        for name in ("images", "about", *looks):
            del found[name]
        found["plan"] = None if self.plan is None else self.plan.size
        for name in ("source", "stream", "device_bytes", "skip_broken", "channels", "range"):
            found["data"].pop(name, None)  # the data's digest stands for these
        return found


def override(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """A copy with fields changed, named by dotted paths: ``{"networks.D.head": "concat"}``.

    A new ``kind`` of objective, network or branch, as in ``{"objective.kind": "gan"}``, keeps the fields that
    both kinds have, with the same type; the others are the new kind's own.  Raises :class:`UserError` for a
    path that does not exist and for a value that is not allowed there; warns in a line of what is allowed and
    seldom wanted.  A plan that is not settled keeps the changes, since they go before what it will find.
    """
    if recipe.plan is None and "plan.size" in changes:
        raise UserError(
            f"recipe '{recipe.name}' has one size (allowed with --size: recipes that follow the pictures, as "
            "images does); leave it out"
        )
    plain = recipe.model_dump(mode="json")
    for path, text in sorted(changes.items(), key=lambda change: not change[0].endswith(".kind")):
        _assign(plain, path, _read(recipe, plain, path, text))
    if recipe.plan is not None and recipe.plan.facts is None:
        plain["plan"]["given"] = {**recipe.plan.given, **changes}
    changed = validated(plain)
    for line in changed.cautions:
        if line not in recipe.cautions:  # of which was warned before
            LOG.warning("%s", line)
    return changed


def _read(recipe: Recipe, plain: Mapping[str, Any], path: str, text: str) -> Any:
    """The value that ``text`` is in that field: a text or texts where the field is one, so that ``null`` and
    ``1e5`` are names there (a list stays one); ``none`` is nothing where that is allowed.
    """
    kind = _annotation(recipe, plain, path)
    if kind is str or (kind == tuple[str, ...] and not text.startswith("[")):
        return text
    if text == "none" and type(None) in get_args(kind):
        return None
    return _value(text)


def _annotation(recipe: Recipe, plain: Mapping[str, Any], path: str) -> Any:
    """What the field takes: of a choice of kinds the kind that ``plain`` has there by now; None: no field."""
    here: Any = recipe
    there: Any = plain
    *parents, last = path.split(".")
    for part in parents:
        here = here.get(part) if isinstance(here, Mapping) else getattr(here, part, None)
        there = there.get(part) if isinstance(there, Mapping) else None
    model = type(here) if isinstance(here, BaseModel) else None
    if isinstance(there, Mapping):
        model = _members(".".join(parents)).get(there.get("kind"), model)
    field = None if model is None else model.model_fields.get(last)
    return None if field is None else field.annotation


UNIONS = {"networks.*.branch": BranchConfig, "networks.*": NetworkConfig, "objective": ObjectiveConfig}
"""Where a recipe has a choice of kinds (the first pattern that fits)."""


def _members(place: str) -> dict[Any, type[BaseModel]]:
    """A kind -> its class, of the choice at that place; none where there is no choice."""
    union = next((union for pattern, union in UNIONS.items() if fnmatch(place, pattern)), None)
    if union is None:
        return {}
    return {each.model_fields["kind"].default: each for each in get_args(get_args(union)[0])}


def _of_kind(plain: dict[str, Any], place: str, kind: str) -> dict[str, Any]:
    """The settings ``plain`` at ``place`` as those of another kind."""
    members = _members(place)
    if not members:
        return plain | {"kind": kind}
    if kind not in members:
        raise unknown("kind", kind, members)
    if kind == plain["kind"]:
        return plain
    before, after = members[plain["kind"]].model_fields, members[kind].model_fields
    kept = {
        name: value
        for name, value in plain.items()
        if name in after and before[name].annotation == after[name].annotation
    }
    try:
        found: dict[str, Any] = members[kind].model_validate(kept).model_dump(mode="json")
    except ValidationError:  # it needs more, which other changes may bring
        return kept | {"kind": kind}
    return found


def validated(plain: Mapping[str, Any]) -> Recipe:
    """A recipe from plain data, its first mistake told in one line."""
    try:
        return Recipe.model_validate(plain)
    except ValidationError as error:
        raise UserError(_explain(error, plain)) from None


def _assign(plain: dict[str, Any], path: str, value: Any) -> None:
    here: Any = plain
    above: dict[str, Any] = {}
    *parents, last = path.split(".")
    for index, part in enumerate([*parents, last]):
        if not isinstance(here, dict) or part not in here:
            where = ".".join([*parents, last][:index])
            fields = (
                sorted(f"{where}.{k}" if where else k for k in here) if isinstance(here, dict) else [where]
            )
            raise unknown("field", path, fields)
        if index < len(parents):
            above, here = here, here[part]
    if last == "kind" and parents:
        above[parents[-1]] = _of_kind(here, ".".join(parents), str(value))
    else:
        here[last] = value


def _value(text: str) -> Any:
    """JSON where it is JSON (numbers, true, null, lists, objects), else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"None": None, "True": True, "False": False}.get(text, text)


def _explain(error: ValidationError, plain: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    path = ".".join(_fields(first["loc"], plain, first["type"] == "missing"))
    message = in_plain_words(first, path)
    given = first.get("input")
    shown = "" if isinstance(given, dict | BaseModel) else f" (given: {given!r})"
    return f"{path}: {message}{shown}" if path else message


def _fields(place: tuple[str | int, ...], plain: Any, missing: bool) -> list[str]:
    """The parts of pydantic's ``place`` that are fields, not names of a union's members."""
    kept = []
    for part in place:
        if isinstance(plain, Mapping) and part in plain:
            plain = plain[part]
            kept.append(str(part))
        elif isinstance(part, int):
            kept.append(str(part))
    return [*kept, str(place[-1])] if missing else kept
