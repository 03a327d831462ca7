"""The narrow bench: critics of few units on stacked digits.  Does it help a small critic to see pairs?

A separable loss has exponentially many bad basins, which look like mode collapse, and the paired loss RpGAN
has none; it did better than separable ones with relatively narrow networks (Sun et al. 2020, "Towards a
better global loss landscape of GANs", arXiv 2011.04926).  Here each hidden layer of D has ``width`` units,
and G, the penalties, the rates and the images seen are the same for all games.

Three figures a line, of the averaged G: the modes of 1,000, the divergence of their shares from the uniform
(both read by a classifier, to which noise looks like some digit) and the Fréchet distance in ``digitsr``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from visavis.bench.rows import Row, machine, need_same, standing
from visavis.core import Objective, Ramp
from visavis.data.digits import stacked_digits
from visavis.data.pixels import to_uint8
from visavis.errors import UserError, unknown
from visavis.files import write_json
from visavis.metrics import METRICS
from visavis.metrics.features import load_extractor
from visavis.metrics.frechet import Reference, frechet_distance
from visavis.models.generator import latents
from visavis.networks import CriticConfig, MLPBranch, MLPGenerator
from visavis.networks.classifier import DIGITSR_SHA256
from visavis.objectives import GAN, Pairwise
from visavis.recipes import get
from visavis.recipes.recipe import Recipe
from visavis.runs.build import prepare
from visavis.training.loop import Adam, Average, Diverged, train

LOG = logging.getLogger("visavis")

BATCH, RATE, PENALTY, EVERY = 128, 2e-3, 0.05, 4
"""A batch, the first learning rate of both (it falls to a twentieth), R1 = R2, and every how many steps."""
JUDGED = 10_000
"""Images on both sides of the Fréchet distance, at most."""
WIDTHS = (4, 8, 16, 32, 64)
THREE = ("like", "unlike", "fakes")


class Game(NamedTuple):
    """A critic's head (and what else it has), and its game."""

    head: dict[str, Any]
    objective: Objective


def games(width: int) -> dict[str, Game]:
    """The games by name, for a critic of ``width`` units."""
    weights = {"r1": PENALTY, "r2": PENALTY, "penalty_every": EVERY}
    concat = {"head": "concat", "hidden": (width,)}

    def pairwise(**fields: Any) -> Pairwise:
        return Pairwise.model_validate({**weights, **fields})

    return {
        "single": Game({"head": "single"}, GAN.model_validate(weights)),
        "difference": Game({"head": "difference"}, pairwise()),
        "concat": Game(concat, pairwise(kinds=("like", "unlike"))),
        "PairGAN": Game(concat, pairwise(loss="bce", kinds=THREE, pairing="mean")),
        "PacGAN": Game({"head": "single", "pack": 2}, GAN.model_validate(weights)),
    }


@dataclass(frozen=True)
class Narrow:
    """What to measure: ``names`` (empty: all games), widths, seeds, and images of training a row."""

    names: tuple[str, ...] = ()
    widths: tuple[int, ...] = WIDTHS
    seeds: tuple[int, ...] = (0, 1, 2)
    images: int = 50_000
    samples: int = 10_000
    out: Path = Path("results") / "narrow.json"


def measure(asked: Narrow) -> dict[str, Any]:
    """A row for each seed, width and game, added to ``asked.out`` as it is done; rows that stand are kept.

    ``untrained`` holds the null: G as it begins, of each seed.

    Raises :class:`UserError`, before anything is trained, for a width that is none, for an unknown game and
    where rows stand that were made otherwise.
    """
    for width in asked.widths:
        if width < 1:
            raise UserError(f"a critic of width {width} (allowed: 1 or more units a layer); mend --widths")
    names = asked.names or tuple(games(1))
    for name in names:
        if name not in games(1):
            raise unknown("game", name, games(1))
    whole = _standing(asked)
    done = {(row["game"], row["width"], row["seed"]) for row in whole["rows"]}
    untrained = {row["seed"] for row in whole["untrained"]}
    for seed in asked.seeds:
        if seed not in untrained:
            found = line(recipe(games(1)["single"], 1, seed, asked.images), 0, asked.samples)
            whole["untrained"].append({"seed": seed, **found})
            write_json(asked.out, whole)
        for width in asked.widths:
            for name in names:
                if (name, width, seed) not in done:
                    row = {"game": name, "width": width, "seed": seed}
                    row |= line(
                        recipe(games(width)[name], width, seed, asked.images), asked.images, asked.samples
                    )
                    whole["rows"].append(row)
                    write_json(asked.out, whole)
                    LOG.warning("%s", told(row))
    return {"out": str(asked.out), **whole}


def _standing(asked: Narrow) -> dict[str, Any]:
    """What stands in the file already, if its rows may stand beside new ones."""
    settings = {
        "data": "stacked-digits",
        "batch": BATCH,
        "rate": RATE,
        "penalty": PENALTY,
        "penalty_every": EVERY,
        "images": asked.images,
        "samples": asked.samples,
        "judged": min(JUDGED, asked.samples),
        "classifier_sha256": DIGITSR_SHA256,
        "weights": "ema",
    }
    whole = {"record": settings | machine(), "untrained": [], "rows": []} | standing(asked.out)
    need_same(asked.out, whole["record"], settings, tuple(settings))
    return whole


def recipe(game: Game, width: int, seed: int, images: int) -> Recipe:
    """The game between one G and a critic each hidden layer of which has ``width`` units."""
    branch = MLPBranch(widths=(width, width))
    adam = Adam(lr=Ramp(start=RATE, end=RATE / 20, images=images), beta1=0.0, beta2=0.99)
    changes = {
        "networks": {
            "G": MLPGenerator(z_dim=64, widths=(128, 256), norm="none"),
            "D": CriticConfig.model_validate({"branch": branch, **game.head}),
        },
        "objective": game.objective,
        "adam": {"G": adam, "D": adam},
        "average": Average(halflife=images / 40),
        "batch_size": BATCH,
        "images": images,
        "tick": images,
        "metrics": (),
        "channels_last": False,
        "seed": seed,
    }
    return get("stacked-digits").model_copy(update=changes)


def line(recipe: Recipe, images: int, samples: int) -> Row:
    """Train for so many images (0: the null), then count the modes of the averaged G and take its distance;
    or what stopped it.
    """
    _, state, batches = prepare(recipe, torch.device("cpu"))
    try:
        for _ in train(state, recipe.objective, batches, recipe.schedule(), images):
            pass
    except Diverged as error:
        return {"images": state.images, "failed": str(error)}
    with torch.no_grad():
        made = to_uint8(state.ema["G"](latents(1, 0, samples, 64))).permute(0, 2, 3, 1)
    counted = METRICS["stacked-modes"](made)
    found = {"images": state.images, "modes": counted["modes"], "kl": round(float(counted["kl"]), 5)}
    return found | {"fd_digitsr": round(_distance(made[:JUDGED]), 4)}


def _distance(made: Tensor) -> float:
    """The Fréchet distance of uint8 ``[N, 8, 8, 3]`` to as many training images."""
    return frechet_distance(load_extractor("digitsr")(made).vectors, _reference(len(made))).value


@cache
def _reference(n: int) -> Reference:
    return Reference.of(load_extractor("digitsr")(torch.from_numpy(stacked_digits("train")[0][:n])).vectors)


def told(row: Row) -> str:
    """One row in words."""
    name = f"{row['game']}, width {row['width']}, seed {row['seed']}"
    if "failed" in row:
        return f"{name}: {row['failed']}"
    return f"{name}: {row['modes']} modes, KL {row['kl']:.4f}, fd_digitsr {row['fd_digitsr']:.3f}"


def in_words(found: Mapping[str, Any]) -> str:
    """All rows, the narrowest critics first, and where they stand."""
    rows = sorted(found["rows"], key=lambda row: (row["width"], row.get("kl", float("inf"))))
    head = f"{found['record']['images']:,} images a row of {found['record']['data']}; {found['out']}"
    return "\n".join([head, *(f"  {told(row)}" for row in rows)])
