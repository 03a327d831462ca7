"""What a training says to people when it ends: what was made, how good it is, what to type next."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visavis.files import read_json
from visavis.models.results import EVALUATION
from visavis.report.verdict import words
from visavis.report.words import clock, number


def ending(result: Mapping[str, Any], task: str, conditional: bool) -> list[str]:
    """A few lines from what ``visavis train --json`` prints and the run's folder."""
    run, looked = Path(result["run"]), result.get("guard") or {}
    made = f"{result['images']:,} images seen in {clock(result['seconds'])}"
    sheet = run / "samples" / f"{result['images']:012d}.png"
    lines = [f"made  {made}: {sheet}, real ones in {run / 'real.png'}, curves in {run / 'curves.png'}"]
    said = good(looked)
    lines += [f"good  {'; '.join(said)}"] if said else []
    lines += [f"best  {_best(result['best'], run)}"] if "best" in result else []
    lines += [f"score {line}" for line in _score(run / EVALUATION, result)]
    lines += [f"page  {result['report']}"] if "report" in result else []
    return [*lines, f"next  {'   or   '.join(_next(run, task, conditional))}"]


def good(looked: Mapping[str, Any]) -> list[str]:
    """What a row of the guard says of the samples, in words."""
    found = []
    if "steering" in looked:
        low, high = (f"{100 * end:.1f}" for end in looked["steering_interval"])
        of = f"of {looked['samples']:,} samples are of the class asked for"
        found.append(f"{100 * looked['steering']:.1f} % ({low} to {high}) {of}")
    if "variety" in looked:
        within = "of a class " if "narrowest" in looked else ""
        found.append(f"two samples {within}differ {looked['variety']:.2f} times as much as two real images")
    if "missing" in looked:
        found.append(f"none shows {', '.join(looked['missing'])}")
    if looked.get("repeats"):
        found.append(f"{looked['repeats']:.0%} repeat another one")
    return found


def _best(best: Mapping[str, Any], run: Path) -> str:
    images, (name, value) = best["images"], next(item for item in best.items() if item[0] != "images")
    return f"{name} {number(value)} at {images:,} images: {run}@best"


def _score(path: Path, made: Mapping[str, Any]) -> list[str]:
    """What the judge found of these weights, and whether they copy; empty where they are not judged."""
    if not path.exists():
        return []
    result = read_json(path)
    if result["record"].get("trained_images") != made["images"]:
        return []
    quality = result["quality"]
    names = [next(name for name in result if name.startswith("kd_"))]
    told = []
    if quality["value"] is not None:
        low, high = (number(end) for end in quality["interval"])
        told.append(f"quality {number(quality['value'])} ({low} to {high}) of 100")
    else:
        names += ["precision", "coverage"]
    for name in names:
        null = result[name]["null"]
        beside = "" if null is None else f" (real images {number(null)})"
        told.append(f"{name} {number(result[name]['value'])}{beside}")
    return ["; ".join(told), *_copies(result["memorisation"]["near_copies"], made.get("metrics", {}))]


def _copies(near: Mapping[str, Any], looked: Mapping[str, Any]) -> list[str]:
    """Whether training images are copied: by the judge, else by the last look on the way."""
    if near["value"] is not None:
        return [f"near copies: {words('near_copies', near)}"]
    if looked.get("authenticity") is None:
        return []
    ours, real = (f"{1 - looked[name]:.0%}" for name in ("authenticity", "authenticity_of_real"))
    return [f"copies: {ours} lie nearer to a training image than that has a neighbour (of real ones {real})"]


def _next(run: Path, task: str, conditional: bool) -> list[str]:
    judge = f"visavis evaluate {run}"
    if task == "translate":
        return [f"visavis translate {run} PICTURES --out made/", judge]
    classes = read_json(run / "recipe.json")["data"]["classes"] if conditional else []
    label = f" --label {shlex.quote(classes[len(classes) // 3])}" if classes else ""
    return [f"visavis sample {run}{label} --out samples.png", f"visavis interpolate {run}", judge]
