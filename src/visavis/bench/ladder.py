"""The ladder: recipes that generate, at one budget of seconds, on one set whose modes can be counted.

Each line trains a recipe on the rung's data for the same seconds, in equal parts, and counts modes after
each: so it tells when all of them were there.  The untrained generator is the null.  Lines of other
data, another classifier or budget are not put into one table.  Recipes that the rung cannot take are refused
where they are named, and else named as left out, with the reason.

Source of the count: Metz et al. 2017, "Unrolled generative adversarial networks", arXiv 1611.02163.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from visavis.bench.rows import Row, machine, need_same, standing
from visavis.core import Shape
from visavis.errors import UserError, unknown
from visavis.files import write_json
from visavis.metrics import METRICS
from visavis.metrics.modes import SAMPLES
from visavis.networks import build
from visavis.networks.classifier import DIGITSR_SHA256
from visavis.networks.mnist_classifier import MNISTR_SHA256
from visavis.recipes import RECIPES, get
from visavis.recipes.recipe import Recipe, override
from visavis.recipes.table import EMBEDDED
from visavis.recipes.watch import Watch
from visavis.training.loop import Diverged

LOG = logging.getLogger("visavis")
ENOUGH = 0.1
"""The KL divergence whose time is told."""
SAME = ("data", "digest", "classifier_sha256", "samples", "seconds", "looks")
"""What lines of one table must agree in."""


@dataclass(frozen=True)
class Rung:
    """What all recipes of a ladder are trained on, and how their modes are counted."""

    source: str
    metric: str
    modes: int
    side: int
    """Pixels, of the images that the classifier knows."""
    classifier_sha256: str
    endings: tuple[str, ...]
    """Of the names of recipes that are tried where none are named."""
    conditional: bool | None = None
    """None: as the recipe is."""
    native: bool = False
    """Networks that can are built for images of ``side``; others, as all do elsewhere, for those of the
    recipe, which are made of the rung's and counted at ``side``."""


RUNGS = {
    "stacked-mnist": Rung(
        "stacked-mnist-10k", "stacked-mnist-modes", 1000, 28, MNISTR_SHA256, ("-mnist", "mnist"), False
    ),
    "stacked-digits": Rung(
        "stacked-digits",
        "stacked-modes",
        1000,
        8,
        DIGITSR_SHA256,
        ("-digits", "-mnist", "mnist"),
        False,
        native=True,
    ),
    "mnist": Rung("mnist-10k", "mnist-modes", 10, 28, MNISTR_SHA256, ("-mnist", "mnist")),
}


@dataclass(frozen=True)
class Ladder:
    """What to climb: ``recipes`` (empty: all of the rung's names), a rung, and seconds a line.

    ``looks``: how often modes are counted on the way, at equal distances.
    """

    recipes: tuple[str, ...] = ()
    on: str = "stacked-mnist"
    seconds: float = 600.0
    seeds: tuple[int, ...] = (0,)
    looks: int = 6
    samples: int = SAMPLES
    quality: bool = True
    out: Path = Path("results") / "ladder.json"
    device: str = "cpu"


def climb(asked: Ladder) -> dict[str, Any]:
    """Train and judge every line, adding each to ``asked.out`` as it is done; the rung's record and rows,
    and ``left_out``: of the recipes that nobody named, those that the rung cannot take, each with the reason.

    Raises :class:`UserError`, before anything is trained, for an unknown rung or recipe, for one that is
    named and cannot be taken, and where lines that stand in ``asked.out`` were made with other data, another
    classifier or budget.
    """
    if asked.on not in RUNGS:
        raise unknown("ladder", asked.on, RUNGS)
    rung = RUNGS[asked.on]
    recipes, left_out = climbers(asked)
    told = _record(asked, rung)
    whole = _standing(asked, told)
    if not asked.recipes:
        whole[asked.on]["left_out"] = left_out
    first = next(iter(recipes))
    for seed in asked.seeds:
        for name, recipe in {**recipes, f"untrained {first}": recipes[first]}.items():
            row = _line(name, recipe.model_copy(update={"seed": seed}), asked, rung)
            LOG.warning("%s", _told({**row, "seed": seed}))
            rows = whole[asked.on]["rows"]
            same = [each for each in rows if (each["recipe"], each["seed"]) == (name, seed)]
            whole[asked.on]["rows"] = [*(r for r in rows if r not in same), {**row, "seed": seed}]
            write_json(asked.out, whole)
    return {"out": str(asked.out), **whole[asked.on]}


def _all(rung: Rung) -> tuple[str, ...]:
    """The names of the recipes that generate and are meant for such images."""
    found = [name for name in RECIPES if name.endswith(rung.endings)]
    return tuple(name for name in found if get(name).task == "generate")


def climbers(asked: Ladder) -> tuple[dict[str, Recipe], dict[str, str]]:
    """The recipes that climb, and why others of the rung's are left out; of the named ones none is."""
    found: dict[str, Recipe] = {}
    left_out: dict[str, str] = {}
    for name in asked.recipes or _all(RUNGS[asked.on]):
        recipe = on_rung(get(name), RUNGS[asked.on])
        if isinstance(recipe, Recipe):
            found[name] = recipe
        elif asked.recipes:
            raise UserError(f"recipe '{name}' cannot climb '{asked.on}': {recipe}")
        else:
            left_out[name] = recipe
            LOG.warning("left out %s: %s", name, recipe)
    return found, left_out


def on_rung(recipe: Recipe, rung: Rung) -> Recipe | str:
    """The recipe on the rung's data, unwatched, since all lines are as long; or why it cannot be."""
    changes = {"data.source": rung.source, "data.channels": "auto", "metrics": "[]", "keep_snapshots": "1"}
    if rung.conditional is not None:
        changes["conditional"] = str(rung.conditional).lower()
    try:
        if recipe.task != "generate":
            raise UserError(f"'{recipe.name}' does not generate (allowed: recipes that do)")
        fitted = override(recipe.model_copy(update={"watch": Watch()}), changes)
        own = fitted.data.resolution
        if rung.native and own is not None:
            native = override(fitted, {"data.resolution": "none"})
            if _unfit(native, rung) is None:
                return native
        return _unfit(fitted, rung) or fitted
    except UserError as error:
        return str(error)


def _unfit(recipe: Recipe, rung: Rung) -> str | None:
    """Why the recipe's networks cannot be built for such images; None where they can."""
    channels, side = EMBEDDED[rung.source]
    shape = Shape(channels, recipe.data.resolution or side)
    try:
        with torch.device("meta"):  # without memory
            build(recipe.networks, shape, rung.modes if recipe.conditional else 0)
    except UserError as error:
        return str(error)
    return None


def _record(asked: Ladder, rung: Rung) -> Row:
    from visavis.data import DataConfig, load_images

    return {
        "on": asked.on,
        "data": rung.source,
        "digest": load_images(DataConfig(source=rung.source)).digest,
        "metric": rung.metric,
        "modes": rung.modes,
        "classifier_sha256": rung.classifier_sha256,
        "samples": asked.samples,
        "seconds": asked.seconds,
        "looks": asked.looks,
        "weights": "ema",
    }


def _standing(asked: Ladder, told: Row) -> dict[str, Any]:
    """What stands in the file already, if its lines of this rung may stand beside new ones."""
    whole = standing(asked.out)
    need_same(asked.out, whole.setdefault(asked.on, {"record": told, "rows": []})["record"], told, SAME)
    return whole


def _line(name: str, recipe: Recipe, asked: Ladder, rung: Rung) -> Row:
    """Train one line and count; what stopped it, where something did."""
    with tempfile.TemporaryDirectory() as folder:
        out, found = Path(folder) / "run", {"recipe": name, **machine(asked.device)}
        try:
            if name.startswith("untrained"):
                return {**found, **_ended(_part(recipe, out, asked, rung, images=recipe.batch_size))}
            curve = [
                _part(recipe, out, asked, rung, seconds=asked.seconds * (k + 1) / asked.looks)
                for k in range(asked.looks)
            ]
            quality = _quality(out, asked) if asked.quality else {}
        except (UserError, Diverged) as error:
            return {**found, "failed": str(error)}
        return {**found, **_ended(curve[-1]), **quality, **_times(curve, rung.modes), "curve": curve}


def _part(recipe: Recipe, out: Path, asked: Ladder, rung: Rung, **length: Any) -> Row:
    """Go on with a run, and count the modes of its averaged generator."""
    from visavis.models.load import load
    from visavis.runs.run import run
    from visavis.runs.session import Options

    done = run(recipe, Options(out, device=asked.device, quiet=True, **length))
    pixels = load(out, asked.device).pixels(asked.samples, seed=1)
    scores = METRICS[rung.metric](at_side(torch.from_numpy(pixels), rung.side))
    return {
        "seconds": done["seconds"],
        "images": done["images"],
        "images_per_second": done["images_per_second"],
        "modes": scores["modes"],
        "kl": round(float(scores["kl"]), 5),
    }


def at_side(pixels: Tensor, side: int) -> Tensor:
    """uint8 ``[N, R, R, C]``, of a network that wants another side, as those of ``side``; by area."""
    if pixels.shape[1] == side:
        return pixels
    x = pixels.permute(0, 3, 1, 2)
    smaller = [interpolate(part.float(), side, mode="area") for part in torch.split(x, 1_000)]
    return torch.cat(smaller).round().to(torch.uint8).permute(0, 2, 3, 1)


def _ended(last: Row) -> Row:
    return {key: last[key] for key in ("seconds", "images", "images_per_second", "modes", "kl")}


def _quality(out: Path, asked: Ladder) -> Row:
    """The judge's score of the line's last weights, of as many images as are held out."""
    from visavis.judge.evaluate import Options as How
    from visavis.judge.evaluate import evaluate

    found = evaluate(str(out), How(device=asked.device, n=2_000)).result["quality"]
    return {"quality": found["value"], "quality_interval": found.get("interval")}


def _times(curve: Sequence[Row], modes: int) -> Row:
    """Seconds at the first look with all modes, and with a KL that is enough; None where no look had it."""
    all_there = [look["seconds"] for look in curve if look["modes"] == modes]
    even = [look["seconds"] for look in curve if look["kl"] <= ENOUGH]
    return {"seconds_to_all_modes": min(all_there, default=None), "seconds_to_kl": min(even, default=None)}


def _told(row: Row) -> str:
    if "failed" in row:
        return f"{row['recipe']}: {row['failed']}"
    return f"{row['recipe']} (seed {row['seed']}): {row['modes']} modes, KL {row['kl']:.4f}"


def in_words(found: dict[str, Any]) -> str:
    """The rung's lines, the evenest first, and where they stand."""
    rows = sorted(found["rows"], key=lambda row: row.get("kl", float("inf")))
    record = found["record"]
    head = (
        f"{record['seconds']:g} s a line on {record['data']}, {record['samples']:,} samples; {found['out']}"
    )
    left = [f"  left out {name}: {why}" for name, why in found.get("left_out", {}).items()]
    return "\n".join([head, *(f"  {_told(row)}" for row in rows), *left])
