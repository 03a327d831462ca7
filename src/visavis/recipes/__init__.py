"""Recipes: a name -> the function that returns it.  A variant calls another and changes it."""

from collections.abc import Callable

from visavis.errors import unknown
from visavis.recipe import Recipe
from visavis.recipes import digits, siamese

DEFAULT = "stacked-digits"

RECIPES: dict[str, Callable[[], Recipe]] = {
    "stacked-digits": digits.stacked_digits,
    "digits": digits.digits,
    "siamese-catsdogs": siamese.siamese_catsdogs,
    "siamese-catsdogs-64": siamese.siamese_catsdogs_64,
    "siamese-catsdogs-as-written": siamese.siamese_catsdogs_as_written,
    "siamese-catsdogs-2": siamese.siamese_catsdogs_2,
    "siamese-catsdogs-2-as-written": siamese.siamese_catsdogs_2_as_written,
}


def get(name: str) -> Recipe:
    """The recipe of that name; raises :class:`UserError` with the nearest one."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]()
