"""docs/catalogue.md's tables: each system with its idea, source, command, picture, score and files."""

import inspect
import re
from pathlib import Path
from typing import Any

from tables import ROOT, results, table


def _sources(recipe: Any) -> str:
    """Where its networks and its game stand."""
    configs = [*recipe.networks.values(), recipe.objective]
    critic = recipe.networks.get("D")
    if hasattr(critic, "branch"):
        configs = [recipe.networks["G"], critic.branch, recipe.objective]
    files = dict.fromkeys(Path(inspect.getfile(type(config))) for config in configs)
    base = ROOT / "src/visavis"
    return ", ".join(f"`{file.relative_to(base)}`" for file in files)


def score(row: dict[str, Any]) -> str:
    """What was measured, in words."""
    if "failed" in row:
        return f"failed: {row['failed']}"
    quality, fd = row["quality"], row["fd_mnistr"]
    told = f"quality {quality['value']:.0f} ({quality['interval'][0]:.0f} to {quality['interval'][1]:.0f})"
    told += f", fd_mnistr {fd['value']:.3g} (null {fd['null']:.2g}), recall {row['recall']['value']:.2f}"
    told += f" (null {row['recall']['null']:.2f})"
    if row.get("steering") is not None:
        told += f", {row['steering']:.1%} of the class asked for"
    told = f"{told}; {row['images']:,} images"
    own = row.get("record")
    return f"{told}, {own['seconds']:.0f} s on one shared {own['cpu']}, {own['date']}" if own else told


def _idea(make: Any) -> str:
    text = inspect.getdoc(make) or ""
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split()))


def catalogue() -> str:
    """A section for each recipe on MNIST that was measured."""
    from visavis.recipes import RECIPES

    found = results("catalogue")
    parts = []
    for row in sorted(found["rows"], key=lambda row: list(RECIPES).index(row["recipe"])):
        name, make = row["recipe"], RECIPES[row["recipe"]]
        picture = f"![samples of {name}](catalogue/{name}.png)\n\n" if "failed" not in row else ""
        told = f"`visavis train {name}` · {score(row)} · {_sources(make())}"
        parts.append(f"### {name}\n\n{_idea(make)}\n\n{picture}{told}")
    record = found["record"]
    length, shared = "", "; other programs shared the machine, so look at the images seen"
    if "seconds_of" in record:
        length, shared = f" of {record['seconds_of']},", ""
    note = (
        f"\n\n{record['seconds']:.0f} s of training each{length} with {record['threads']} thread of one "
        f"{record['cpu']}, one seed, {record['samples']:,} samples of the averaged weights against MNIST's "
        f"10,000 embedded images{shared}; torch {record['torch']}, {record['date']}."
    )
    return "\n\n".join(parts) + note


def in_colour() -> str:
    """The recipes on CIFAR-10, with their sizes."""
    from visavis.recipes import RECIPES, cifar10
    from visavis.recipes.table import describe

    rows = []
    for name, make in RECIPES.items():
        if make.__module__ != cifar10.__name__:
            continue
        sizes = ", ".join(f"{net} {count:,}" for net, count in describe(make(), [])["parameters"].items())
        rows.append([f"`{name}`", _idea(make), sizes, _sources(make())])
    return table(["recipe", "idea and source", "parameters", "files"], rows)


TABLES = {"catalogue": catalogue, "catalogue-cifar10": in_colour}
