"""What the figures of one run, or of two, come to: sentences that a person can act on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from visavis.errors import UserError
from visavis.files import Row
from visavis.judge.against import stored
from visavis.report.verdict import words
from visavis.report.words import number

Result = Mapping[str, Any]

LACKS = {
    "precision": "its images look unlike real ones",
    "recall": "it lacks variety",
    "coverage": "it leaves out part of what there is",
}
"""A figure far below its null, and what that means."""
CHANCE = 0.05


def of_one(result: Result) -> list[str]:
    """The verdict on one run, the weightiest first; from figures that stand beside their nulls."""
    found = []
    quality = result.get("quality")
    if isinstance(quality, Mapping) and quality.get("value") is not None:
        found.append(f"Quality {number(quality['value'])} of 100{_between(quality)}.")
    lacks = [
        f"{meaning}: {name} {number(part['value'])}, null {number(part['null'])}"
        for name, meaning in LACKS.items()
        for part in _figure(result.get(name))
        if part["null"] is not None and words(name, part).startswith("far below")
    ]
    classes = result.get("classes") or {}
    if classes.get("missing"):
        lacks.append(f"classes that it never makes: {', '.join(map(str, classes['missing']))}")
    memory = result.get("memorisation") or {}
    if (memory.get("near_copies") or {}).get("flagged"):
        lacks.append("it copies: " + words("near_copies", memory["near_copies"]))
    lacks += [
        f"it repeats itself: {words('repeats', part)}"
        for part in _figure(memory.get("repeats"))
        if part["value"] > 0.01
    ]
    found += [f"{text[0].upper()}{text[1:]}." for text in lacks]
    baselines = result.get("baselines") or {}
    for name, part in baselines.items():
        first = next(iter(part.items()), None)
        if first is not None and "model_is" in first[1]:
            found.append(f"Beside the {name.replace('-', ' ')}, by {first[0]}, it is {first[1]['model_is']}.")
    if found and not lacks and not baselines:
        found.append("Nothing stands out beside what held-out real images get.")
    return found


def _figure(part: Any) -> list[Mapping[str, Any]]:
    """The figure, if it is one that has a value."""
    known = isinstance(part, Mapping) and part.get("value") is not None and "null" in part
    return [part] if known else []


def _between(part: Mapping[str, Any]) -> str:
    ends = part.get("interval")
    if not ends or None in ends:
        return ""
    return f" ({number(ends[0])} to {number(ends[1])})"


def of_two(name_a: str, a: Result, name_b: str, b: Result) -> str:
    """Which of two is better, by how much, and how surely; or why that cannot be said."""
    try:
        answers = stored(a, b)
    except UserError as error:
        return f"{name_a} and {name_b}: {error}."
    if not answers:
        return f"{name_a} and {name_b}: they share no figure that has an interval."
    chosen = next((one for one in answers if one["figure"].startswith(("fd_", "fid"))), answers[0])
    figure, ends = chosen["figure"], sorted(abs(end) for end in chosen["interval"])
    if chosen["better"] is None:
        return (
            f"{name_a} and {name_b} differ by no more than chance makes ({figure} {number(chosen['a'])} and "
            f"{number(chosen['b'])}, p = {chosen['p']:.2g})."
        )
    better, result = (name_a, a) if chosen["better"] == "A" else (name_b, b)
    other = name_b if better == name_a else name_a
    text = (
        f"{better} is better than {other} by {number(ends[0])} to {number(ends[1])} in {figure}, "
        f"p = {chosen['p']:.2g}"
    )
    lacks = [sentence for sentence in of_one(result)[1:] if not sentence.startswith("Nothing")]
    return f"{text}; {lacks[0][0].lower()}{lacks[0][1:]}" if lacks else f"{text}."


def of_runs(named: Sequence[tuple[str, Result | None]]) -> list[str]:
    """The verdict on several: the best by its distance against each other one."""
    judged = [(name, result) for name, result in named if result is not None]
    told = [f"{name} is not judged." for name, result in named if result is None]
    if len(judged) < 2:
        return told
    best = min(range(len(judged)), key=lambda i: _distance(judged[i][1]))
    told[:0] = [of_two(*judged[best], *judged[i]) for i in range(len(judged)) if i != best]
    return told


def _distance(result: Result) -> float:
    values = [
        part["value"]
        for name, part in result.items()
        if name.startswith(("fd_", "fid")) and isinstance(part, Mapping) and part.get("value") is not None
    ]
    return float(values[0]) if values else float("inf")


Diagnose = Callable[[Sequence[Row], Sequence[Row]], Mapping[str, str]]
"""Rows of metrics and of the log -> what has become worse, by kind, in words."""
