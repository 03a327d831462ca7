"""Both Siamese GAN recipes after the same wall-clock time: figures, sample grids and curves.

First train both at once, one core each (an hour or more):

    for r in siamese-catsdogs siamese-catsdogs-as-written; do
        OMP_NUM_THREADS=1 visavis train $r --data path/to/cifar10 --out runs/$r --time 62m & done; wait

then ``python benchmarks/catsdogs.py --data path/to/cifar10 --runs runs`` writes results/catsdogs.json and
the pictures in docs/.  The distances are Fréchet distances of two features that need no trained network:
the image averaged to 8×8 pixels (192 numbers: composition and colour), and 5×5 patches (75 numbers: texture).
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, unfold

import visavis
from visavis.data import DataConfig, load_images
from visavis.data.pixels import to_float
from visavis.files import JsonLines
from visavis.metrics.frechet import frechet_distance, frechet_interval
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import find_snapshot, load_checkpoint, load_snapshot
from visavis.recipes.recipe import validated
from visavis.report.curves import plot_comparison
from visavis.report.grids import save_grid

ROOT = Path(__file__).parents[1]
AS_WRITTEN, OURS = "siamese-catsdogs-as-written", "siamese-catsdogs"
SAMPLES = 5_000


def features(pixels: np.ndarray) -> dict[str, Tensor]:
    """uint8 ``[N, 32, 32, 3]`` -> float64 ``[N, 192]`` and, four patches an image, ``[4N, 75]``."""
    x = to_float(torch.from_numpy(np.ascontiguousarray(pixels))).permute(0, 3, 1, 2)
    patches = unfold(x, 5, stride=9).transpose(1, 2)[:, ::4]  # of the 16 places, every fourth
    return {
        "fd_pixels8": avg_pool2d(x, 4).flatten(1).double(),
        "fd_patches5": patches.reshape(-1, 75).double(),
    }


def distances(pixels: np.ndarray, real: dict[str, Tensor]) -> dict[str, Any]:
    """Each feature's Fréchet distance to the real images, with its 95 % interval."""
    found: dict[str, Any] = {}
    for name, made in features(pixels).items():
        value = frechet_distance(made, real[name]).value
        interval = frechet_interval(made, real[name])
        found[name] = {"value": value, "interval": [interval.low, interval.high]}
    return found


def raw_generator(run: Path, model: Model) -> Model:
    """The same model with the weights of the generator itself instead of its average."""
    checkpoint = load_checkpoint(run)
    assert checkpoint is not None
    prefix = "nets.G."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint.tensors.items() if k.startswith(prefix)}
    networks, description = load_snapshot(find_snapshot(run))
    networks["G"].load_state_dict(weights)
    return model_of(networks, description)


def row(run: Path, name: str, model: Model, weights: str, real: dict[str, Tensor]) -> dict[str, Any]:
    """What is known of one run."""
    stats = [r for r in JsonLines(run / "stats.jsonl").rows() if "event" not in r]
    last = stats[-1]
    found = distances(model.pixels(SAMPLES, seed=1), real)
    recipe = validated(model.description.recipe)
    shown = {
        key: f"{d['value']:.2f} ({d['interval'][0]:.2f} to {d['interval'][1]:.2f})"
        for key, d in found.items()
    }
    accuracy = [f"{k.removeprefix('accuracy/')} {100 * v:.0f} %" for k, v in last.items() if "accuracy" in k]
    return {
        "recipe": name,
        "weights": weights,
        "images": f"{last['images']:,}",
        "steps": f"{last['images'] // recipe.batch_size:,}",
        "minutes": round(last["seconds"] / 60, 1),
        "losses": f"{last['loss/D']:.3f} / {last['loss/G']:.3f}",
        "accuracy": ", ".join(accuracy),
        **shown,
        "measured": found,
        "score_name": "fd_pixels8",
        "text": "fd_pixels8 {:.2f}, fd_patches5 {:.2f} after {:.0f} min on one shared CPU core "
        "({} weights)".format(
            found["fd_pixels8"]["value"], found["fd_patches5"]["value"], last["seconds"] / 60, weights
        ),
    }


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--runs", type=Path, required=True)
    given = parser.parse_args()
    torch.manual_seed(0)
    train, test = (
        load_images(DataConfig(source=given.data, classes=("cat", "dog"), split=split))
        for split in ("train", "test")
    )
    real = features(np.asarray(train.images))
    null = distances(np.asarray(test.images), real)
    rows, curves = [], {}
    for name in (AS_WRITTEN, OURS):
        run = given.runs / name
        model = visavis.load(run)
        rows.append(row(run, name, model, "EMA", real))
        curves[name] = JsonLines(run / "stats.jsonl").rows()
        save_grid(ROOT / "docs" / f"{name}.png", model.pixels(64))
        if name == AS_WRITTEN:
            raw = raw_generator(run, model)
            rows.append(row(run, name, raw, "raw", real))
            save_grid(ROOT / "docs" / f"{name}-raw.png", raw.pixels(64))
    plot_comparison(curves, ROOT / "docs" / "catsdogs-curves.png", "Cats and dogs, same time", axis="seconds")
    columns = {
        "weights": "weights of G",
        "images": "images seen",
        "steps": "steps",
        "minutes": "minutes",
        "losses": "loss of D / G",
        "accuracy": "D is right",
        "fd_pixels8": "fd_pixels8",
        "fd_patches5": "fd_patches5",
    }
    shown = {k: f"{v['value']:.3f}" for k, v in null.items()}
    record = {
        "null": null,
        "reference": "CIFAR-10 train, cats and dogs, 10,000 images",
        "reference_digest": train.digest,
        "samples": SAMPLES,
        "seed": 1,
        "quantised": "uint8, rounded",
        "device": "cpu, at most one core each, both at once, other work beside",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "note": "Fréchet distances to the 10,000 training images, N = 5,000, with 95 % bootstrap intervals; "
        f"the 2,000 held-out cats and dogs have {shown['fd_pixels8']} and {shown['fd_patches5']} "
        "(at their smaller N).",
    }
    (ROOT / "results" / "catsdogs.json").write_text(
        json.dumps({"record": record, "columns": columns, "rows": rows}, indent=2, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    main()
