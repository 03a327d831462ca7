"""The table of `visavis bench narrow` in docs/when-pairs.md, from results/narrow.json."""

import statistics

from claims_table import ratio
from tables import Row, results, table

AGAINST = "single"


def _figures(rows: list[Row], field: str) -> list[float]:
    return [row[field] for row in sorted(rows, key=lambda row: row["seed"]) if field in row]


def _against(mine: list[float], theirs: list[float]) -> str:
    """Mine through theirs, seed by seed, with its 95 % interval; bold where that leaves out 1."""
    if min(len(mine), len(theirs)) < 3 or len(mine) != len(theirs):
        return ""
    middle, low, high = ratio(mine, theirs)
    told = f"{middle:.2f} ({low:.2f} to {high:.2f})"
    return told if low <= 1 <= high else f"**{told}**"


def _fewer(rows: int, good: int) -> str:
    """What is missing of three seeds, in brackets."""
    told = [f"{rows - good} of {rows} diverged"] if good < rows else []
    told += [f"{rows} seed" + "s" * (rows > 1)] if rows < 3 else []
    return f" ({', '.join(told)})" if told else ""


def narrow() -> str:
    """Modes, KL and FD of each width and game, and the ratios to the ordinary discriminator of that width."""
    found = results("narrow")
    record, rows = found["record"], found["rows"]
    figures = (("modes", ".0f"), ("kl", ".2f"), ("fd_digitsr", ".1f"))
    games = list(dict.fromkeys(row["game"] for row in rows))
    lines = []
    for width in sorted({row["width"] for row in rows}):
        for game in games:
            own, base = (
                [row for row in rows if (row["width"], row["game"]) == (width, name)]
                for name in (game, AGAINST)
            )
            good = [row for row in own if "kl" in row]
            if not own:
                continue
            cells = [str(width), game + _fewer(len(own), len(good))]
            for field, form in figures:
                values = _figures(good, field)
                cells.append(format(statistics.fmean(values), form) if values else "")
            for field in ("kl", "fd_digitsr"):
                same = game == AGAINST
                cells.append("" if same else _against(_figures(good, field), _figures(base, field)))
            lines.append(cells)
    begun = len(found["untrained"])
    null = ["", "none: G as it begins" + _fewer(begun, begun)]
    for field, form in figures:
        null.append(format(statistics.fmean(_figures(found["untrained"], field)), form))
    lines.append([*null, "", ""])
    seeds = sorted({row["seed"] for row in rows})
    note = (
        f"\n\nMeans of seeds {', '.join(map(str, seeds))}; in brackets 95 % intervals of the ratio (a paired "
        f"t of the logarithms), in bold those that leave out 1. {record['images']:,} images seen by each, "
        f"batches of {record['batch']}, R1 = R2 = {record['penalty']:g} every {record['penalty_every']} "
        f"steps; {record['samples']:,} samples of the averaged G; one thread of one {record['processor']}, "
        f"torch {record['torch']}, {record['date']}."
    )
    header = ["width", "critic", "modes of 1,000", "KL", "fd_digitsr", "KL / single's", "FD / single's"]
    return table(header, lines) + note


TABLES = {"narrow": narrow}
