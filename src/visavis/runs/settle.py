"""What the machine decides of a run, once, at its start; it is recorded and never chosen anew on resume."""

from pathlib import Path

import torch

from visavis import files
from visavis.recipes.recipe import Recipe
from visavis.training.devices import gains_by_bf16, multiplies_bf16


def settled(recipe: Recipe, out: Path | None, device: torch.device) -> Recipe:
    """The recipe with its precision settled: that of the run in ``out``, else what the hardware is for."""
    if recipe.precision != "auto":
        return recipe
    chosen = _recorded(out) or ("bf16" if gains_by_bf16(device) else "fp32")
    return recipe.model_copy(update={"precision": chosen})


def _recorded(out: Path | None) -> str | None:
    """The precision of the run that stands in ``out``, if one does; whether it may go on is asked later."""
    if out is None or not (out / "recipe.json").exists():
        return None
    try:
        found = files.read_json(out / "recipe.json")["recipe"].get("precision", "fp32")
    except (AttributeError, KeyError, TypeError):
        return None
    return found if found in ("fp32", "bf16") else None


def said_of_precision(asked: Recipe, recipe: Recipe, device: torch.device) -> str | None:
    """One line on what ``auto`` became, or on bf16 that is emulated; None where there is nothing to say."""
    place = "processor" if device.type == "cpu" else "GPU"
    can = multiplies_bf16(device)
    if recipe.precision == "bf16" and not can:
        return (
            f"precision bf16, which this {place} emulates, many times slower than fp32; "
            "a new run can take --precision fp32"
        )
    if asked.precision != "auto":
        return None
    gains = gains_by_bf16(device)
    able = "multiplies bf16" if gains else "gains nothing by bf16" if can else "has no bf16 arithmetic"
    as_hardware = (recipe.precision == "bf16") == gains
    why = f"auto: this {place} {able}" if as_hardware else "as this run was begun"
    return f"precision {recipe.precision} ({why})"
