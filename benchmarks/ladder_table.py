"""The tables of `visavis bench ladder` in docs/catalogue.md, one a rung, from results/ladder.json."""

from collections.abc import Callable

from tables import Row, results, table

HEADER = ["recipe", "modes", "KL", "quality", "images seen", "images/s", "all modes after", "KL ≤ 0.1 after"]


def _at(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"


def _cells(row: Row) -> list[str]:
    """One line; of one that failed, why."""
    name = row["recipe"] + (f", seed {row['seed']}" if row["seed"] else "")
    if "failed" in row:
        return [name, row["failed"].split(";")[0], *[""] * (len(HEADER) - 2)]
    quality = f"{row['quality']:.0f}" if "quality" in row else ""
    figures = [f"{row['modes']:,}", f"{row['kl']:.3f}", quality, f"{row['images']:,}"]
    if row["recipe"].startswith("untrained"):
        return [name, *figures[:2], *[""] * (len(HEADER) - 3)]
    times = [_at(row["seconds_to_all_modes"]), _at(row["seconds_to_kl"])]
    return [name, *figures, f"{row['images_per_second']:.0f}", *times]


def ladder(rung: str) -> str:
    """All lines of a rung, the evenest first, and what they have in common."""
    found = results("ladder")[rung]
    record, rows = found["record"], sorted(found["rows"], key=lambda row: row.get("kl", float("inf")))
    made = next(row for row in rows if "processor" in row)
    note = (
        f"\n\n`visavis bench ladder --on {rung} --seconds {record['seconds']:g}`: {record['seconds']:g} s of "
        f"training a line on `{record['data']}`, {record['samples']:,} samples of the averaged weights, "
        f"counted every {record['seconds'] / record['looks']:g} s (no column: no line got there). "
        f"{made['threads']} thread of one {made['processor']}, torch {made['torch']}, {made['date']}."
    )
    return _without_empty(HEADER, [_cells(row) for row in rows]) + note


def _without_empty(header: list[str], rows: list[list[str]]) -> str:
    """The table, without columns in which no row has anything."""
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return table([header[i] for i in kept], [[row[i] for i in kept] for row in rows])


TABLES: dict[str, Callable[[], str]] = {"ladder-stacked-mnist": lambda: ladder("stacked-mnist")}
