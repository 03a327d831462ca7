"""The measured tables of docs/evaluation.md, docs/quality.md and docs/speed.md: see make_tables.py."""

from collections.abc import Callable

from tables import Row, results, table


def quality() -> str:
    """The quality score of digits that were spoiled in known ways."""
    found = results("quality-cases")
    record = found["record"]
    rows = [
        [
            row["case"],
            f"{row['mean']:.1f}",
            f"{row['deviation']:.1f}",
            f"{row['least']:.0f}–{row['most']:.0f}",
        ]
        for row in found["rows"]
    ]
    note = (
        f"\n\nDigits, features {record['features']}, {record['images']} images (fewer where most classes are "
        f"missing), reference: {record['reference']}; {record['splits']} random halvings of the held-out "
        f"digits into null and generator; torch {record['torch']}, {record['date']}."
    )
    return table(["generator", "quality, mean", "deviation", "range"], rows) + note


CASE_FIGURES: list[tuple[str, tuple[str, ...], str]] = [
    ("quality", ("quality",), ".0f"),
    ("Fréchet distance, `fd_digitsr`", ("fd_digitsr",), ".2f"),
    ("kernel distance, `kd_digitsr`", ("kd_digitsr",), ".3f"),
    ("precision", ("precision",), ".2f"),
    ("density", ("density",), ".2f"),
    ("recall", ("recall",), ".3f"),
    ("coverage", ("coverage",), ".3f"),
    ("overlap of the classes' shares", ("classes", "overlap"), ".2f"),
    ("bins that differ (NDB)", ("ndb",), ".0%"),
    ("spread within a class, of the real one", ("diversity", "spread"), ".2f"),
    ("support by the birthday test", ("birthday", "support"), ",.0f"),
    ("exact duplicates of training images", ("memorisation", "exact_duplicates"), ".1%"),
    ("near copies by features", ("memorisation", "near_copies"), ".1%"),
    ("near copies by pixels", ("memorisation", "near_copies_pixels"), ".1%"),
    ("C_T", ("memorisation", "ct"), ".1f"),
    ("authenticity", ("memorisation", "authenticity"), ".0%"),
]
"""Name, place in a result of `visavis evaluate`, format."""


def number(value: float | None, form: str) -> str:
    """``value`` with a true minus sign; a dash where there is none."""
    if value is None:
        return "–"
    text = format(value, form)
    bare = text.lstrip("-")
    return bare if not any(digit in bare for digit in "123456789") else text.replace("-", "−")


def judge_cases() -> str:
    """The figures of a good, a memorising and a collapsed generator beside the held-out images'."""
    found = results("judge-cases")
    cases = found["cases"]
    rows = []
    for name, path, form in CASE_FIGURES:
        figures = []
        for case in cases.values():
            figure = case["result"]
            for part in path:
                figure = figure[part]
            figures.append(figure)
        line = [name, number(figures[0]["null"], form)]
        for figure in figures:
            text = number(figure["value"], form)
            if figure["interval"]:
                low, high = (number(end, form) for end in figure["interval"])
                text += f" ({low} to {high})"
            line.append(text + (", **flagged**" if figure.get("flagged") else ""))
        rows.append(line)
        if name == "quality":
            for part in ("fidelity", "diversity", "classes"):
                parts = [number(case["result"]["quality"][part], ".2f") for case in cases.values()]
                rows.append([f"– {part}", "1.00", *parts])
        if path == ("classes", "overlap"):
            rows.append(
                ["classes missing or thinned", "none", *(lost(case["result"]) for case in cases.values())]
            )
    record = found["record"]
    told = "; ".join(f"{name}: {case['about']}" for name, case in cases.items())
    note = (
        f"\n\n{record['images_each']} images each, 95 % intervals in brackets, against "
        f"{record['reference']}. {told[0].upper()}{told[1:]}. torch {record['torch']}, {record['date']}."
    )
    return table(["", "held-out real", *cases], rows) + note


def lost(result: Row) -> str:
    """The classes that a generator leaves out, by name."""
    missing, thinned = result["classes"]["missing"], result["classes"]["thinned"]
    parts = [f"missing {', '.join(missing)}"] * bool(missing) + [f"thinned {', '.join(thinned)}"] * bool(
        thinned
    )
    return "; ".join(parts) or "none"


def copies() -> str:
    """How often copies are flagged, and how often images that are none."""
    found = results("copies")
    rows = []
    for each in found["sets"]:
        kinds: dict[tuple[float, str], dict[str, str]] = {}
        for row in each["rows"]:
            of_kind = kinds.setdefault((row["share"], row["copies"]), {})
            of_kind[row["by"]] = f"{row['flagged']:.0%}"
        for (share, kind), flagged in kinds.items():
            what = "none" if share == 0 else f"{share:.0%}, {kind}"
            rows.append([f"{each['images']:,} ({each['features']})", what, *flagged.values()])
    ways = list(flagged)
    record = found["record"]
    note = (
        f"\n\nShare of {record['draws']} draws that were flagged, which they are below "
        f"p = {record['flagged_below_p']}; torch {record['torch']}, {record['date']}."
    )
    header = ["images", "copies among them", *(f"flagged by {way}" for way in ways)]
    return table(header, rows) + note


def distances() -> str:
    """Four ways to compute one Fréchet distance."""
    found = results("distances")
    rows = [
        [
            row["form"],
            "{:.2f} ({:.2f} to {:.2f})".format(row["seconds"], *row["range"]),
            f"{row['times_cached']:.1f}",
            f"{row['relative_difference']:.0e}",
        ]
        for row in found["rows"]
    ]
    record = found["record"]
    note = (
        f"\n\nd = {record['d']}, N = {record['images']:,}, from means and covariances; in turn in one "
        f"process, medians; {record['threads']} threads, torch {record['torch']}, scipy {record['scipy']}, "
        f"{record['date']}."
    )
    return table(["form", "seconds (range)", "times the first", "relative difference"], rows) + note


def evaluate_speed() -> str:
    """Time and memory of whole judgements."""
    found = results("evaluate-speed")
    rows = [[name, f"{row['seconds']:.0f}", f"{row['peak_gb']:.2f}"] for name, row in found["rows"].items()]
    record = found["record"]
    note = f"\n\n{record['threads']} threads of {record['cores']} cores; {record['date']}."
    return table(["", "seconds", "peak memory, GB"], rows) + note


TABLES: dict[str, Callable[[], str]] = {
    "quality": quality,
    "judge-cases": judge_cases,
    "copies": copies,
    "distances": distances,
    "evaluate-speed": evaluate_speed,
}
