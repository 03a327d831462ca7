"""R1 and R2 by finite differences instead of a second derivative: costs in quality, gains in speed.

``python benchmarks/finite.py`` trains the recipe ``mnist`` with exact penalties and with
``objective.finite``, in turn, two seeds, on one thread (``OMP_NUM_THREADS=1``); results/finite.json.
"""

import argparse
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from tables import ROOT, results, table

import visavis
from visavis import files
from visavis.bench.pair_step import cpu_model

RESULTS = ROOT / "results/finite.json"
WAYS: dict[str, dict[str, object]] = {
    "exact, every step": {"objective__penalty_every": 1},
    "finite, every step": {"objective__penalty_every": 1, "objective__finite": 0.01},
    "exact, every 4th step": {},
    "finite, every 4th step": {"objective__finite": 0.01},
}
Row = dict[str, Any]


def finite() -> str:
    """The table of docs/pair-game.md."""
    found = results("finite")
    rows = []
    for way in WAYS:
        mine = [row for row in found["rows"] if row["way"] == way]
        rows.append([way, *(_told(mine, key, form) for key, form in FIGURES.items())])
    record = found["record"]
    note = (
        f"\n\nRecipe `mnist`, {record['images']:,} images, {len(record['seeds'])} seed(s), beside other "
        f"programs; one core of one {record['cpu']}, torch {record['torch']}, {record['date']}; "
        "`python benchmarks/finite.py`."
    )
    return table(["R1 and R2", "images a second", "`fd_mnistr`", "quality", "recall"], rows) + note


FIGURES = {"images_per_second": ".0f", "fd_mnistr": ".2f", "quality": ".0f", "recall": ".2f"}


def _told(rows: list[Row], key: str, form: str) -> str:
    values = [row[key] for row in rows]
    middle = f"{statistics.median(values):{form}}"
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    """Train in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=16_000)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    for seed in range(given.seeds):
        for way, changes in WAYS.items():
            with tempfile.TemporaryDirectory() as name:
                run = Path(name) / "run"
                done = visavis.train("mnist", run, images=given.images, seed=seed, device="cpu", **changes)
                judged = visavis.evaluate(run, n=5000, device="cpu")
            figures = {key: judged[key]["value"] for key in ("fd_mnistr", "quality", "recall")}
            rows.append({"way": way, "seed": seed, "images_per_second": done["images_per_second"], **figures})
            print(rows[-1], flush=True)
            record = {
                "images": given.images,
                "seeds": list(range(seed + 1)),
                "cpu": cpu_model(),
                "torch": torch.__version__,
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
            }
            files.write_json(RESULTS, {"record": record, "rows": rows})


if __name__ == "__main__":
    main()
