"""Training from Python: :func:`train`, the same path as the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visavis import recipes
from visavis.recipe import Recipe, override
from visavis.run import Options, run


def prepare(name: str | None, changes: Mapping[str, str], lr: str | None = None) -> Recipe:
    """The named recipe (the default one for None) with fields changed; ``lr`` sets every network's rate."""
    recipe = recipes.get(name or recipes.DEFAULT)
    rates = {} if lr is None else {f"adam.{network}.lr": lr for network in recipe.adam}
    return override(recipe, {**rates, **changes})


def train(
    recipe: str | Recipe = recipes.DEFAULT,
    out: str | Path | None = None,
    *,
    images: int | None = None,
    seconds: float | None = None,
    device: str = "auto",
    fresh: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    """Train a recipe, or go on where it stopped; returns what ``visavis train --json`` prints.

    ``fields`` set the recipe's fields, dots written as ``__``: ``train("digits", networks__D__head="concat")``.
    Raises :class:`visavis.UserError` for a mistake that the user can mend.
    """
    chosen = recipes.get(recipe) if isinstance(recipe, str) else recipe
    chosen = override(chosen, {path.replace("__", "."): str(value) for path, value in fields.items()})
    folder = Path(out) if out is not None else Path("runs") / chosen.name
    return run(chosen, Options(folder, images=images, seconds=seconds, device=device, fresh=fresh, quiet=True))
