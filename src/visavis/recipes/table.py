"""What ``visavis recipes`` prints: computed sizes, and scores that were measured."""

import json
from importlib.resources import files
from typing import Any

import torch

from visavis.core import Shape
from visavis.networks import build, parameters
from visavis.recipes import RECIPES
from visavis.recipes.recipe import Recipe

EMBEDDED = {
    "digits": Shape(1, 8),
    "stacked-digits": Shape(3, 8),
    "mnist-10k": Shape(1, 28),
    "stacked-mnist-10k": Shape(3, 28),
}


def describe_all() -> list[dict[str, Any]]:
    """``[{"name", "about", "data", "resolution", "parameters": {network: int}, "scores": […]}]``."""
    scores = json.loads(files("visavis.recipes").joinpath("scores.json").read_text())
    return [describe(make(), scores.get(name, [])) for name, make in RECIPES.items()]


def describe(recipe: Recipe, scores: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the table; the networks are built without memory (on the meta device) to be counted."""
    data = recipe.data
    shape = EMBEDDED.get(data.source) or Shape(3, data.resolution or 32)
    classes = 0 if not recipe.conditional else len(data.classes) or 10
    with torch.device("meta"):
        networks = build(recipe.networks, shape, classes)
    return {
        "name": recipe.name,
        "about": recipe.about,
        "data": data.source + (f" ({', '.join(data.classes)}; {data.split})" if data.classes else ""),
        "resolution": shape.resolution,
        "parameters": {name: parameters(net) for name, net in networks.items()},
        "scores": scores,
    }
