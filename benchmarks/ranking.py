"""How the order of the catalogue's recipes depends on the features that judge them (results/catalogue.json).

``python benchmarks/ranking.py`` prints the table of docs/evaluation.md; ``python benchmarks/catalogue.py``
measures its rows.
"""

import random
import statistics
from typing import Any

from claims_table import spearman
from tables import results, table

RESAMPLED, FEWEST = 2_000, 8
SHOWN = 4
"""Recipes whose place differs most."""


def distances(rows: list[dict[str, Any]]) -> tuple[list[str], dict[str, list[float]]]:
    """The recipes that were judged in every representation, and in each the Fréchet distance of all."""
    judged = [row for row in rows if row.get("features")]
    features = list(judged[0]["features"]) if judged else []
    return [row["recipe"] for row in judged], {
        name: [row["features"][name]["fd"]["value"] for row in judged] for name in features
    }


def agreement(a: list[float], b: list[float], seed: int = 0) -> tuple[float, float, float]:
    """Spearman's correlation of two columns, and its 95 % interval by resampling the recipes."""
    drawn = random.Random(seed)
    found = []
    while len(found) < RESAMPLED:
        rows = [drawn.randrange(len(a)) for _ in a]
        if len(set(rows)) > 2:
            found.append(spearman([a[i] for i in rows], [b[i] for i in rows]))
    found.sort()
    return spearman(a, b), found[round(0.025 * RESAMPLED)], found[round(0.975 * RESAMPLED) - 1]


def places(values: list[float]) -> list[int]:
    """Each one's place, 1 for the smallest."""
    order = sorted(range(len(values)), key=values.__getitem__)
    return [order.index(index) + 1 for index in range(len(values))]


def ranking() -> str:
    """Correlations of the orders, and the recipes that move most."""
    found = results("catalogue")
    names, columns = distances(found["rows"])
    if len(names) < FEWEST:
        return "Not measured yet."
    features = list(columns)
    lines = []
    for row in features:
        line = [f"`{row}`"]
        for other in features:
            value, low, high = agreement(columns[row], columns[other])
            line.append("" if other == row else f"{value:.2f} ({low:.2f} to {high:.2f})")
        lines.append(line)
    orders = {name: places(values) for name, values in columns.items()}
    spread = {
        recipe: max(orders[name][i] for name in features) - min(orders[name][i] for name in features)
        for i, recipe in enumerate(names)
    }
    most = sorted(names, key=lambda recipe: -spread[recipe])[:SHOWN]
    moved = [[f"`{name}`", *(str(orders[each][names.index(name)]) for each in features)] for name in most]
    low = min(spearman(columns[a], columns[b]) for i, a in enumerate(features) for b in features[i + 1 :])
    median = statistics.median(
        spearman(columns[a], columns[b]) for i, a in enumerate(features) for b in features[i + 1 :]
    )
    record = found["record"]
    note = (
        f"{len(names)} recipes of the catalogue, {record['seconds']:.0f} s of one processor each, one seed, "
        f"{record['samples']:,} samples; Spearman's correlation of the orders by Fréchet distance, 95 % "
        f"intervals from resampling the recipes; median {median:.2f}, lowest {low:.2f}. {record['cpu']}, "
        f"torch {record['torch']}, {record['date']}; `python benchmarks/catalogue.py`."
    )
    head = [f"`{name}`" for name in features]
    return (
        f"{table(['', *head], lines)}\n\nThe recipes that move most, by their place in each:\n\n"
        f"{table(['', *head], moved)}\n\n{note}"
    )


TABLES = {"ranking": ranking}

if __name__ == "__main__":
    print(ranking())
