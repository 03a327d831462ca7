"""Your own pictures: one command on four sets, beside two of the catalogue, for the same processor time.

``python benchmarks/own_pictures.py --data DIR --work DIR --seconds 480``: DIR holds ``facades``, ``mnist``,
``cifar10`` and ``sketch2face`` as docs/own-pictures.md describes them.  Each set is trained with ``visavis
train images --data SET`` and no other flag but the length, with DCGAN and DiffAugment, and with StyleGAN2;
all in turn.  Lengths are images: as many as each trains in the same seconds of one processor, told by
steps of all three in turn, so that other programs take of no system more than of another.  All are judged
alike, by as many images as are held out (at most 1,000).  Rows that stand in results/own-pictures.json are
kept, so that it can be stopped and gone on with.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from command import visavis
from tables import ROOT, results, table

FILE = ROOT / "results/own-pictures.json"
MOST = 1_000
DIFFAUGMENT = {"objective.augment.policy": "color,translation,cutout"}
SYSTEMS: dict[str, tuple[str, dict[str, str]]] = {
    "images": ("images", {}),
    "dcgan": ("dcgan-cifar10", {**DIFFAUGMENT, "conditional": "false"}),
    "stylegan2": ("stylegan2-mnist", {"conditional": "false"}),
}
"""Name -> recipe, and fields that are set; those but ``images`` also get the resolution that it chose, and an
average as long as its own."""
IN_WORDS = {
    "images": "`train images`",
    "dcgan": "DCGAN with DiffAugment",
    "stylegan2": "StyleGAN2",
}
FIGURES = ("quality", "fd", "kd", "precision", "recall", "coverage")


def facades(data: Path, out: Path) -> None:
    """The photo half of each."""
    from PIL import Image

    for part, name in (("train", "train"), ("val", "test"), ("test", "test")):
        (out / name).mkdir(parents=True, exist_ok=True)
        for file in sorted((data / "facades" / part).glob("*.jpg")):
            image = Image.open(file)
            image.crop((0, 0, image.width // 2, image.height)).save(out / name / f"{file.stem}.png")


def faces(data: Path, out: Path) -> None:
    """The photos of the sketches' pairs."""
    for part, name in (("train", "train"), ("val", "test"), ("test", "test")):
        (out / name).mkdir(parents=True, exist_ok=True)
        for file in sorted((data / "sketch2face" / part / "photo").glob("*.jpg")):
            (out / name / file.name).write_bytes(file.read_bytes())


def cats_and_dogs(data: Path, out: Path) -> None:
    """CIFAR-10's, as class folders."""
    from visavis.data import DataConfig, load_images
    from visavis.data.write import write_images

    for split in ("train", "test"):
        source = str(data / "cifar10/plain_text")
        found = load_images(DataConfig(source=source, classes=("cat", "dog"), split=split))
        pixels, labels = found.images[:], found.labels
        write_images(out / split, pixels, labels, found.classes)


SETS: dict[str, Callable[[Path, Path], None] | str] = {
    "facades": facades,
    "mnist": "mnist/mnist",
    "catsdogs": cats_and_dogs,
    "faces": faces,
}
"""Set -> how its folder is made, or where it stands."""


def folder_of(name: str, data: Path, work: Path) -> Path:
    """The set's folder, made where it is not there yet."""
    made = SETS[name]
    if isinstance(made, str):
        return data / made
    out = work / "sets" / name
    if not out.exists():
        made(data, out)
    return out


def recipes_of(folder: Path, images: int) -> dict[str, Any]:
    """Each system's recipe for a set; the others at the side that ``images`` chose."""
    from visavis.recipes import get
    from visavis.recipes.recipe import override
    from visavis.runs.planning import planned
    from visavis.runs.session import Options
    from visavis.runs.settle import settled

    source, found = {"data.source": str(folder)}, {}
    side = "0"
    for name, (recipe, changes) in SYSTEMS.items():
        asked = source | changes | ({} if name == "images" else {"data.resolution": side})
        options = Options(Path("nowhere"), images=images, threads=1)
        cpu = torch.device("cpu")
        found[name] = settled(planned(override(get(recipe), asked), options, cpu), None, cpu)
        side = str(found[name].data.resolution)
    return found


def rates(recipes: dict[str, Any]) -> dict[str, float]:
    """Images a processor's second of each system: of the steps between two penalties, all in turn."""
    from visavis.runs.build import prepare
    from visavis.training.loop import train

    found = {}
    for name, recipe in recipes.items():
        _, state, batches = prepare(recipe, torch.device("cpu"))
        for steps in (1, max(recipe.objective.penalty_every, 4)):  # the first is a warm-up
            images = steps * recipe.batch_size
            began = time.process_time()
            list(train(state, recipe.objective, batches, recipe.schedule(), state.images + images))
            found[name] = round(images / (time.process_time() - began), 2)
    return found


def measured(name: str, system: str, folder: Path, images: int, side: int, run: Path) -> dict[str, Any]:
    """Train one system on one set, and judge it."""
    recipe, changes = SYSTEMS[system]
    words: list[object] = ["train", recipe, "--data", folder, "--images", images, "--threads", 1]
    if system == "images":
        words += ["--judged", "false"]  # all are judged alike below
    else:
        words += ["--resolution", side, *(w for k, v in changes.items() for w in (f"--{k}", v))]
        words += ["--average.halflife", max(images / 25, 400)]  # theirs are for longer trainings
    trained = visavis(*words, "--out", run)
    from visavis.data import DataConfig, held_out

    others = held_out(DataConfig(source=str(folder), resolution=side))
    assert others is not None
    judged = visavis("evaluate", run, "-n", min(MOST, len(others)), "--out", run / "evaluation.json")
    names = {each.split("_")[0]: each for each in judged if each.startswith(("fd_", "kd_"))}
    figures = {
        each: {key: judged[names.get(each, each)].get(key) for key in ("value", "interval", "null", "why")}
        for each in FIGURES
    }
    near = judged["memorisation"]["near_copies"]
    return {
        "set": name,
        "system": system,
        "images": trained["images"],
        "resolution": side,
        "samples": judged["record"]["images"],
        "features": judged["record"]["features"],
        "warnings": (trained.get("guard") or {}).get("warnings"),
        "near_copies": {key: near.get(key) for key in ("value", "null", "p", "flagged")},
        **figures,
    }


def main() -> None:
    """One set after the other, its systems in turn; each row is written at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=480.0, help="of one processor, each")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--note", default="", help="about the machine, kept in the record")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    import visavis as program
    from visavis.bench.pair_step import cpu_model

    found = results("own-pictures") or {"rows": [], "rates": {}}
    if found.get("record", {}).get("seconds", given.seconds) != given.seconds:
        found = {"rows": [], "rates": {}}
    for name in given.sets.split(","):
        folder = folder_of(name, given.data, given.work)
        recipes = recipes_of(folder, 10_000)
        side = recipes["images"].data.resolution
        shape = f"{side} px, grey" if name == "mnist" else f"{side} px"
        if shape not in found["rates"]:
            found["rates"][shape] = rates(recipes)
        for system, rate in found["rates"][shape].items():
            if any((row["set"], row["system"]) == (name, system) for row in found["rows"]):
                continue
            images = round(rate * given.seconds)
            run = given.work / "runs" / f"{name}-{system}"
            found["rows"].append(measured(name, system, folder, images, side, run))
            found["record"] = {
                "seconds": given.seconds,
                "threads": 1,
                "cores": os.cpu_count(),
                "cpu": cpu_model(),
                "torch": torch.__version__,
                "visavis": program.__version__,
                "seed": 0,
                "note": given.note,
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
            }
            FILE.write_text(json.dumps(found, indent=1) + "\n")
            print(json.dumps(found["rows"][-1]), flush=True)


def own_pictures() -> str:
    """The table of docs/own-pictures.md."""
    found = results("own-pictures")
    if found is None:
        return "Not measured yet."
    record = found["record"]
    names = ("fd", "kd", "precision", "recall", "coverage")
    header = ["set", "system", "images seen", "quality", "Fréchet", "kernel", *names[2:]]

    def cell(part: dict[str, Any]) -> str:
        null = part.get("null")
        if part["value"] is None:
            return "too few held out"
        return f"{part['value']:.3g}" + ("" if null is None else f" (real {null:.2g})")

    rows = [
        [
            row["set"],
            IN_WORDS[row["system"]],
            f"{row['images']:,}",
            cell({**row["quality"], "null": None}),
            *(cell(row[name]) for name in names),
        ]
        for row in found["rows"]
    ]
    features = ", ".join(sorted({row["features"] for row in found["rows"]}))
    made = (
        f"{record['seconds']:g} seconds of one processor each, seed {record['seed']}; features {features}; "
        f"as many images as are held out, at most 1,000; {record['cpu']}, torch {record['torch']}, "
        f"{record['date']}. {record['note']}"
    )
    return f"{table(header, rows)}\n\n{made.strip()}"


TABLES = {"own-pictures": own_pictures}

if __name__ == "__main__":
    main()
