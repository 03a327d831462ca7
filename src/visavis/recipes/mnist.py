"""Recipes on MNIST at 28×28: pictures that anyone can read in four minutes, and 1,000 modes."""

from typing import Any

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.networks import (
    CriticConfig,
    DCGANBranch,
    DCGANGenerator,
    ResidualBranch,
    ResidualGenerator,
    UpsamplingGenerator,
)
from visavis.objectives import Pairwise
from visavis.recipes.recipe import Recipe
from visavis.training.loop import Adam, Average


def mnist() -> Recipe:
    """Grey digits of ten classes, a class at will.  The default recipe.

    ``visavis train``, or with all of MNIST: ``visavis train mnist --data ylecun/mnist``.
    """
    images = 150_000
    adam = Adam(lr=Ramp(start=1e-3, end=1e-4, images=images), beta1=0.0, beta2=0.9)
    branch = DCGANBranch(width=32, widest=128, norm="spectral")
    return Recipe(
        name="mnist",
        about="28×28 handwritten digits, a class at will; difference head, spectral normalisation",
        data=DataConfig(source="mnist-10k"),
        networks={
            "G": UpsamplingGenerator(widths=(64, 64, 48, 32, 24), conditioning="norm"),
            "D": CriticConfig(branch=branch, head="difference"),
        },
        objective=Pairwise(loss="relativistic"),
        adam={"G": adam, "D": adam},
        batch_size=64,
        images=images,
        average=Average(halflife=Ramp(start=500, end=2_000, images=images)),
        channels_last=True,
        conditional=True,
        tick=1_280,
        snapshot_every=20_000,
    )


def small_nets(**fields: Any) -> tuple[DCGANGenerator, DCGANBranch]:
    """DCGAN's networks, without normalisation in D, for R1 and R2: no layer at full resolution, so four times
    as many images a second as residual ones of as many weights (docs/log.md).
    """
    g = DCGANGenerator.model_validate({"width": 32, "widest": 128, "z_dim": 64, "class_dim": 16, **fields})
    branch = DCGANBranch.model_validate(
        {"width": g.width, "widest": g.widest, "coarse": g.coarse, "norm": "none"}
    )
    return g, branch


def residual_mnist() -> Recipe:
    """Small residual nets after R3GAN (Huang et al. 2024), R1 + R2; docs/failures.md breaks it on purpose."""
    base, images = mnist(), 40_000
    adam = Adam(lr=Ramp(start=1e-3, end=1e-4, images=images), beta1=0.0, beta2=0.99)
    return base.model_copy(
        update={
            "name": "residual-mnist",
            "about": "small residual nets, difference head, R1 + R2, unconditional",
            "networks": {
                "G": ResidualGenerator(width=16, widest=64, z_dim=64),
                "D": CriticConfig(branch=ResidualBranch(width=16, widest=64, features=64), head="difference"),
            },
            "objective": Pairwise(loss="relativistic", r1=1.0, r2=1.0, penalty_every=4),
            "adam": {"G": adam, "D": adam},
            "batch_size": 32,
            "images": images,
            "average": Average(halflife=Ramp(start=500, end=4_000, images=images)),
            "conditional": False,
            "tick": 640,
            "snapshot_every": 8_000,
        }
    )


def stacked_mnist() -> Recipe:
    """Three random digits as the channels of one image: 1,000 modes, the benchmark of the literature."""
    base, images = mnist(), 2_400_000
    g, branch = small_nets(z_dim=100)
    adam = Adam(lr=Ramp(start=1e-3, end=5e-5, images=images), beta1=0.0, beta2=0.99)
    return base.model_copy(
        update={
            "name": "stacked-mnist",
            "about": "1,000 modes of stacked 28×28 digits; DCGAN's nets, difference head, R1 + R2",
            "networks": {"G": g, "D": CriticConfig(branch=branch, head="difference")},
            "data": DataConfig(source="stacked-mnist-10k", channels="stacked"),
            "objective": Pairwise(loss="relativistic", r1=0.5, r2=0.5, penalty_every=4),
            "conditional": False,
            "batch_size": 64,
            "adam": {"G": adam, "D": adam},
            "images": images,
            "average": Average(halflife=Ramp(start=500, end=10_000, images=images)),
            "tick": 2_560,
            "snapshot_every": 100_000,
        }
    )
