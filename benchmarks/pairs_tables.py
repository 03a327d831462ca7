"""The tables of docs/when-pairs.md."""

import statistics
from collections.abc import Callable
from typing import Any

from tables import results, table


def _over_seeds(
    rows: list[dict[str, Any]], value: Callable[[dict[str, Any]], float], form: str = ".2f"
) -> str:
    """The median, and the range over seeds; how many diverged, where some did."""
    values = [value(row) for row in rows if "failed" not in row]
    lost = len(rows) - len(values)
    if not values:
        return "diverged" if rows else ""
    told = format(statistics.median(values), form)
    if len(values) > 1:
        told += f" ({min(values):{form}} to {max(values):{form}})"
    return told.replace("-0.00", "0.00") + (f", {lost} diverged" if lost else "")


def equilibrium() -> str:
    """Pull and drift of each game, without and with penalties where both were measured."""
    found = results("equilibrium")
    record, rows = found["record"], found["rows"]
    lines = []
    for game in dict.fromkeys(row["game"] for row in rows):
        for penalty in sorted({row["penalty"] for row in rows if row["game"] == game}):
            own = [row for row in rows if (row["game"], row["penalty"]) == (game, penalty)]
            lines.append([game, _penalty(own[0]), *_line(own)])
    seeds = ", ".join(map(str, sorted({row["seed"] for row in rows})))
    note = (
        f"\n\nMedians (ranges) of seeds {seeds} (one seed where there is no range); a table of "
        f"{record['table']} digits of 8×8, batches of {record['batch']}, {record['images']:,} images (half "
        f"of them with D fixed), Adam at {record['rate']:g}; R1 = R2 exact, in every step; pull over "
        f"{record['pulls']} batches; D trained for an eighth of the images where it is trained; drifting has "
        f"no D, its pull is the field's; {'; '.join(_machines(found))}."
    )
    quarter = f"{rows[0]['looks'][0]['images']:,}"
    head = [
        "critic and loss",
        "R1 = R2",
        "pull, D untrained",
        "pull, D trained",
        "moved by, D as it began",
        f"in training, {quarter} images",
        "in training, at the end",
    ]
    return table(head, lines) + note


def _penalty(row: dict[str, Any]) -> str:
    return f"{row['penalty']:g}" if "fixed" in row else ""


def _line(rows: list[dict[str, Any]]) -> list[str]:
    """The cells of one game and penalty."""
    in_training = [
        _over_seeds(rows, lambda row, look=look: row["looks"][look]["rms"], ".3f") for look in (0, -1)
    ]
    if "pull" in rows[0]:
        return [_over_seeds(rows, lambda row: row["pull"]), "", "", *in_training]
    return [
        _over_seeds(rows, lambda row: row["pull_untrained"]),
        _over_seeds(rows, lambda row: row["pull_trained"]),
        _over_seeds(rows, lambda row: row["fixed"]["rms"], ".3f"),
        *in_training,
    ]


def _machines(found: dict[str, Any]) -> list[str]:
    """What rows were made on, and how many where it was not one machine for all."""
    made = [row.get("made", found["record"]) for row in found["rows"]]
    told = [f"one {each['processor']}, torch {each['torch']}, {each['date']}" for each in made]
    counts = {text: told.count(text) for text in told}
    return [text if len(counts) == 1 else f"{n} rows on {text}" for text, n in counts.items()]


TABLES = {"equilibrium": equilibrium}
