"""Ways in which a GAN fails, made on purpose on MNIST, each with what mends it: pictures, curves, figures.

``python benchmarks/failures.py`` trains both sides of each (some minutes a failure on one core), writes
results/failures.json and, beside docs/failures.md, a picture and a curve of every failure and a picture of
what mends it; what stands in the results already is not trained again.  ``--only NAME,…`` trains some.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tables import ROOT, results, table

import visavis
from visavis import files
from visavis.bench.pair_step import cpu_model

RESULTS = ROOT / "results/failures.json"
DOCS = ROOT / "docs"
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
UNCONDITIONAL = "mnist --conditional false"
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
    command = [sys.executable, "-m", "visavis", "train", *given, *length, "--out", str(run), "--fresh"]
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
    names = ("loss/G", "loss/D", "accuracy/real", "accuracy/fake", "grad_norm/G")
    seen = [row for row in stats if row.get("event") == "guard"]
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
        "warnings": sorted({kind for row in seen for kind in row["warnings"]}),
    }


def pictures(name: str, fails: Path, mends: Path) -> None:
    """The failure's sheet and curve, and the sheet of what mends it, small."""
    for side, run in (("fails", fails), ("mends", mends)):
        sheet = Image.open(sorted((run / "samples").iterdir())[-1]).convert("L")
        sheet.crop((0, 0, min(sheet.width, 690), min(sheet.height, 345))).save(
            DOCS / f"failure-{name}-{side}.png", optimize=True
        )
    curve = Image.open(fails / "curves.png").convert("RGB")
    curve = curve.crop((0, 0, curve.width, round(0.36 * curve.height)))  # losses and D's accuracy
    curve.thumbnail((900, 900))
    curve.quantize(64).save(DOCS / f"failure-{name}-curve.png", optimize=True)


def failures() -> str:
    """The table of docs/failures.md."""
    found = results("failures")
    rows = []
    for row in found["rows"]:
        for side in ("fails", "mends"):
            each, last = row[side], row[side]["last"]
            rows.append(
                [
                    f"**{row['name'].replace('-', ' ')}**" if side == "fails" else "mended",
                    "–" if each["quality"] is None else f"{each['quality']:.0f}",
                    f"{each['fd_mnistr']:.3g}",
                    "–" if each["recall"] is None else f"{each['recall']:.2f}",
                    "–" if each["variety"] is None else f"{each['variety']:.2f}",
                    *(f"{last[key]:.2g}" if key in last else "–" for key in ("loss/D", "loss/G")),
                    *(
                        f"{last[key]:.0%}" if key in last else "–"
                        for key in ("accuracy/real", "accuracy/fake")
                    ),
                    ", ".join(each["warnings"]) or "nothing",
                ]
            )
    head = [
        "run",
        "quality",
        "`fd_mnistr`",
        "recall",
        "variety",
        "loss of D",
        "loss of G",
        "D right on real",
        "on generated",
        "the run says",
    ]
    record = found["record"]
    note = (
        f"\n\nOne seed each, MNIST's 10,000 embedded digits; losses and D's accuracy are means over "
        f"the last quarter. One core of one {record['cpu']}, torch {record['torch']}, {record['date']}; "
        "`python benchmarks/failures.py`."
    )
    return table(head, rows) + note


def _command(words: str, name: str, side: str, images: int) -> str:
    length = "" if "--images" in words else f" --images {images}"
    return f"`visavis train {words}{length} --out runs/{name}-{side}`"


def commands() -> str:
    """The commands of docs/failures.md."""
    found = results("failures")
    rows = [
        [
            row["name"].replace("-", " "),
            *(_command(row["commands"][side], row["name"], side, IMAGES) for side in ("fails", "mends")),
        ]
        for row in found["rows"]
    ]
    made = "\n".join(f'python -c "{line}"' for line in SETS.values())
    return f"{table(['', 'fails', 'mends'], rows)}\n\n```\n{made}\n```"


TABLES = {"failures-made": failures, "failures-commands": commands}


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
