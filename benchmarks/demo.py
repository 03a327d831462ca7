"""README's picture and what is said of it: what `make demo` trains, judged, and drawn beside real digits.

``python benchmarks/demo.py [--run FOLDER]`` trains the default recipe for 200 s; to results/demo.json and
docs/mnist.png.
"""

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from command import visavis
from PIL import Image
from tables import ROOT

import visavis as project
from visavis.bench.pair_step import cpu_model
from visavis.data.mnist import mnist
from visavis.report.grids import save_grid

TRAIN = ("train", "mnist", "--fresh", "--time", "200s")
SAMPLES, MADE, REAL, SCALE, GAP = 2_000, 8, 3, 3, 45
FIGURES = ("quality", "fd_mnistr", "precision", "recall", "coverage", "variety")
KEPT = ("value", "interval", "null", "fidelity", "diversity", "classes")


def draw(run: Path, out: Path, folder: Path) -> None:
    """A row a class: samples, and at the right real ones of the embedded set."""
    model = project.load(run)
    images, labels = mnist("train")
    made = np.concatenate([model.pixels(MADE, label=k, seed=0) for k in range(10)])
    real = np.concatenate([images[labels == k][:REAL] for k in range(10)])
    sides = []
    for name, pixels, columns in (("made", made, MADE), ("real", real, REAL)):
        save_grid(folder / f"{name}.png", pixels, columns=columns, scale=SCALE)
        sides.append(Image.open(folder / f"{name}.png").convert("L"))
    left, right = sides
    sheet = Image.new("L", (left.width + GAP + right.width, left.height), 255)
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + GAP, 0))
    sheet.save(out)


def main() -> None:
    """Train, judge, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    run = parser.parse_args().run
    trained = visavis(*TRAIN, "--out", run)
    judged = visavis("evaluate", run, "-n", SAMPLES)
    result = {
        "command": f"visavis {' '.join(TRAIN)}",
        **{name: trained[name] for name in ("images", "seconds", "threads")},
        **{name: trained["guard"][name] for name in ("steering", "steering_interval", "variety")},
        "evaluation": {
            name: {key: judged[name][key] for key in KEPT if key in judged[name]} for name in FIGURES
        },
        "samples": SAMPLES,
        "seed": 0,
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "torch": torch.__version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    (ROOT / "results/demo.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(run, ROOT / "docs/mnist.png", run)


if __name__ == "__main__":
    main()
