"""Drifting on pixels or on features, by affinities or by plans of transport, for the same processor time.

``python benchmarks/drifting.py --seconds 90`` trains the recipe ``drifting-mnist`` in four ways on one core,
each for as many images as it does in so many seconds of one processor, and judges all in representations in
which none was trained; results/drifting.json.  Ways that stand there with the same seconds are kept.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from catalogue import OWN
from command import visavis
from tables import ROOT, results, table

FILE = ROOT / "results/drifting.json"
WAYS = [(features, coupling) for features in ("pixels", "mnistr") for coupling in ("softmax", "sinkhorn")]
JUDGES = {"digitsr": f"{OWN}:otherdigits", "pixels": f"{OWN}:pixels", "mnistr": "mnistr"}
"""Name -> ``--features``; the first saw nothing that any way was trained in, and is the judge."""
SAMPLES = 2_000
STEPS = 6
"""That are timed of each way, after one."""


def drifting() -> str:
    """The table of docs/pair-game.md."""
    found = results("drifting")
    rows = []
    for row in found["rows"]:
        cells = [_told(row["fd"][name]) + _flag(row, name) for name in JUDGES]
        class_share = "" if row["steering"] is None else f"{row['steering']:.0%}"
        rows.append([row["features"], row["coupling"], f"{row['images']:,}", *cells, class_share])
    record, null = found["record"], found["rows"][0]["fd"]
    nulls = ", ".join(f"{name} {null[name]['null']:.3g}" for name in JUDGES)
    note = (
        f"\n\nRecipe `drifting-mnist`, {found['seconds']:g} s of one processor each, as images, one seed; "
        f"{record['samples']:,} samples. Fréchet distances with their intervals; * was trained in these "
        f"features, which says nothing. Real digits have {nulls}. One core of one {record['cpu']}, torch "
        f"{record['torch']}, {record['date']}; `python benchmarks/drifting.py`."
    )
    header = ["field of", "coupling", "images", *(f"`fd_{name}`" for name in JUDGES), "in the asked class"]
    return table(header, rows) + note


def _told(figure: dict[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.3g} ({low:.3g} to {high:.3g})"


def _flag(row: dict[str, Any], judge: str) -> str:
    return "*" if row["features"] == judge else ""


def images_in(seconds: float, features: str, coupling: str) -> int:
    """The images of one way in ``seconds`` of a processor, told by some steps."""
    from visavis.objectives import Drifting
    from visavis.recipes import get
    from visavis.runs.build import prepare
    from visavis.runs.settle import settled
    from visavis.training.loop import train

    base = get("drifting-mnist")
    objective = Drifting.model_validate({"features": features, "coupling": coupling})
    recipe = settled(base.model_copy(update={"objective": objective}), None, torch.device("cpu"))
    _, state, batches = prepare(recipe, torch.device("cpu"))
    spent = 0.0
    for steps in (1, STEPS):  # the first is a warm-up
        began = time.process_time()
        until = state.images + steps * recipe.batch_size
        list(train(state, recipe.objective, batches, recipe.schedule(), until))
        spent = time.process_time() - began
    return round(seconds * STEPS * recipe.batch_size / spent)


def measured(features: str, coupling: str, images: int, run: Path) -> dict[str, Any]:
    """Train and judge one way."""
    chosen = ("--objective.features", features, "--objective.coupling", coupling)
    words = ("--images", images, "--threads", 1, "--judged", "false", "--metrics", "")
    done = visavis("train", "drifting-mnist", "--out", run, *chosen, *words)
    found = visavis("evaluate", run, "-n", SAMPLES, "--features", ",".join(JUDGES.values()))
    distances = {}
    for short, name in JUDGES.items():
        figure = found["other_features"].get(name, found)[f"fd_{name}"]
        distances[short] = {key: figure[key] for key in ("value", "interval", "null")}
    return {
        "features": features,
        "coupling": coupling,
        "images": done["images"],
        "fd": distances,
        "steering": done["guard"].get("steering"),  # by mnistr, so not where that was trained in
        "trained_in": found["record"]["trained_in"],
    }


def main() -> None:
    """One way after the other; each is written at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=90.0, help="of one processor, each")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    from visavis import files
    from visavis.bench.pair_step import cpu_model

    found = json.loads(FILE.read_text()) if FILE.exists() else {}
    if found.get("seconds") != given.seconds:
        found = {"seconds": given.seconds, "rows": []}
    for features, coupling in WAYS:
        if any((row["features"], row["coupling"]) == (features, coupling) for row in found["rows"]):
            continue
        images = images_in(given.seconds, features, coupling)
        with tempfile.TemporaryDirectory() as work:
            row = measured(features, coupling, images, Path(work) / "run")
        found["rows"].append(row)
        found["record"] = {
            "samples": SAMPLES,
            "cpu": cpu_model(),
            "torch": torch.__version__,
            "seed": 0,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        files.write_json(FILE, found)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
