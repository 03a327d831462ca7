"""Recipes on MNIST at 28×28: pictures that anyone can read in four minutes, and 1,000 modes."""

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.networks import CriticConfig, ResidualBranch, ResidualGenerator
from visavis.objectives import Pairwise
from visavis.recipes.recipe import Recipe
from visavis.training.loop import Adam, Average


def mnist() -> Recipe:
    """Grey digits of ten classes, a class at will.  The default recipe.

    ``visavis train``, or with all of MNIST: ``visavis train mnist --data ylecun/mnist``.
    """
    images = 40_000
    adam = Adam(lr=Ramp(start=1e-3, end=1e-4, images=images), beta1=0.0, beta2=0.99)
    return Recipe(
        name="mnist",
        about="28×28 handwritten digits, a class at will; small residual nets, difference head, R1 + R2",
        data=DataConfig(source="mnist-10k"),
        networks={
            "G": ResidualGenerator(width=16, widest=64, z_dim=64),
            "D": CriticConfig(branch=ResidualBranch(width=16, widest=64, features=64), head="difference"),
        },
        objective=Pairwise(loss="relativistic", r1=1.0, r2=1.0, penalty_every=4),
        adam={"G": adam, "D": adam},
        batch_size=32,
        images=images,
        average=Average(halflife=Ramp(start=500, end=4_000, images=images)),
        channels_last=True,
        conditional=True,
        tick=640,
        snapshot_every=8_000,
    )


def stacked_mnist() -> Recipe:
    """Three random digits as the channels of one image: 1,000 modes, the benchmark of the literature."""
    base, images = mnist(), 720_000
    adam = Adam(lr=Ramp(start=1e-3, end=5e-5, images=images), beta1=0.0, beta2=0.99)
    return base.model_copy(
        update={
            "name": "stacked-mnist",
            "about": "1,000 modes of stacked 28×28 digits; the nets and game of mnist, without classes",
            "data": DataConfig(source="stacked-mnist-10k"),
            "objective": Pairwise(loss="relativistic", r1=0.5, r2=0.5, penalty_every=4),
            "conditional": False,
            "adam": {"G": adam, "D": adam},
            "images": images,
            "average": Average(halflife=Ramp(start=500, end=10_000, images=images)),
            "tick": 1_280,
            "snapshot_every": 25_600,
        }
    )
