"""Recipes on the embedded digits: minutes on a laptop, and a known answer (how many modes are covered)."""

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.networks import CriticConfig, ResidualBranch, ResidualGenerator
from visavis.objectives import Pairwise
from visavis.recipes.recipe import Recipe
from visavis.training.loop import Adam, Average


def stacked_digits() -> Recipe:
    """Three digits as the channels of one 8×8 image: 1,000 modes to cover.  The default recipe.

    Batches of 32 rather than 64: of one number of images twice the steps, and half of the KL.
    """
    images = 350_000
    adam = Adam(lr=Ramp(start=7e-4, end=5e-5, images=images), beta1=0.0, beta2=0.99)
    return Recipe(
        name="stacked-digits",
        about="1,000 modes of stacked 8×8 digits; small residual nets, difference head, R1 + R2",
        data=DataConfig(source="stacked-digits", channels="stacked"),
        networks={
            "G": ResidualGenerator(widths=(64, 32), z_dim=64),
            "D": CriticConfig(branch=ResidualBranch(widths=(64, 32), features=64), head="difference"),
        },
        objective=Pairwise(loss="relativistic", r1=0.5, r2=0.5, penalty_every=4),
        adam={"G": adam, "D": adam},
        batch_size=32,
        images=images,
        average=Average(halflife=5_000),
        channels_last=True,
        tick=1_280,
        snapshot_every=25_600,
        metrics=("stacked-modes",),
    )


def digits() -> Recipe:
    """Single grey digits with the same game."""
    base, images = stacked_digits(), 100_000
    adam = Adam(lr=Ramp(start=7e-4, end=5e-5, images=images), beta1=0.0, beta2=0.99)
    return base.model_copy(
        update={
            "name": "digits",
            "about": "8×8 grey digits, ten modes, class-conditional; the same nets and game",
            "data": DataConfig(source="digits"),
            "conditional": True,
            "adam": {"G": adam, "D": adam},
            "images": images,
            "metrics": ("digit-modes",),
            "metric_samples": 10_000,
        }
    )
