"""The Siamese GAN on CIFAR-10's cats and dogs: S1 and S2 as they were written, and mended."""

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.data.augment import Augment
from visavis.networks import (
    CriticConfig,
    ProjectedBranch,
    ResidualBranch,
    ResidualGenerator,
    SiameseBranch,
    SiameseGenerator,
)
from visavis.objectives import Pairwise
from visavis.recipes.recipe import Recipe
from visavis.training.loop import Adam, Average

CATS_AND_DOGS = DataConfig(source="uoft-cs/cifar10", classes=("cat", "dog"), resolution=32)


def siamese_catsdogs_as_written() -> Recipe:
    """S1 exactly as it was written.

    Its defect stays: D has a quarter of G's rate and half of its steps, so the losses balance at ln 2 because
    D tells G nothing.
    """
    return Recipe(
        name="siamese-catsdogs-as-written",
        about="S1 as written: concat head, BCE 0.9/0.1, D starved; the baseline",
        data=CATS_AND_DOGS,
        networks={
            "G": SiameseGenerator(),
            "D": CriticConfig(branch=SiameseBranch(), head="concat", hidden=(256,), slope=0.2, dropout=0.3),
        },
        objective=Pairwise(
            loss="bce",
            kinds=("like", "unlike"),
            like_partner="fresh",
            smoothing=0.1,
            terms="mean",
            g_steps=2,
            joint=False,
        ),
        adam={"G": Adam(lr=2e-4, beta1=0.5, beta2=0.999), "D": Adam(lr=5e-5, beta1=0.5, beta2=0.999)},
        batch_size=128,
        images=1_000_000,
        average=Average(decay=0.999),
        precision="auto",
        channels_last=True,
        tick=2_560,
        snapshot_every=10_000,
    )


def siamese_catsdogs_2_as_written() -> Recipe:
    """S2 as it was written: 12,000 images (train and test), Conv-ReLU-BatchNorm branches, a score of
    dissimilarity.

    D raises the score of (real, fake) and lowers that of (real, real'), G lowers the former: S1's game with
    the sign turned, without smoothing, the two terms added.  "Two branches" is read as one branch run on both
    images, which is what Siamese means.  With no held-out images left, nothing can be said of memorisation.
    """
    base = siamese_catsdogs_as_written()
    adam = Adam(lr=1e-4, beta1=0.5, beta2=0.999)
    critic = CriticConfig(
        branch=SiameseBranch(features=None, order="act-norm"), head="concat", hidden=(512, 256), slope=0.0
    )
    objective = base.objective.model_copy(update={"smoothing": 0.0, "terms": "sum", "g_steps": 1})
    return base.model_copy(
        update={
            "name": "siamese-catsdogs-2-as-written",
            "about": "S2 as written: train and test together, flattened branches, equal rates",
            "data": CATS_AND_DOGS.model_copy(update={"split": "train+test"}),
            "networks": {**base.networks, "D": critic},
            "objective": objective,
            "adam": {"G": adam, "D": adam},
            "batch_size": 64,
            "images": 2_400_000,
            "snapshot_every": 12_000,
        }
    )


def siamese_catsdogs() -> Recipe:
    """S1 mended: the difference head (a margin instead of a similarity), R1 + R2, no norm, equal rates."""
    adam = Adam(lr=Ramp(start=5e-4, end=5e-5, images=600_000), beta1=0.0, beta2=0.99)
    return Recipe(
        name="siamese-catsdogs",
        about="cats and dogs, 32×32: difference head, R1 + R2, residual nets, mirrored images",
        data=CATS_AND_DOGS.model_copy(update={"flip": True}),
        networks={
            "G": ResidualGenerator(widths=(128, 64, 32, 16), z_dim=64),
            "D": CriticConfig(
                branch=ResidualBranch(widths=(128, 64, 32, 16), features=128), head="difference"
            ),
        },
        objective=Pairwise(loss="relativistic", r1=0.05, r2=0.05, penalty_every=4),
        adam={"G": adam, "D": adam},
        batch_size=32,
        images=1_000_000,
        average=Average(halflife=8_000),
        channels_last=True,
        conditional=True,
        tick=2_560,
        snapshot_every=25_000,
    )


def projected_catsdogs() -> Recipe:
    """The pair game on frozen features of ``cifar10r`` (Sauer et al. 2021), so judged in ``cifar10s``."""
    base = siamese_catsdogs()
    adam = Adam(lr=Ramp(start=5e-4, end=5e-5, images=300_000), beta1=0.0, beta2=0.99)
    return base.model_copy(
        update={
            "name": "projected-catsdogs",
            "about": "cats and dogs, 32×32: the difference head on frozen features, DiffAugment, no penalty",
            "networks": {
                "G": ResidualGenerator(widths=(128, 64, 32, 16), z_dim=64),
                "D": CriticConfig(branch=ProjectedBranch(), head="difference"),
            },
            "objective": Pairwise(
                loss="relativistic", augment=Augment(policy=("color", "translation", "cutout"))
            ),
            "adam": {"G": adam, "D": adam},
            "images": 300_000,
        }
    )


def siamese_catsdogs_2() -> Recipe:
    """S2 mended as S1 is, on S2's 12,000 images."""
    base = siamese_catsdogs()
    return base.model_copy(
        update={
            "name": "siamese-catsdogs-2",
            "about": "as siamese-catsdogs, on train and test together (12,000 images)",
            "data": base.data.model_copy(update={"split": "train+test"}),
        }
    )


def siamese_catsdogs_64() -> Recipe:
    """The same game at 64×64, from bicubically upsampled images."""
    base = siamese_catsdogs()
    generator, critic = base.networks["G"], base.networks["D"]
    assert isinstance(generator, ResidualGenerator) and isinstance(critic, CriticConfig)
    branch = critic.branch
    assert isinstance(branch, ResidualBranch)
    return base.model_copy(
        update={
            "name": "siamese-catsdogs-64",
            "about": "as siamese-catsdogs at 64×64, from upsampled images",
            "data": base.data.model_copy(update={"resolution": 64}),
            "networks": {
                "G": generator.model_copy(update={"widths": (*generator.widths, 16)}),
                "D": critic.model_copy(
                    update={"branch": branch.model_copy(update={"widths": (*branch.widths, 16)})}
                ),
            },
        }
    )
