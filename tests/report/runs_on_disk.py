"""Runs that nobody trained: the files that a report reads, written by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from visavis.report.grids import save_grid

RECIPE = {
    "name": "digits",
    "about": "made by hand",
    "data": {"source": "digits"},
    "networks": {"G": {}, "D": {}},
}


def sheet(seed: int, side: int = 28, n: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (n, side, side, 1), dtype=np.uint8)


def make_run(folder: Path, ticks: int = 100, sheets: int = 20, side: int = 28, **recipe: Any) -> Path:
    """A run of ``ticks`` rows and ``sheets`` sheets of samples."""
    (folder / "samples").mkdir(parents=True)
    data = {"name": "digits", "images": 1438, "channels": 1, "resolution": side}
    told = {"recipe": RECIPE | recipe, "data": data, "init": None, "version": "0.1.0", "torch": "2"}
    (folder / "recipe.json").write_text(json.dumps(told))
    rng = np.random.default_rng(0)
    with (folder / "stats.jsonl").open("w") as file:
        for tick in range(1, ticks + 1):
            row = {
                "images": 1000 * tick,
                "seconds": 2.0 * tick,
                "images_per_second": 500.0,
                "loss/D": 1.3 / tick + 0.1 * rng.random(),
                "loss/G": 0.7 + 0.1 * rng.random(),
                "accuracy/unlike": 0.5 + 0.4 * tick / ticks,
                "grad_norm/G": 10.0 ** -(tick / 50),
            }
            file.write(json.dumps(row) + "\n")
    for i in range(sheets):
        save_grid(folder / "samples" / f"{i * 5000:012d}.png", sheet(i, side))
    save_grid(folder / "real.png", sheet(99, side))
    return folder


def result(fd: float = 5.0, recall: float = 0.3, **record: Any) -> dict[str, Any]:
    """What ``visavis evaluate --out`` writes, the figures that a report looks for."""
    told = {
        "protocol": 1,
        "features": "digitsr",
        "features_sha256": "0" * 64,
        "images": 359,
        "weights": "ema",
    }
    more = {"reference": "digits", "reference_images": 1438, "split": "train", "held_out": "test"}
    seen = {"null_images": 359, "source": "a", "seed": 0, "seconds": 5.0, "trained_images": 100_000}
    return {
        "quality": {"value": 41.0, "interval": [38.0, 44.0], "null": 100.0},
        "fd_digitsr": {"value": fd, "interval": [fd - 1, fd + 1], "null": 0.1},
        "precision": {"value": 0.8, "interval": [0.75, 0.85], "null": 0.83},
        "recall": {"value": recall, "interval": [recall - 0.05, recall + 0.05], "null": 0.9},
        "warnings": ["few images"],
        "record": told | more | seen | record,
    }
