"""Does a generator help a classifier that has few labels?  MNIST with 10, 20 and 50 real digits a class.

``python benchmarks/augment_classifier.py`` takes so many labelled digits, trains the recipe ``mnist`` on
*them alone*, and a small convolutional classifier on the real ones, on the real ones shifted and turned, on
batches of which half are generated, and on both; each for the same number of steps; five draws of the real
ones.  Error on MNIST's 10,000 test digits; results/augment-classifier.json.
"""

import argparse
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tables import ROOT, results, table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import visavis
from visavis import files
from visavis.bench.pair_step import cpu_model
from visavis.data import DataConfig, load
from visavis.data.operations import rotate, translate
from visavis.data.pixels import to_float

RESULTS = ROOT / "results/augment-classifier.json"
SIZES, SEEDS = (10, 20, 50), (0, 1, 2, 3, 4)
WAYS = {
    "real": (False, False),
    "real, shifted and turned": (True, False),
    "real and generated": (False, True),
    "both": (True, True),
}
"""A name -> whether images are moved, and whether half of a batch is generated."""
STEPS, BATCH = 600, 64
Row = dict[str, Any]


def classifier() -> nn.Module:
    """Two convolutions and two dense layers, 28×28×1 -> 10."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(32 * 49, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10)),
    )


def fitted(
    real: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor] | None, moved: bool, seed: int
) -> nn.Module:
    """A classifier after :data:`STEPS` steps; half of each batch is generated where there are any."""
    torch.manual_seed(seed)
    network, draws = classifier(), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-3)
    parts = [(real, BATCH)] if made is None else [(real, BATCH // 2), (made, BATCH // 2)]
    for step in range(STEPS):
        chosen = [(part, torch.randint(len(part[1]), (n,), generator=draws)) for part, n in parts]
        x = torch.cat([to_float(part[0][index]) for part, index in chosen])
        y = torch.cat([part[1][index] for part, index in chosen])
        if moved:
            x = rotate(x + 1, (torch.rand(len(x), generator=draws) - 0.5) * 0.5) - 1
            down, right = torch.randint(-2, 3, (2, len(x)), generator=draws)
            x = translate(x + 1, down, right) - 1
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / STEPS)
        optimiser.zero_grad()
        cross_entropy(network(x), y).backward()
        optimiser.step()
    return network.eval()


@torch.no_grad()
def error(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share that is named wrongly."""
    named = torch.cat([network(to_float(part)).argmax(1) for part in x.split(1000)])
    return float((named != y).double().mean())


def drawn(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], a_class: int, seed: int) -> np.ndarray[Any, Any]:
    """Indices of so many images of each class."""
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.choice(np.flatnonzero(y == k), a_class, replace=False) for k in range(10)])


def generated(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], images: int, n: int, seed: int, place: Path
) -> tuple[Tensor, Tensor]:
    """``n`` images of a generator that saw ``x, y`` alone, and what it was asked for."""
    np.savez(place / "few.npz", images=x, labels=y, classes=np.array([str(k) for k in range(10)]))
    visavis.train(
        "mnist",
        place / "run",
        data=place / "few.npz",
        images=images,
        seed=seed,
        device="cpu",
        fresh=True,
        objective__augment__policy="translation",
        snapshot_every=images,
    )
    model = visavis.load(place / "run")
    return tensors(model.pixels(n, seed=7)), torch.arange(n) % 10


def tensors(x: np.ndarray[Any, Any]) -> Tensor:
    """uint8 ``[N, 28, 28, 1] -> [N, 1, 28, 28]``."""
    return torch.from_numpy(np.array(x)).permute(0, 3, 1, 2)


def augmenting() -> str:
    """The table of docs/catalogue.md."""
    found = results("augment-classifier")
    rows = []
    for size in SIZES:
        cells = []
        for way in WAYS:
            errors = [100 * row["errors"][way] for row in found["rows"] if row["a_class"] == size]
            cells.append(f"{statistics.median(errors):.1f} ({min(errors):.1f} to {max(errors):.1f})")
        rows.append([f"{size}", *cells])
    record = found["record"]
    draws = len({row["seed"] for row in found["rows"]})
    note = (
        f"\n\nError in % on the 10,000 test digits, median (range) of {draws} draw(s); the generator, "
        f"{record['images']:,} images of training, saw the same few digits. One core of one {record['cpu']}, "
        f"torch {record['torch']}, {record['date']}; `python benchmarks/augment_classifier.py`."
    )
    return table(["real digits a class", *WAYS], rows) + note


def main() -> None:
    """Train all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="ylecun/mnist", help="MNIST, as visavis train takes it")
    parser.add_argument("--images", type=int, default=24_000, help="of the generator's training")
    parser.add_argument("--made", type=int, default=2_000, help="generated images")
    given = parser.parse_args()
    torch.set_num_threads(1)
    train, test = (load(DataConfig(source=given.data, split=split)) for split in ("train", "test"))
    x, y = np.asarray(train.images), np.asarray(train.labels)
    held_out = tensors(np.asarray(test.images)), torch.from_numpy(np.array(test.labels))
    rows: list[Row] = files.read_json(RESULTS)["rows"] if RESULTS.exists() else []
    for seed in SEEDS:
        for size in SIZES:
            if any((row["seed"], row["a_class"]) == (seed, size) for row in rows):
                continue
            chosen = drawn(x, y, size, seed)
            real = tensors(x[chosen]), torch.from_numpy(y[chosen])
            with tempfile.TemporaryDirectory() as name:
                made = generated(x[chosen], y[chosen], given.images, given.made, seed, Path(name))
            errors = {
                way: error(fitted(real, made if more else None, moved, seed), *held_out)
                for way, (moved, more) in WAYS.items()
            }
            rows.append({"seed": seed, "a_class": size, "errors": errors})
            record = {
                "images": given.images,
                "made": given.made,
                "steps": STEPS,
                "cpu": cpu_model(),
                "torch": torch.__version__,
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
            }
            files.write_json(RESULTS, {"record": record, "rows": rows})
            print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
