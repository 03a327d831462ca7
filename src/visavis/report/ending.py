"""What a training says to people when it ends: what was made, how good it is, what to type next."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visavis.files import read_json
from visavis.report.words import clock


def ending(result: Mapping[str, Any], task: str, conditional: bool) -> list[str]:
    """Two or three lines from what ``visavis train --json`` prints and the run's folder."""
    run, looked = Path(result["run"]), result.get("guard") or {}
    made = f"{result['images']:,} images seen in {clock(result['seconds'])}"
    sheet = run / "samples" / f"{result['images']:012d}.png"
    lines = [f"made  {made}: {sheet}, real ones in {run / 'real.png'}, curves in {run / 'curves.png'}"]
    good = [*_good(looked)]
    lines += [f"good  {'; '.join(good)}"] if good else []
    return [*lines, f"next  {'   or   '.join(_next(run, task, conditional))}"]


def _good(looked: Mapping[str, Any]) -> list[str]:
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


def _next(run: Path, task: str, conditional: bool) -> list[str]:
    judge = f"visavis evaluate {run}"
    if task == "translate":
        return [f"visavis translate {run} PICTURES --out made/", judge]
    classes = read_json(run / "recipe.json")["data"]["classes"] if conditional else []
    label = f" --label {shlex.quote(classes[len(classes) // 3])}" if classes else ""
    return [f"visavis sample {run}{label} --out samples.png", f"visavis interpolate {run}", judge]
