"""Claims of a textbook chapter on GANs, measured on 8×8 digits: which of them hold?

``python benchmarks/claims.py`` trains every side of every claim with three seeds on one thread and writes
results/claims.json after each run; what stands there already is not trained again.  ``--only NAME,…`` trains
some sides, ``--runs DIR`` keeps the runs.  ``docs/claims.md`` is made of the result by ``make table``.

The base is what the chapter teaches: convolutional networks with BatchNorm in both, the non-saturating loss,
Adam at 2e-4 with β 0.5 and 0.999, batches of 64, a step of D for each of G.
"""

import argparse
import json
import os
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import visavis
from visavis import files
from visavis.bench.pair_step import cpu_model

RESULTS = Path(__file__).parents[1] / "results/claims.json"
SEEDS = (0, 1, 2)
IMAGES = 48_000
FIGURES = ("quality", "fd_digitsr", "is_digitsr", "precision", "recall", "variety")
Row = dict[str, Any]

BASE: dict[str, object] = {
    "conditional": "false",
    "networks.G.kind": "siamese",
    "networks.G.widths": "64",
    "networks.G.z_dim": "64",
    "networks.D.head": "single",
    "networks.D.branch.kind": "siamese",
    "networks.D.branch.widths": "64",
    "networks.D.branch.features": "64",
    "objective.kind": "gan",
    "objective.joint": "false",
    "objective.r1": 0,
    "objective.r2": 0,
    "adam.G": '{"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}',
    "adam.D": '{"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}',
    "batch_size": 64,
    "average": '{"halflife": 2000}',
}
"""The chapter's GAN, as fields of the recipe ``digits``."""
LOOKS: dict[str, object] = {
    "metrics": "[]",
    "watch.every": 8_000,
    "watch.samples": 500,
    "snapshot_every": IMAGES,
}

SIDES: dict[str, dict[str, object]] = {
    "base": {},
    "five D steps": {"objective.d_steps": 5},
    "no BatchNorm in D": {"networks.D.branch.order": "act"},
    "BatchNorm of D over real and generated together": {"objective.joint": "true"},
    "batch 16": {"batch_size": 16},
    "rate of D × 4": {"adam.D": '{"lr": 8e-4, "beta1": 0.5, "beta2": 0.999}'},
    "both rates × 2": {
        "adam.G": '{"lr": 4e-4, "beta1": 0.5, "beta2": 0.999}',
        "adam.D": '{"lr": 4e-4, "beta1": 0.5, "beta2": 0.999}',
    },
    "β 0 and 0.9": {
        "adam.G": '{"lr": 2e-4, "beta1": 0.0, "beta2": 0.9}',
        "adam.D": '{"lr": 2e-4, "beta1": 0.0, "beta2": 0.9}',
    },
    "minimax": {"objective.loss": "minimax"},
    "minimax, five D steps": {"objective.loss": "minimax", "objective.d_steps": 5},
    "hinge": {"objective.loss": "hinge"},
    "no BatchNorm in D, R1 × 10": {"networks.D.branch.order": "act", "objective.r1": 20},
    "no BatchNorm in D, R1 γ 0.5": {"networks.D.branch.order": "act", "objective.r1": 0.5},
    "translated for D": {"objective.augment.policy": "translation"},
    "D steps from 5 to 1": {"objective.d_steps": '{"start": 5, "end": 1, "images": 24000}'},
    "labels 0.9 and 0.1": {"objective.real_target": 0.9, "objective.fake_target": 0.1},
    "one label in twenty flipped": {"objective.flips": 0.05},
    "decaying noise on the images": {"objective.noise": '{"start": 0.2, "end": 0, "images": 24000}'},
    "minibatch discrimination": {"networks.D.minibatch": "discrimination"},
    "WGAN, clipped": {
        "networks.D.branch.order": "act",
        "objective.loss": "wasserstein",
        "objective.d_steps": 5,
        "objective.clip": 0.01,
    },
    "WGAN, gradient penalty": {
        "networks.D.branch.order": "act",
        "objective.loss": "wasserstein",
        "objective.d_steps": 5,
        "objective.gradient_penalty": 10,
    },
    "the label 0.9 for real images only": {"objective.real_target": 0.9},
    "feature matching": {"objective.kind": "feature-matching"},
    "historical averaging": {"objective.historical": 1e-5},
    "experience replay": {"objective.pool": 256},
    "the batch's deviation for D": {"networks.D.minibatch": "stddev"},
    "no BatchNorm but spectral norm in D": {"networks.D.branch.order": "act", "networks.D.spectral": "true"},
    "no BatchNorm in D, both rates × 2": {
        "networks.D.branch.order": "act",
        "adam.G": '{"lr": 4e-4, "beta1": 0.5, "beta2": 0.999}',
        "adam.D": '{"lr": 4e-4, "beta1": 0.5, "beta2": 0.999}',
    },
    "ReLU in D": {"networks.D.branch.slope": 0},
    "rates 1e-4 and 4e-4, β 0 and 0.9": {
        "adam.G": '{"lr": 1e-4, "beta1": 0.0, "beta2": 0.9}',
        "adam.D": '{"lr": 4e-4, "beta1": 0.0, "beta2": 0.9}',
    },
    "batch 16, a quarter of the images": {"batch_size": 16},
    "dense layers only": {"networks.G": '{"kind": "mlp"}', "networks.D.branch": '{"kind": "mlp"}'},
}
"""A name -> the fields that differ from :data:`BASE`."""
LENGTHS = {"batch 16, a quarter of the images": IMAGES // 4}
"""Sides that see fewer images: as many steps as the base."""


def fields(side: str) -> dict[str, object]:
    """All fields of a side, as ``visavis train digits`` takes them; a whole network takes the place of its
    parts.
    """
    whole = [path for path in SIDES[side] if path in ("networks.G", "networks.D.branch")]
    kept = {k: v for k, v in BASE.items() if not any(k.startswith(f"{path}.") for path in whole)}
    return kept | SIDES[side]


def measure(side: str, seed: int, folder: Path) -> Row:
    """Train one side with one seed and judge it; its figures, and means of its log's first tenth and last
    quarter.
    """
    out = folder / f"{side.replace(' ', '-').replace('/', '-')}-{seed}"
    images = LENGTHS.get(side, IMAGES)
    named = {path.replace(".", "__"): value for path, value in (fields(side) | LOOKS).items()}
    done = visavis.train("digits", out, images=images, device="cpu", seed=seed, **named)
    found = visavis.evaluate(out, device="cpu")
    stats = files.JsonLines(out / "stats.jsonl").rows()
    rows = [row for row in stats if "event" not in row]
    last = [row for row in rows if row["images"] > 0.75 * images]
    first = [row for row in rows if row["images"] <= 0.1 * images]
    names = ("loss/G", "loss/D", "grad_norm/G", "accuracy/fake", "accuracy/real")
    watched = files.JsonLines(out / "metrics.jsonl").rows()
    return {
        "side": side,
        "seed": seed,
        "images": done["images"],
        "seconds": done["seconds"],
        **{name: found[name]["value"] for name in FIGURES},
        "missing": len(found["classes"].get("missing", [])),
        "first": _means(first, names),
        "last": _means(last, names),
        "over_time": [
            {"images": row["images"], "fd": row["fd_digitsr"], **_losses(stats, row["images"])}
            for row in watched
        ],
    }


def _means(rows: list[Row], names: tuple[str, ...]) -> Row:
    known = {name: [row[name] for row in rows if row.get(name) is not None] for name in names}
    return {name: statistics.fmean(values) for name, values in known.items() if values}


def _losses(stats: list[Row], images: int) -> Row:
    row = min((r for r in stats if "loss/G" in r), key=lambda r: abs(r["images"] - images))
    return {"G": row["loss/G"], "D": row["loss/D"]}


def of_real_images() -> list[Row]:
    """What figures say of real digits from which something was taken: no training, three draws."""
    from visavis.data import DataConfig, load
    from visavis.data.write import write_images

    data = load(DataConfig(source="digits"))
    images, labels = np.asarray(data.images), np.asarray(data.labels)
    found = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(images))
        draws = {
            "all ten digits": order[:500],
            "five of ten digits": order[labels[order] < 5][:500],
            "one picture a digit": np.resize([order[labels[order] == c][0] for c in range(10)], 500),
            "100 images": order[:100],
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, rows in draws.items():
                path = Path(folder) / "images.npz"
                write_images(path, images[rows], labels[rows], data.classes)
                told = visavis.evaluate(path, "digits", device="cpu", seed=seed)
                figures = {key: told[key]["value"] for key in FIGURES if key in told}
                found.append({"side": name, "seed": seed, "images": len(rows), **figures})
    return found


def record() -> Row:
    """With what it was measured."""
    return {
        "recipe": "digits",
        "base": {name: str(value) for name, value in BASE.items()},
        "images": IMAGES,
        "seeds": list(SEEDS),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "judged": "359 images (EMA) against the 1,438 training digits, features digitsr",
    }


def main() -> None:
    """Measure what is missing in results/claims.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="sides, separated by semicolons")
    parser.add_argument("--runs", type=Path, help="keep the runs here")
    given = parser.parse_args()
    torch.set_num_threads(1)
    sides = given.only.split(";") if given.only else list(SIDES)
    found: Row = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": [], "real": []}
    if not found["real"]:
        found["real"] = of_real_images()
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            for side in sides:
                if any((row["side"], row["seed"]) == (side, seed) for row in found["rows"]):
                    continue
                row = measure(side, seed, given.runs or Path(folder))
                row["changes"] = {name: str(value) for name, value in SIDES[side].items()}
                found["rows"].append(row)
                files.write_json(RESULTS, {"record": record(), **{k: found[k] for k in ("rows", "real")}})
                print(f"{side} ({seed}): fd {row['fd_digitsr']:.3g}, {row['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
