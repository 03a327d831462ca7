"""The catalogue on MNIST: every recipe for the same seconds of training on one core, judged alike.

``python benchmarks/catalogue.py`` trains the recipes named ``…-mnist`` (or those that are given) one after
the other, judges each with ``mnistr``, and keeps a small sheet of each; to results/catalogue.json and
docs/catalogue/.  Rows that stand there with the same seconds are kept, so that it can be stopped and gone on
with.
"""

import argparse
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from command import visavis
from tables import ROOT

FILE, SHEETS = ROOT / "results/catalogue.json", ROOT / "docs/catalogue"
SHOWN = 40
"""Images of a sheet, in rows of ten: of a conditional run a column a class."""


def measured(name: str, seconds: float, folder: Path) -> dict[str, Any]:
    """A row: what was trained, how good it is."""
    run = folder / name
    row: dict[str, Any] = {"recipe": name}
    try:
        trained = visavis(
            "train", name, "--out", run, "--time", f"{seconds}s", "--threads", 1, "--metrics", ""
        )
    except RuntimeError as error:
        return row | {"failed": str(error)}
    row |= {key: trained[key] for key in ("images", "seconds", "images_per_second")}
    guard = trained.get("guard") or {}
    row |= {
        key: guard[key] for key in ("steering", "steering_interval", "variety", "warnings") if key in guard
    }
    judged = visavis("evaluate", run, "-n", 2_000, "--features", "mnistr", *resize(name))
    row["quality"] = {key: judged["quality"][key] for key in ("value", "interval")}
    row["fd_mnistr"] = {key: judged["fd_mnistr"][key] for key in ("value", "interval", "null")}
    row["recall"] = {key: judged["recall"][key] for key in ("value", "null")}
    keep_sheet(run, name)
    return row


def resize(name: str) -> list[str]:
    """Recipes of 32×32 are judged at mnistr's 28×28, their reference too."""
    from visavis.recipes import get

    return [] if get(name).data.resolution in (None, 28) else ["--resize", "bicubic-pil"]


def keep_sheet(run: Path, name: str) -> None:
    """A small picture of its samples."""
    from visavis import load
    from visavis.report.grids import save_grid

    SHEETS.mkdir(exist_ok=True)
    save_grid(SHEETS / f"{name}.png", load(run).pixels(SHOWN, seed=1), columns=10, scale=2)


def main() -> None:
    """One recipe after the other; each is written at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    from visavis.bench.pair_step import cpu_model
    from visavis.recipes import RECIPES

    found = json.loads(FILE.read_text()) if FILE.exists() else {"rows": []}
    if found.get("record", {}).get("seconds") != given.seconds:
        found = {"rows": []}
    names = [name for name in RECIPES if name.endswith("mnist") and name != "stacked-mnist"]
    for name in given.names or names:
        if any(row["recipe"] == name for row in found["rows"]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            found["rows"].append(measured(name, given.seconds, Path(folder)))
        found["record"] = {
            "seconds": given.seconds,
            "threads": 1,
            "cores": os.cpu_count(),
            "cpu": cpu_model(),
            "torch": torch.__version__,
            "seed": 0,
            "samples": 2_000,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        FILE.write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps(found["rows"][-1]), flush=True)


if __name__ == "__main__":
    main()
