"""The literature's benchmark at its full length: recipe ``stacked-mnist``, 1,000 modes, KL to uniform.

``python benchmarks/stacked_mnist.py --run DIR`` trains it in DIR on one thread, or goes on with it (an
hour of one core), counts the modes of the snapshots that are kept, and writes results/stacked-mnist.json.
"""

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from command import visavis
from tables import ROOT, results, table

FILE = ROOT / "results/stacked-mnist.json"
SAMPLES, SEED = 25_600, 1
PUBLISHED = ("RpGAN + R1 + R2 (Huang et al. 2024)", 1_000, 0.078)
METRIC = "stacked-mnist-modes"


def counted(run: Path, images: int | None = None) -> dict[str, Any]:
    """Modes and KL of the averaged weights, after so many images (None: at the end)."""
    from visavis import load
    from visavis.metrics import METRICS

    model = load(run if images is None else f"{run}@{images}")
    pixels = torch.from_numpy(model.pixels(SAMPLES, seed=SEED))
    return {"images": images, **METRICS[METRIC](pixels)}


def last_row(run: Path) -> dict[str, Any] | None:
    """The newest row of its log; None where nothing was trained."""
    log = run / "stats.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return next((row for row in reversed(rows) if "seconds" in row), None)


def main() -> None:
    """Train, count, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    from visavis import __version__
    from visavis.bench.pair_step import cpu_model
    from visavis.recipes import get

    last = last_row(given.run)
    if last is None or last["images"] < get("stacked-mnist").images:
        visavis("train", "stacked-mnist", "--out", given.run, "--threads", 1, "--metrics", "")
        last = last_row(given.run)
    assert last is not None
    kept = sorted(int(path.stem) for path in (given.run / "snapshots").glob("*.safetensors"))
    found = {
        "recipe": json.loads((given.run / "recipe.json").read_text())["recipe"],
        "images": last["images"],
        "seconds": last["seconds"],
        "threads": 1,
        "cpu": cpu_model(),
        "torch": torch.__version__,
        "visavis": __version__,
        "samples": SAMPLES,
        "seed": SEED,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "curve": [counted(given.run, images) for images in kept],
    }
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["curve"][-1]))


def stacked_mnist() -> str:
    """The table of docs/pair-game.md."""
    found = results("stacked-mnist")
    if found is None:
        return "Not measured yet."
    rows = [
        [f"`stacked-mnist`, {look['images']:,} images", f"{look['modes']:,}", f"{look['kl']:.3f}"]
        for look in found["curve"]
    ]
    name, modes, kl = PUBLISHED
    rows.append([name, f"{modes:,}", f"{kl:.3f}"])
    rows.append([f"a perfect sampler, {found['samples']:,} images", "1,000", f"{look_uniform(found):.3f}"])
    note = (
        f"{found['seconds'] / 60:.0f} minutes on one thread of one {found['cpu']}, beside other programs; "
        f"one seed; {found['samples']:,} samples of the averaged weights; torch {found['torch']}, "
        f"{found['date']}; `python benchmarks/stacked_mnist.py --run DIR`."
    )
    return f"{table(['', 'modes', 'KL'], rows)}\n\n{note}"


def score() -> dict[str, str] | None:
    """What `visavis recipes` shows."""
    found = results("stacked-mnist")
    if found is None:
        return None
    last = found["curve"][-1]
    text = (
        f"{last['modes']:,} of 1,000 modes, KL {last['kl']:.3f} (a perfect sampler "
        f"{look_uniform(found):.3f}); {found['images']:,} images, "
        f"{found['seconds'] / 60:.0f} min on one CPU core"
    )
    return {"name": "modes", "text": text, "source": "results/stacked-mnist.json"}


def look_uniform(found: dict[str, Any]) -> float:
    """The KL that as many images have of a uniform draw."""
    return float(found["curve"][-1]["kl_uniform"])


TABLES = {"stacked-mnist": stacked_mnist}

if __name__ == "__main__":
    main()
