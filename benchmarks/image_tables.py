"""What trained recipes were judged to be worth, and the tables of it: see make_tables.py.

results/generators.json, translations.json and autoencoders.json hold what ``visavis evaluate RUN --out
RUN-eval.json`` wrote, with how long each run was trained; ``python benchmarks/image_tables.py RUN…`` adds
rows, or replaces those of runs of the same name.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tables import ROOT, Row, results, table

FIGURES = {"l1": ".3f", "psnr": ".1f", "ssim": ".2f"}


def interval(figure: Row | None, form: str) -> str:
    """A value with its interval, or a dash with nothing made up."""
    if not figure or figure.get("value") is None:
        return "–"
    low_high = figure.get("interval")
    text = format(figure["value"], form)
    return text if low_high is None else f"{text} ({low_high[0]:{form}} to {low_high[1]:{form}})"


def distance(found: Row) -> str:
    """The name of a result's Fréchet distance, or nothing."""
    return next((name for name in found if name.startswith("fd_")), "")


def trained(row: Row) -> str:
    """How long a run was trained."""
    return f"{row['images']:,} images in {duration(row['seconds'])}"


def duration(seconds: float) -> str:
    """Minutes, or seconds where there are few."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def generators() -> str:
    """Samples of the generators: the quality score, and what stands behind it."""
    lines = []
    for row in results("generators")["rows"]:
        found = row["evaluation"]
        fd = found[distance(found)]
        null = "–" if fd["null"] is None else format(fd["null"], ".3g")
        lines.append(
            [
                f"`{row['recipe']}`, {trained(row)}",
                interval(found.get("quality"), ".0f"),
                f"{interval(fd, '.3g')}; {null} ({distance(found)})",
                *(
                    f"{interval(found.get(key), '.2f')}; {found[key]['null']:.2f}"
                    for key in ("precision", "recall", "coverage")
                ),
                f"{found['record']['images']:,}",
            ]
        )
    header = ["", "quality", "FD; null", "precision; null", "recall; null", "coverage; null", "N"]
    return table(header, lines) + _note("generators")


def translations() -> str:
    """Test-split L1, PSNR and SSIM of the translators beside the baselines."""
    lines = []
    for row in results("translations")["rows"]:
        found = row["evaluation"]
        for name, figures in {"model": found, **found.get("baselines", {})}.items():
            verdict = figures.get("l1", {}).get("model_is", "")
            first = name == "model"
            lines.append(
                [
                    f"`{row['recipe']}`, {trained(row)}" if first else f"– {name.replace('-', ' ')}",
                    *(interval(figures.get(key), form) for key, form in FIGURES.items()),
                    "" if first else f"the model is {verdict}",
                ]
            )
    return table(["", "L1", "PSNR, dB", "SSIM", "by L1"], lines) + _note("translations")


def autoencoders() -> str:
    """Reconstructions of held-out images, and samples."""
    lines = []
    for row in results("autoencoders")["rows"]:
        found = row["evaluation"]
        again = found.get("reconstruction", found)
        distances = {k: v for part in (found, again) for k, v in part.items() if k.startswith("fd_")}
        name = next(iter(distances), "")
        lines.append(
            [
                f"`{row['recipe']}`, {trained(row)}",
                *(interval(again.get(key), form) for key, form in FIGURES.items()),
                f"{interval(again.get(name), '.1f')}" + (f" ({name})" if name in again else ""),
                interval(found.get(name), ".1f") if again is not found else "–",
                interval(found.get("quality"), ".0f"),
            ]
        )
    header = ["", "L1", "PSNR, dB", "SSIM", "FD of reconstructions", "FD of samples", "quality of samples"]
    return table(header, lines) + _note("autoencoders")


def _note(name: str) -> str:
    rows = results(name)["rows"]
    record = rows[0]["evaluation"]["record"]
    torch = record.get("versions", {}).get("torch", "")
    protocols = sorted({row["evaluation"]["record"].get("protocol", 0) for row in rows} - {0})
    judged = f"; quality by protocol {', '.join(map(str, protocols))}" if protocols else ""
    return (
        "\n\n95 % intervals in brackets. One CPU core a run, shared with others; minutes of training "
        f"alone, at the run's median rate; torch {torch}, {rows[0]['date']}{judged}."
    )


def translate() -> str:
    """How much of the time for files is hidden behind the network."""
    lines = []
    for row in results("translate")["rows"]:
        hidden, waited = (
            "{:.0%} ({:.0%} to {:.0%})".format(row[key]["value"], *row[key]["interval"])
            for key in ("hidden", "not_waited_for")
        )
        files = row["plain_ms_per_image"]["reading"] + row["plain_ms_per_image"]["writing"]
        name = "pix2pix U-Net, fp32" if row["network"] == "unet" else "a network elsewhere (waits 20 ms)"
        lines.append(
            [
                name,
                f"{row['plain_ms_per_image']['seconds']:.0f} ({files:.0f} for files)",
                f"{row['pipeline_ms_per_image']['seconds']:.0f}",
                hidden,
                waited,
            ]
        )
    header = ["", "plain loop, ms an image", "here, ms an image", "hidden", "not waited for"]
    first = results("translate")["rows"][0]
    note = (
        f"\n\n{first['images']:,} images of 256×256; the network on one core, the files on the other; "
        f"{first['date'][:10]}."
    )
    return table(header, lines) + note


TABLES: dict[str, Callable[[], str]] = {
    "generators": generators,
    "translations": translations,
    "autoencoders": autoencoders,
    "translate": translate,
}


def add(run: Path, evaluation: Path) -> None:
    """Put a run's evaluation into the file of its task."""
    found = json.loads(evaluation.read_text())
    recipe = json.loads((run / "recipe.json").read_text())["recipe"]
    rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    ticks = [row for row in rows if "event" not in row]
    trained, rate = found["record"]["trained_images"], median(tick["images_per_second"] for tick in ticks)
    task = "translations" if "l1" in found else "autoencoders" if "reconstruction" in found else "generators"
    row = {
        "recipe": recipe["name"],
        "run": run.name,
        "images": trained,
        "images_per_second": rate,
        "seconds": round(trained / rate, 1),
        "wall_seconds": ticks[-1]["seconds"],
        "date": datetime.now(UTC).date().isoformat(),
        "evaluation": found,
    }
    old = results(task) or {"rows": []}
    kept = [each for each in old["rows"] if each.get("run", each["recipe"]) != run.name]
    path = ROOT / "results" / f"{task}.json"
    path.write_text(json.dumps({"rows": [*kept, row]}, indent=2) + "\n")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        add(Path(given), Path(f"{given}-eval.json"))
