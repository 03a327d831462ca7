"""docs/gallery.md: every recipe with its picture, where its data may be shown, its scores and its command.

Pictures of the recipes on MNIST are those of benchmarks/catalogue.py.  ``python benchmarks/gallery.py``
makes those that are still missing (NAME…: these anew): it trains each recipe of :data:`SHORT` for the images
that stand there, on one core, and writes docs/catalogue/NAME.png and, to results/gallery.json, what was
trained.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from command import visavis
from tables import ROOT, Row, results, table

if TYPE_CHECKING:
    from visavis.models.model import Model, Pixels

FILE, SHEETS = ROOT / "results/gallery.json", ROOT / "docs/catalogue"

SHORT: dict[str, int] = {
    "images": 8_000,
    "stacked-mnist": 40_000,
    "stacked-digits": 100_000,
    "digits": 100_000,
    "minimax-mnist": 40_000,
    "r1-mnist": 20_000,
    "zero-centred-mnist": 20_000,
    "minibatch-stddev-mnist": 40_000,
    "residual-mnist": 10_000,
    "relativistic-average-mnist": 30_000,
    "relativistic-all-mnist": 30_000,
    "dual-contrastive-mnist": 30_000,
    "drifting-mnist": 40_000,
    "stylegan2-mnist": 6_000,
    "vae-digits": 150_000,
    "vae-gan-digits": 60_000,
    "cyclegan-digits": 15_000,
}
"""A recipe -> images of a training of about a minute on one core."""
DATA = {"images": ["--data", "mnist-10k"]}
"""What a recipe without data of its own is shown on."""
COLUMNS, WIDE = 10, 56
"""Images in a row, and about how many pixels each is wide."""


def draw(run: Path, out: Path) -> None:
    """Samples; of an autoencoder reconstructions too; of a translator the ways there and back."""
    from visavis import load
    from visavis.report.grids import save_grid

    model = load(run)
    kind = next((network for network in DRAWN if network in model.networks), "G")
    pixels = np.concatenate(DRAWN[kind].rows(model))
    save_grid(out, pixels, columns=COLUMNS, scale=max(1, WIDE // pixels.shape[1]))


def _held_out(model: Model) -> Any:
    from visavis.data import held_out
    from visavis.recipes.recipe import validated

    return held_out(validated(model.description.recipe).data)


def samples(model: Model) -> list[Pixels]:
    """Four rows of them; of a conditional run a column a class."""
    return [model.pixels(4 * COLUMNS, seed=1)]


def reconstructions(model: Model) -> list[Pixels]:
    """Held-out images, these again, samples."""
    from visavis.models.autoencoder import reconstruct

    real = np.array(_held_out(model).images[:COLUMNS])
    again = reconstruct(model, torch.from_numpy(real)).numpy()
    return [real, again, model.pixels(2 * COLUMNS, seed=1)]


def translations(model: Model) -> list[Pixels]:
    """One side's images, what is made of them, and back again; then the other side's."""
    from visavis.models.translate import translate_pixels

    held = _held_out(model)
    a, b = (np.asarray(side[:COLUMNS]) for side in (held.a, held.b))
    there = translate_pixels(model, a, "a-to-b")
    return [a, there, translate_pixels(model, there, "b-to-a"), b, translate_pixels(model, b, "b-to-a")]


class Drawn(NamedTuple):
    """A picture: the rows that it has, and how a caption tells of them."""

    rows: Callable[[Model], list[Pixels]]
    told: str


DRAWN = {
    "E": Drawn(reconstructions, "Held-out digits, what the autoencoder makes of them, two rows of samples"),
    "G_ab": Drawn(
        translations, "Negatives, the digits made of them, and back; digits, and negatives of them"
    ),
    "G": Drawn(samples, "Samples"),
}
"""A network that tells what a model does -> its picture."""


def picture(name: str, networks: Mapping[str, Any]) -> str:
    """The picture and its caption; nothing where there is none."""
    if not (SHEETS / f"{name}.png").exists():
        return ""
    rows = [row for found in ("catalogue", "gallery") for row in (results(found) or {"rows": []})["rows"]]
    row = next((row for row in rows if row["recipe"] == name and "failed" not in row), None)
    if row is None:
        return ""
    told = DRAWN[next(network for network in DRAWN if network in networks)].told
    return f"![{told} of {name}](catalogue/{name}.png)\n\n*{told}, after {row['images']:,} images.*"


NOT_SHOWN = {
    "uoft-cs/cifar10": "photos of CIFAR-10 (no licence is known)",
    "sketch2face": "faces of people",
    "./faces": "faces of people",
    "facades": "photos of houses",
}
"""Source of data -> why no picture of it is shown."""
ELSEWHERE = {
    **dict.fromkeys(("siamese-catsdogs", "siamese-catsdogs-as-written"), "[the pair game](pair-game.md)"),
    **dict.fromkeys(("pix2pix-facades", "pairwise-pix2pix-facades"), "[image to image](translation.md)"),
}
"""A recipe -> the page that shows what it made."""


def gallery(scores: Mapping[str, list[Row]]) -> str:
    """A section for each recipe that is shown, then a table of the others."""
    from visavis.recipes import RECIPES

    shown, others = [], []
    for name, make in RECIPES.items():
        recipe = make()
        command = f"`visavis train {' '.join([name, *DATA.get(name, [])])}`"
        told = "; ".join(each["text"] for each in scores.get(name, [])) or "not measured"
        there = picture(name, recipe.networks)
        if there:
            shown.append(f"### {name}\n\n{recipe.about}\n\n{there}\n\n{command} · {told}")
        else:
            why = ELSEWHERE.get(name) or NOT_SHOWN.get(recipe.data.source, "not drawn yet")
            others.append([command, recipe.about, told, why])
    note = (
        "Pictures are of the trainings of benchmarks/catalogue.py, or of shorter ones where that has none: "
        "`python benchmarks/gallery.py`."
    )
    head = ["command", "what it is", "measured", "shown elsewhere, or not, since these are"]
    return "\n\n".join([*shown, "### Without a picture", table(head, others), note])


def main() -> None:
    """Train each for a short time; each is written at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    from visavis.bench.pair_step import cpu_model

    rows: dict[str, Row] = {row["recipe"]: row for row in (results("gallery") or {"rows": []})["rows"]}
    known = {row["recipe"] for row in (results("catalogue") or {"rows": []})["rows"] if "failed" not in row}
    for name in given.names or [name for name in SHORT if name not in known | rows.keys()]:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            words = [
                "train",
                name,
                *DATA.get(name, []),
                "--images",
                SHORT[name],
                "--threads",
                1,
                "--out",
                run,
            ]
            trained = visavis(*words)
            draw(run, SHEETS / f"{name}.png")
        rows[name] = {"recipe": name, **{key: trained[key] for key in ("images", "seconds")}}
        record = {
            "threads": 1,
            "cpu": cpu_model(),
            "torch": torch.__version__,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        ordered = [rows[name] for name in SHORT if name in rows]
        FILE.write_text(json.dumps({"record": record, "rows": ordered}, indent=1) + "\n")
        print(json.dumps(rows[name]), flush=True)


if __name__ == "__main__":
    main()
