"""A judgement as a table for people: figure, value, interval, null, and what that says in words."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from visavis.data.account import in_a_line
from visavis.models.results import figures as parts
from visavis.report.words import number

LOWER = ("fd_", "fid", "intra_", "kd_", "swd_", "js", "ndb", "kl", "collision_rate")
EITHER_WAY = ("spread", "gap", "authenticity")
"""Figures of which more is not better."""
SHARES = ("ndb", "js")
"""Figures that end at 1: three times the null is far."""
Row = tuple[str, str, str, str, str]


def verdict(result: Mapping[str, Any]) -> str:
    """The table of a result of ``visavis evaluate``, its warnings, and its comparison where it has one."""
    header = ("figure", "value", "95 % interval", "null", "in words")
    rows = [header, *figures(result)] if "record" in result else []
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3)), row[4]]).rstrip()
        for row in rows
    ]
    classes = result.get("classes", {})
    for name in ("missing", "thinned"):
        if classes.get(name):
            lines.append(f"classes {name} (as {classes['by']} sees them): {', '.join(classes[name])}")
    lines += [f"against {result['against']['with']}:"] if "against" in result else []
    lines += [f"  {answer['text']}" for answer in result.get("against", {}).get("answers", [])]
    lines += [f"  {gap['text']}" for gap in result.get("against", {}).get("gaps", [])]
    lines += [f"note: {warning}" for warning in result.get("warnings", [])]
    lines += [_made_with(result["record"])] if "record" in result else []
    lines += [
        f"{name}: {in_a_line(told)}" for name, told in result.get("record", {}).get("accounts", {}).items()
    ]
    return "\n".join(lines)


def figures(result: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of the table: figure, value, interval, null, and what that says in words."""
    others = result.get("other_features", {}).values()
    for path, part in (row for each in (result, *others) for row in parts(each)):
        yield _row(" ".join(path).replace("_", " ") if len(path) > 1 else path[0], path[-1], part)


def _row(shown: str, name: str, part: Mapping[str, Any]) -> Row:
    ends = part.get("interval")
    told = "" if ends is None else " … ".join("∞" if end is None else number(end) for end in ends)
    value, null = part["value"], part.get("null")
    said = part.get("why", "") if value is None else words(name, part)
    return shown, "" if value is None else number(value), told, "" if null is None else number(null), said


def words(name: str, part: Mapping[str, Any]) -> str:
    """What a figure says beside its null; empty where there is nothing to compare with."""
    value, null = part["value"], part.get("null")
    if "model_is" in part:
        return f"the model is {part['model_is']}"
    if name in _SPECIAL:
        return _SPECIAL[name](part)
    if null is None:
        return ""
    low, high = part.get("interval") or (value, value)
    if name.startswith(LOWER):
        if min(value, low) <= max(null, part.get("chance", null)):
            return "near the null"
        far = null <= 0 or value > (3 if name in SHARES else 10) * null
        return "far from the null" if far else "above the null"
    if name in EITHER_WAY and min(value, low) > 1.05 * null:
        return "above the null" if value <= 1.3 * null else "far above the null"
    if max(value, value if high is None else high) >= null or value >= 0.95 * null:
        return "near the null"
    return "below the null" if value >= 0.7 * null else "far below the null"


def _near_copies(part: Mapping[str, Any]) -> str:
    chance = f"p = {part['p']:.2g}"
    if not part["flagged"]:
        return f"as many as chance makes, {chance}"
    return f"nearer to train than held-out images are, {chance}: look at the gallery"


def _exact(part: Mapping[str, Any]) -> str:
    value, null = part["value"], part["null"] or 0
    return f"copies: {value:.2%} of the images are in train" if value > null else "none that is not by chance"


def _ct(part: Mapping[str, Any]) -> str:
    if abs(part["value"]) <= 3:
        return "as near to train as held-out images"
    side = "nearer to train than held-out images" if part["value"] < 0 else "farther from train: underfitting"
    return f"{abs(part['value']):.1f} deviations {side}"


def _repeats(part: Mapping[str, Any]) -> str:
    return f"{part['value']:.2%} equal an earlier image" if part["value"] else "none"


def _distinct(part: Mapping[str, Any]) -> str:
    if part.get("null") is None:
        return "of as many held-out images no two are one"
    return words("distinct", part)


_SPECIAL: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "near_copies": _near_copies,
    "near_copies_pixels": _near_copies,
    "exact_duplicates": _exact,
    "ct": _ct,
    "repeats": _repeats,
    "quality": lambda part: "of 100",
    "support": _distinct,
    "half": _distinct,
}
"""Figures whose words are not of a distance from the null."""


def _made_with(record: Mapping[str, Any]) -> str:
    """The line below the table: of what, against what, with what."""
    told = [f"{record['images']} images ({record['weights']})"]
    if "held_out" in record:
        told.append(f"of {record['source']} against {record['reference_images'] or 'statistics'}")
        split = f", split {record['split']}" if record["split"] else ""
        told.append(f"of {record['reference']}{split}; null: {record['held_out']}")
        told.append(f"({record['null_images']})")
    else:
        told.append(f"of {record['source']} beside" if "source" in record else "of")
        told.append(record["reference"])
    seen = "features" in record
    by = f"; features {record['features']} ({record['features_sha256'][:12]})" if seen else ""
    return f"{' '.join(told)}{by}, seed {record['seed']}, {record['seconds']:.0f} s"
