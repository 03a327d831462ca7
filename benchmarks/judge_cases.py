"""A good, a memorising and a collapsed generator of digits before the judge: figures and sample sheets.

``OMP_NUM_THREADS=1 python benchmarks/judge_cases.py --runs runs/judge`` trains the good and the collapsed one
(a few minutes; a run that is there already is used), judges each by as many images as there are held-out
digits, and writes results/judge-cases.json and docs/judge-*.png.
"""

import argparse
import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import visavis
from visavis.data.digits import digits
from visavis.judge.evaluate import Options, evaluate
from visavis.report.grids import save_grid

ROOT = Path(__file__).parents[1]
JITTER = 8
"""The memorising generator moves each pixel by at most so many grey levels of 255."""
SHOWN, COLUMNS, SCALE = 36, 6, 5

RATE = '{"lr": {"start": 2e-3, "end": 1e-4, "images": 300000}, "beta1": 0.0, "beta2": 0.99}'
TRAINED: dict[str, dict[str, str]] = {
    "good": {"images": "200000", "adam.G": RATE, "adam.D": RATE},
    "collapsed": {
        "images": "18560",
        "conditional": "false",
        "average.halflife": "200",
        "networks.D.head": "single",
        "objective": '{"kind": "gan", "r1": 0, "r2": 0, "g_steps": 4}',
        "adam.G": '{"lr": 2e-3, "beta1": 0.9, "beta2": 0.999}',
        "adam.D": '{"lr": 1e-3, "beta1": 0.9, "beta2": 0.999}',
    },
}
ABOUT = {
    "good": "the recipe `digits` at a rate of 2e-3, 200,000 images seen",
    "memorising": f"training digits drawn at random, each pixel moved by up to {JITTER} grey levels",
    "collapsed": "an ordinary discriminator without penalties, four steps of G for each of D, momentum "
    "0.9, 18,560 images seen",
}


def train(name: str, folder: Path) -> Path:
    """The run of a case, trained unless it is there."""
    run = folder / name
    words = [word for path, value in TRAINED[name].items() for word in (f"--{path}", value)]
    command = [sys.executable, "-m", "visavis", "train", "digits", "--device", "cpu", "--out", str(run)]
    subprocess.run([*command, "--seed", "0", *words], check=True)
    return run


def memorise(folder: Path) -> Path:
    """What a generator that only knows its training images makes, as an ``.npz``."""
    images, labels = digits("train")
    random = np.random.default_rng(0)
    chosen = random.choice(len(images), len(digits("test")[0]), replace=False)
    moved = images[chosen].astype(int) + random.integers(-JITTER, JITTER + 1, (len(chosen), 8, 8, 1))
    path = folder / "memorising.npz"
    np.savez(path, images=moved.clip(0, 255).astype(np.uint8), labels=labels[chosen])
    return path


def judged(given: Path, options: Options) -> tuple[dict[str, Any], np.ndarray]:
    """All figures of a case, without long lists, and the images to be shown."""
    found = evaluate(given, options)
    result = found.result
    for name in ("per_class", "label_accuracy"):
        result.pop(name, None)
    result["birthday"].pop("closest")
    result["diversity"].pop("by_class", None)
    result["memorisation"]["exact_duplicates"].pop("pairs")
    return result, np.array(found.made.read(np.arange(SHOWN)))


def main() -> None:
    """Train, judge, draw, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "judge")
    folder = parser.parse_args().runs
    folder.mkdir(parents=True, exist_ok=True)
    given = {
        "good": train("good", folder),
        "memorising": memorise(folder),
        "collapsed": train("collapsed", folder),
    }
    n = len(digits("test")[0])
    cases = {}
    for name, source in given.items():
        result, images = judged(source, Options(reference="digits", n=n))
        result["record"]["source"] = name
        cases[name] = {"about": ABOUT[name], "result": result, "settings": TRAINED.get(name)}
        save_grid(ROOT / "docs" / f"judge-{name}.png", images, COLUMNS, SCALE)
    order = np.random.default_rng(0).permutation(n)[:SHOWN]
    save_grid(ROOT / "docs" / "judge-held-out.png", digits("test")[0][order], COLUMNS, SCALE)
    record = {
        "images_each": n,
        "reference": "the 1,438 training digits, features of digitsr",
        "command": "OMP_NUM_THREADS=1 python benchmarks/judge_cases.py",
        "machine": platform.machine(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    path = ROOT / "results" / "judge-cases.json"
    path.write_text(json.dumps({"record": record, "cases": cases}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
