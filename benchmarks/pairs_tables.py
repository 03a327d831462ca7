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
    """Pull and drift of each game."""
    found = results("equilibrium")
    record, lines = found["record"], []
    games = list(dict.fromkeys(row["game"] for row in found["rows"]))
    for game in games:
        rows = [row for row in found["rows"] if row["game"] == game]
        lines.append(
            [
                game,
                _over_seeds(rows, lambda row: row["pull_untrained"]),
                _over_seeds(rows, lambda row: row["pull_trained"]),
                _over_seeds(rows, lambda row: row["fixed"]["rms"], ".3f"),
                _over_seeds(rows, lambda row: row["looks"][-1]["rms"], ".3f"),
            ]
        )
    seeds = len({row["seed"] for row in found["rows"]})
    note = (
        f"\n\nMedians (ranges) of {seeds} seeds; a table of {record['table']} digits of 8×8, batches of "
        f"{record['batch']}, {record['images']:,} images (half of them with D fixed), Adam at "
        f"{record['rate']:g}; pull over {record['pulls']} batches; D trained for an eighth of the "
        f"images where it is trained; one {record['processor']}, torch {record['torch']}, {record['date']}."
    )
    head = [
        "critic and loss",
        "pull, D untrained",
        "pull, D trained",
        "moved by, D as it began",
        "moved by, D in training",
    ]
    return table(head, lines) + note


TABLES = {"equilibrium": equilibrium}
