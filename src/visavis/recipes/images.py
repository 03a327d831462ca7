"""Your own pictures: ``visavis train images --data photos/ [--size small]``."""

from visavis.data import DataConfig
from visavis.data.facts import Facts
from visavis.recipes.recipe import Recipe
from visavis.recipes.sizes import Plan

NOMINAL = Facts(images=1_000, resolution=64, channels=3, spread=2_000.0, handedness=0.0)
"""What the recipe stands at before it has seen pictures."""


def images() -> Recipe:
    """Any folder of pictures, from 100 up: everything follows from them and from --size.

    ``visavis train images --data photos/``; ends with a sheet, a score and a page.  docs/own-pictures.md.
    """
    plan = Plan()
    return Recipe(
        name="images",
        about="your own pictures, from 100 up, 16 to 256 px: everything follows from them and from --size",
        data=DataConfig(source="photos", resolution=NOMINAL.resolution),
        plan=plan,
        judged=True,
        **plan.fields(NOMINAL),
    )
