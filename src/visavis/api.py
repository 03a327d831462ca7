"""Training from Python: :func:`train`, the same path as the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from visavis import recipes
from visavis.files import to_json
from visavis.recipe import Recipe, override
from visavis.run import run
from visavis.session import Options


def prepare(name: str | None, changes: Mapping[str, str], lr: str | None = None) -> Recipe:
    """The named recipe (the default one for None) with fields changed; ``lr`` sets every network's rate."""
    recipe = recipes.get(name or recipes.DEFAULT)
    rates = {} if lr is None else {f"adam.{network}.lr": lr for network in recipe.adam}
    return override(recipe, {**rates, **changes})


def train(
    recipe: str | Recipe = recipes.DEFAULT,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    lr: float | None = None,
    images: int | None = None,
    epochs: int | None = None,
    seconds: float | None = None,
    device: str = "auto",
    fresh: bool = False,
    init: str | Path | None = None,
    checkpoint_every: int | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Train a recipe, or go on where it stopped; returns what ``visavis train --json`` prints.

    ``fields`` set the recipe's fields, dots written as ``__``: ``train("digits", networks__G__z_dim=8)``.
    Raises :class:`visavis.UserError` for a mistake that the user can mend.
    """
    chosen = recipes.get(recipe) if isinstance(recipe, str) else recipe
    rates = {f"adam.{network}.lr": lr for network in chosen.adam} if lr is not None else {}
    source = {} if data is None else {"data.source": str(data)}
    named = {path.replace("__", "."): value for path, value in fields.items()}
    chosen = override(chosen, {path: _text(value) for path, value in (rates | source | named).items()})
    options = Options(
        out=Path(out) if out is not None else Path("runs") / chosen.name,
        images=images,
        epochs=epochs,
        seconds=seconds,
        device=device,
        fresh=fresh,
        init=None if init is None else Path(init),
        checkpoint_every=checkpoint_every,
        quiet=True,
    )
    return run(chosen, options)


def _text(value: Any) -> str:
    """A field's value as the command line gives it."""
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return value if isinstance(value, str) else to_json(value)
