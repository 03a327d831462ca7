"""Ways in which a GAN fails, made on purpose on MNIST, each with what mends it: pictures, curves, figures.

``python benchmarks/failures.py`` trains both sides of each (some minutes a failure on one core), writes
results/failures.json with what the program said of each and, in docs/failures/, a picture and a curve of
every failure and a picture of what mends it.  ``--only NAME,…`` trains some; ``--runs FOLDER`` keeps the runs
and goes on with those that stand there.
"""

import argparse
import contextlib
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tables import ROOT, results, table

import visavis
from visavis import files
from visavis.bench.pair_step import cpu_model
from visavis.data import load
from visavis.models.snapshot import snapshots
from visavis.recipes.recipe import validated
from visavis.runs.guard import look, warnings

RESULTS = ROOT / "results/failures.json"
DOCS = ROOT / "docs/failures"
IMAGES = 32_000
Row = dict[str, Any]

FEW = (
    "import numpy as np; from visavis.data import DataConfig, load; d = load(DataConfig(source='mnist-10k'))"
)
SETS = {
    "few.npz": f"{FEW}; np.savez('few.npz', images=np.asarray(d.images)[:40])",
    "unit.npz": f"{FEW}; np.savez('unit.npz', images=np.asarray(d.images[:4000], np.float32) / 255)",
}
"""Sets of images that a failure needs, and the line of Python that writes each."""
UNCONDITIONAL = "residual-mnist"
PENALISED = "dcgan-mnist --networks.D.branch.norm none --objective.r1 1 --objective.r2 1"

FAILURES: dict[str, dict[str, str]] = {
    "mode-collapse": {
        "fails": f"{UNCONDITIONAL} --objective.r1 0.02 --objective.r2 0.02",
        "mends": UNCONDITIONAL,
    },
    "d-has-won": {
        "fails": "dcgan-mnist --objective.loss minimax --objective.d_steps 5 --networks.D.branch.norm none",
        "mends": PENALISED,
    },
    "starved-d": {
        "fails": f"{PENALISED} --adam.D.lr 1e-6",
        "mends": PENALISED,
    },
    "balanced-losses": {
        "fails": f"{UNCONDITIONAL} --objective.r1 10000 --objective.r2 10000",
        "mends": UNCONDITIONAL,
    },
    "memorising": {
        "fails": f"{UNCONDITIONAL} --data few.npz",
        "mends": UNCONDITIONAL,
    },
    "checkerboards": {
        "fails": PENALISED,
        "mends": f"{PENALISED} --networks.G.kind upsampling --networks.G.widths 128,128,64,32,32",
    },
    "wrong-range": {
        "fails": f"{UNCONDITIONAL} --data unit.npz --data.range signed",
        "mends": f"{UNCONDITIONAL} --data unit.npz --data.range unit",
    },
    "batchnorm-leaks": {
        "fails": "dcgan-mnist --objective.joint true",
        "mends": PENALISED,
    },
    "too-short": {
        "fails": f"{UNCONDITIONAL} --images 3200",
        "mends": UNCONDITIONAL,
    },
}
"""A name -> the words of ``visavis train`` that make it fail, and those that mend it."""


def train(words: str, run: Path, images: int) -> None:
    """One training, as a user types it."""
    given = shlex.split(words)
    length = [] if "--images" in given else ["--images", str(images)]
    place = run.parent
    command = [sys.executable, "-m", "visavis", "train", *given, *length, "--out", str(run)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr}")


def checkerboard(pixels: np.ndarray[Any, Any]) -> float:
    """The share of the pictures' energy that changes its sign from pixel to pixel, both ways: of 0 to 1."""
    x = pixels.astype(float)
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    x = x[:, :height, :width] - x.mean((1, 2), keepdims=True)
    a, b, c, d = x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]
    return float(((a - b - c + d) ** 2).sum() / 4 / max((x**2).sum(), 1e-12))


def measure(run: Path) -> Row:
    """A run's figures, the end of its log, and what it said."""
    stats = files.JsonLines(run / "stats.jsonl").rows()
    rows = [row for row in stats if "event" not in row and "loss/D" in row]
    last = [row for row in rows if row["images"] > 0.75 * rows[-1]["images"]] or rows[-1:]
    names = ("loss/G", "loss/D", "accuracy/real", "accuracy/fake", "accuracy/unlike", "grad_norm/G")
    words = said(run, stats)
    judged = visavis.evaluate(run, "mnist-10k", n=2000, device="cpu")
    pixels = visavis.load(run).pixels(500, seed=1)[..., 0]
    figures = ("quality", "fd_mnistr", "recall", "variety")
    return {
        "images": rows[-1]["images"],
        "last": {
            name: statistics.fmean(r[name] for r in last if r.get(name) is not None)
            for name in names
            if any(r.get(name) is not None for r in last)
        },
        **{name: judged[name]["value"] for name in figures},
        "near_copies": judged["memorisation"]["near_copies"]["value"],
        "checkerboard": checkerboard(pixels),
        "warnings": sorted({each["kind"] for each in words}),
        "said": words,
    }


def said(run: Path, stats: list[Row]) -> list[Row]:
    """What the guard says of a run's snapshots in its own words, each kind where it comes first.

    It is asked here again, without a clock: of a busy machine it looks at fewer samples and says less.
    """
    told: dict[str, Row] = {}
    for path in snapshots(run):
        images, model = int(path.stem), visavis.load(path)
        with contextlib.chdir(run.parent):  # where the sets of images lie
            data = load(validated(model.description.recipe).data)
        seen = [row for row in stats if row["images"] <= images and "event" not in row]
        for kind, line in warnings(look(model, data, seen, now=lambda: 0.0)).items():
            told.setdefault(kind, {"images": images, "kind": kind, "words": line})
    return list(told.values())


def pictures(name: str, fails: Path, mends: Path) -> None:
    """The failure's sheet and curve, and the sheet of what mends it, small."""
    for side, run in (("fails", fails), ("mends", mends)):
        sheet = Image.open(sorted((run / "samples").iterdir())[-1]).convert("L")
        sheet.crop((0, 0, min(sheet.width, 690), min(sheet.height, 345))).save(
            DOCS / f"{name}-{side}.png", optimize=True
        )
    curve = Image.open(fails / "curves.png").convert("RGB")
    top, end = (round(part * curve.height) for part in (0.0556, 0.36))
    curve = curve.crop((0, top, curve.width, end))  # losses and D's accuracy, without the run's name and time
    curve.thumbnail((900, 900))
    curve.quantize(64).save(DOCS / f"{name}-curve.png", optimize=True)


def _rows() -> dict[str, Row]:
    found: list[Row] = results("failures")["rows"]
    return {row["name"]: row for row in found}


def title(name: str) -> str:
    """What a failure's page is called."""
    first = (DOCS / f"{name}.md").read_text().splitlines()[0]
    return first.removeprefix("# ")


HEAD = ["quality", "`fd_mnistr`", "recall", "variety", "losses of D, G", "D right"]


MORE = {
    "checkerboards": ("energy in the lattice", "checkerboard", ".2%"),
    "memorising": ("near copies", "near_copies", ".1%"),
}
"""A figure that one failure's page has besides: its head, its key, its form."""


def _figures(each: Row) -> list[str]:
    """A run's figures, in the order of :data:`HEAD`."""
    last = each["last"]
    shares = [key for key in ("accuracy/real", "accuracy/fake", "accuracy/unlike") if key in last]
    return [
        *(
            "–" if each[key] is None else format(each[key], form)
            for key, form in (("quality", ".0f"), ("fd_mnistr", ".3g"), ("recall", ".2f"), ("variety", ".2f"))
        ),
        ", ".join(f"{last[key]:.2g}" for key in ("loss/D", "loss/G")),
        ", ".join(f"{last[key]:.0%}" for key in shares) or "–",
    ]


def _note() -> str:
    record = results("failures")["record"]
    return (
        "\n\nOne seed each, MNIST's 10,000 embedded digits; losses and D's accuracy (on real and on "
        "generated images, or on pairs) are means over the last quarter. One core of one "
        f"{record['cpu']}, torch {record['torch']}, {record['date']}; `python benchmarks/failures.py`."
    )


def failures() -> str:
    """All of them, in docs/failures.md."""
    rows = []
    for name, row in _rows().items():
        for side, told in (("fails", f"[{title(name)}](failures/{name}.md)"), ("mends", "mended")):
            kinds = ", ".join(row[side]["warnings"]) or "nothing"
            rows.append([told, *_figures(row[side]), kinds])
    return table(["run", *HEAD, "the run says"], rows) + _note()


def figures(name: str) -> str:
    """A failure's figures beside those of what mends it, and what the runs said."""
    row = _rows()[name]
    head, key, form = MORE.get(name, ("", "", ""))
    told = [
        [told, *_figures(row[side]), *([format(row[side][key], form)] if key else [])]
        for side, told in (("fails", "it fails"), ("mends", "mended"))
    ]
    return table(["", *HEAD, *([head] if key else [])], told) + _note()


def _silence(each: Row) -> str:
    """What is told of a run whose words are not there: nothing was said, or only their kinds were kept."""
    kinds = [] if "said" in each else each["warnings"]
    return f"of the kind {', '.join(kinds)}" if kinds else "(nothing, to its end)"


def words(name: str) -> str:
    """What the runs said in the guard's own words."""
    row = _rows()[name]
    told = [
        [side, f"{line['images']:,}", line["words"]]
        for side, each in (("it fails", row["fails"]), ("mended", row["mends"]))
        for line in each.get("said") or [{"images": each["images"], "words": _silence(each)}]
    ]
    return table(["", "at images", "the run says"], told) + "\n\n`python benchmarks/failures.py`."


def commands(name: str) -> str:
    """The commands that make a failure and that mend it, and those that make their data."""
    row = _rows()[name]
    made = [f'python -c "{line}"' for file, line in SETS.items() if file in row["commands"]["fails"]]
    for side in ("fails", "mends"):
        given = row["commands"][side]
        length = "" if "--images" in given else f" --images {IMAGES}"
        made.append(f"visavis train {given}{length} --out runs/{name}-{side}")
    return "```\n" + "\n".join(made) + "\n```"


TABLES: dict[str, Callable[[], str]] = {"failures-made": failures}
for _name in FAILURES:
    TABLES[f"figures-{_name}"] = partial(figures, _name)
    TABLES[f"words-{_name}"] = partial(words, _name)
    TABLES[f"commands-{_name}"] = partial(commands, _name)


def main() -> None:
    """Make them fail, and mend them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--only", default=",".join(FAILURES))
    parser.add_argument("--runs", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = files.read_json(RESULTS)["rows"] if RESULTS.exists() else []
    with tempfile.TemporaryDirectory() as name:
        place = given.runs or Path(name)
        place.mkdir(parents=True, exist_ok=True)
        for line in SETS.values():
            subprocess.run([sys.executable, "-c", line], cwd=place, check=True)
        trained: dict[str, Path] = {}
        for failure in given.only.split(","):
            sides = FAILURES[failure]
            row: Row = {"name": failure, "commands": sides}
            for side, words in sides.items():
                if words not in trained:
                    trained[words] = place / f"{failure}-{side}"
                    train(words, trained[words], given.images)
                row[side] = measure(trained[words])
            pictures(failure, trained[sides["fails"]], trained[sides["mends"]])
            rows = [*(each for each in rows if each["name"] != failure), row]
            rows.sort(key=lambda each: list(FAILURES).index(each["name"]))
            record = {
                "images": given.images,
                "cpu": cpu_model(),
                "torch": torch.__version__,
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
            }
            files.write_json(RESULTS, {"record": record, "rows": rows})
            print(failure, row, flush=True)


if __name__ == "__main__":
    main()
