"""The catalogue on MNIST: every recipe for the same processor time on one core, judged alike.

``python benchmarks/catalogue.py --seconds 600`` trains the recipes named ``…-mnist`` (or those that are
given) one after the other, judges each in several representations of its digits, and keeps a small sheet of
each; to results/catalogue.json and docs/catalogue/, or where ``--out`` and ``--sheets`` say.  Lengths are
images: as many as a recipe trains in so many seconds of one processor, told by some steps of each, so that
other programs take nothing from any of them.  Rows that stand there with the same seconds are kept,
others until their recipe has a new one, so that
it can be stopped and gone on with; with ``--work`` runs are kept too, and one that was stopped is gone on
with.  A row that failed is tried again where its recipe is named.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from command import visavis
from tables import ROOT

FILE, SHEETS = ROOT / "results/catalogue.json", ROOT / "docs/catalogue"
SAMPLES = 2_000
SHOWN = 40
"""Images of a sheet, in rows of ten: of a conditional run a column a class."""
ROUNDS = 3
"""Times that every recipe's steps are timed, all in turn; the fastest tells its rate."""
OWN = ROOT / "benchmarks/representations.py"
REPRESENTATIONS = {
    "mnistr": "mnistr",
    "digitsr": f"{OWN}:otherdigits",
    "cifar10r": "cifar10r",
    "cifar10s": "cifar10s",
    "untrained": f"{OWN}:untrained",
    "pixels": f"{OWN}:pixels",
}
"""Name -> ``--features``; the first gives all figures, the others their distances.

Classifiers of these digits, of other digits and of photos; a self-supervised network of photos; a network
that never learned; nothing but pixels.
"""
DISTANCES = ("fd", "kd", "swd")
NUMBERS = ("value", "interval", "null")


def measured(name: str, images: int, run: Path, sheets: Path) -> dict[str, Any]:
    """A row: what was trained, how good it is; or at which of the two it failed, and why."""
    row: dict[str, Any] = {"recipe": name}
    try:
        row |= trained(name, images, run)
        row |= judged(name, run)
        keep_sheet(run, sheets / f"{name}.png")
    except Exception as error:  # whatever it was, the other recipes are measured
        row["failed"] = f"{error}" or type(error).__name__
    return row


def trained(name: str, images: int, run: Path) -> dict[str, Any]:
    """Train, and what is told of it.  ``processor_seconds`` are of the whole command."""
    began = _children()
    found = visavis("train", name, "--out", run, "--images", images, "--threads", 1, "--metrics", "")
    spent = {"processor_seconds": round(_children() - began, 1)}
    kept = {key: found[key] for key in ("images", "seconds", "images_per_second")}
    guard = found.get("guard") or {}
    told = ("steering", "steering_interval", "variety", "warnings")
    return kept | spent | {key: guard[key] for key in told if key in guard}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def judged(name: str, run: Path) -> dict[str, Any]:
    """Quality and recall in the first representation, and the distances in each."""
    features = ",".join(REPRESENTATIONS.values())
    found = visavis("evaluate", run, "-n", SAMPLES, "--features", features, *resize(name))
    return {
        "quality": _numbers(found["quality"], "value", "interval"),
        "fd_mnistr": _numbers(found["fd_mnistr"], *NUMBERS),
        "recall": _numbers(found["recall"], "value", "null"),
        "features": by_representation(found),
    }


def by_representation(found: Mapping[str, Any]) -> dict[str, Any]:
    """``{"pixels": {"fd": {"value", "interval", "null"}, "kd": …, "swd": …, "sha256": …}, …}``."""
    others = found["other_features"]
    rows = {}
    for short, name in REPRESENTATIONS.items():
        part = others.get(name, found)
        figures = {each: _numbers(part[f"{each}_{name}"], *NUMBERS) for each in DISTANCES}
        rows[short] = {**figures, "sha256": part["record"]["features_sha256"]}
    return rows


def _numbers(figure: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: figure[key] for key in names}


def resize(name: str) -> list[str]:
    """Recipes of 32×32 are judged at mnistr's 28×28, their reference too."""
    from visavis.recipes import get

    return [] if get(name).data.resolution in (None, 28) else ["--resize", "bicubic-pil"]


def keep_sheet(run: Path, path: Path) -> None:
    """A small picture of its samples."""
    from visavis import load
    from visavis.report.grids import save_grid

    path.parent.mkdir(parents=True, exist_ok=True)
    save_grid(path, load(run).pixels(SHOWN, seed=1), columns=10, scale=2)


def lengths(names: Sequence[str], seconds: float) -> dict[str, int]:
    """The images that each recipe trains in so many seconds of one processor."""
    found: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name in names:
            try:
                found[name] = max(found.get(name, 0), length(name, seconds))
            except Exception as error:  # its training will say so too, in its row
                print(f"{name}: {error}", file=sys.stderr, flush=True)
    return found


def length(name: str, seconds: float) -> int:
    """The images of one recipe; of one that grows, stage by stage, each in the time of its middle."""
    from visavis.recipes import get
    from visavis.runs.settle import settled

    recipe = settled(get(name), None, torch.device("cpu"))
    stage = getattr(recipe.networks["G"], "stage_images", None)
    return images_in(seconds, lambda seen: seconds_an_image(recipe, seen), stage)


def images_in(seconds: float, an_image: Callable[[int], float], stage: int | None) -> int:
    """Images in ``seconds``, where one takes ``an_image(seen before)``, which changes every ``stage``."""
    if stage is None:
        return round(seconds / an_image(0))
    images, left = 0, seconds
    while left > 0:
        each = an_image(images + stage // 2)
        images += round(min(left / each, stage))
        left -= each * stage
    return images


def seconds_an_image(recipe: Any, seen: int) -> float:
    """A processor's seconds an image: of the steps between two penalties, after ``seen`` images."""
    from visavis.runs.build import prepare
    from visavis.training.loop import train

    _, state, batches = prepare(recipe, torch.device("cpu"))
    size = recipe.batch_size
    state.images = seen // size * size
    count = max(getattr(recipe.objective, "penalty_every", 1), 4)
    for steps in (1, count):  # the first is a warm-up
        began = time.process_time()
        list(train(state, recipe.objective, batches, recipe.schedule(), state.images + steps * size))
    return (time.process_time() - began) / (count * size)


def wanted(rows: Sequence[Mapping[str, Any]], given: Sequence[str], names: Sequence[str]) -> list[str]:
    """The recipes that are still to be measured: those without a row of this length (others keep the
    ``record`` of their own), and given ones whose row failed.
    """
    good = {
        row["recipe"]
        for row in rows
        if "record" not in row and not ("failed" in row and row["recipe"] in given)
    }
    return [name for name in given or names if name not in good]


def main() -> None:
    """One recipe after the other; each is written at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=60.0, help="of one processor, each")
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--sheets", type=Path, default=SHEETS)
    parser.add_argument("--work", type=Path, help="where runs are kept; a temporary folder without it")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    from visavis import files
    from visavis.recipes import RECIPES

    found = json.loads(given.out.read_text()) if given.out.exists() else {}
    if found.get("seconds") != given.seconds:
        old = [{"record": found["record"], **row} for row in found.get("rows", ())]
        found = {"seconds": given.seconds, "lengths": {}, "rows": old}
    names = [name for name in RECIPES if name.endswith("mnist") and name != "stacked-mnist"]
    todo = wanted(found["rows"], given.names, names)
    new = [name for name in todo if name not in found["lengths"]]
    found["lengths"] |= lengths(new, given.seconds)
    found["record"] = record(given.seconds)
    files.write_json(given.out, found)
    for name in todo:
        with nullcontext(given.work) if given.work else tempfile.TemporaryDirectory() as work:
            run = Path(work) / f"{given.seconds:g}s" / name
            row = measured(name, found["lengths"].get(name, 1), run, given.sheets)
        found["rows"] = [each for each in found["rows"] if each["recipe"] != name] + [row]
        found["record"] = record(given.seconds)
        files.write_json(given.out, found)
        print(json.dumps(row), flush=True)


def record(seconds: float) -> dict[str, Any]:
    """What stands beside all rows."""
    from visavis.bench.pair_step import cpu_model

    return {
        "seconds": seconds,
        "seconds_of": "one processor, as images",
        "threads": 1,
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "torch": torch.__version__,
        "seed": 0,
        "samples": SAMPLES,
        "features": list(REPRESENTATIONS),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


if __name__ == "__main__":
    main()
