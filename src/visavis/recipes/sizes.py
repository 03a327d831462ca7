"""The one dial: a size from which, with what the pictures are like, every field of a recipe follows.

Rules that were measured say where; docs/own-pictures.md has the figures.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from visavis.core import Config, Ramp
from visavis.data.augment import Augment
from visavis.data.facts import Facts
from visavis.errors import UserError
from visavis.networks import CriticConfig, ResidualBranch, ResidualGenerator
from visavis.networks.stages import BASES
from visavis.objectives import Pairwise
from visavis.recipes.watch import Watch
from visavis.training.loop import Adam, Average

SizeName = Literal["tiny", "small", "medium", "large"]


class Size(NamedTuple):
    """``width``: channels of the stage at 32 pixels, so of 64 pixels half as many, at least :data:`NARROWEST`
    (a stage costs what any other costs), ``widest`` of the coarsest.  ``side``: the largest that is chosen.
    """

    width: int
    widest: int
    blocks: int
    side: int
    batch_size: int
    lr: float
    images: int

    def networks(self, side: int) -> dict[str, ResidualGenerator | CriticConfig]:
        """G and D for pictures of ``side`` pixels."""
        width = max(self.width * 32 // max(side, 32), NARROWEST)
        stages = {"width": width, "widest": self.widest, "blocks": self.blocks}
        branch = ResidualBranch.model_validate({**stages, "features": self.widest})
        return {
            "G": ResidualGenerator.model_validate({**stages, "z_dim": 64}),
            "D": CriticConfig(branch=branch, head="difference"),
        }


SIZES: dict[SizeName, Size] = {
    "tiny": Size(8, 64, 1, 32, 16, 1e-3, 50_000),
    "small": Size(16, 128, 1, 64, 16, 7e-4, 200_000),
    "medium": Size(32, 256, 1, 128, 32, 5e-4, 1_000_000),
    "large": Size(64, 512, 2, 256, 64, 3e-4, 5_000_000),
}
NARROWEST = 8
SMALLEST, LARGEST = 16, 256
"""Sides of the pictures that are made, in pixels."""
FEWEST, FEWEST_OF_A_CLASS = 100, 20
"""Pictures."""
GAMMA = 1e-4
"""γ of R1 and R2, as a part of the pictures' spread (docs/log.md has the trials)."""
ALIKE = 0.05
"""Handedness below which pictures may be mirrored."""
FEW = 10_000
"""Pictures; fewer are augmented, as far as D has learned them by heart (ADA)."""
PASSES = 50
"""Passes over the pictures in which ADA's probability can rise from 0 to 1: at 10,000 the paper's 500,000."""
LOOKS, JUDGED, SPARED = 8, 500, 10
"""Snapshots and, at most, evaluations on the way; images that one judges, at most, and how many times as many
are trained between two, since they cost time."""
ENOUGH = 0.2
"""The part of a size's images below which it is told to be too little."""


def sides() -> list[int]:
    """The sides that the networks reach."""
    return sorted(base * 2**k for base in BASES for k in range(8) if SMALLEST <= base * 2**k <= LARGEST)


class Plan(Config):
    """That a recipe follows from its pictures: :mod:`visavis.runs.planning` settles it once, at the start.

    ``given``: the fields that the user set, which stay as they are.  ``facts``: what was found then; None:
    nothing is settled yet.
    """

    size: SizeName = "small"
    given: Mapping[str, str] = {}
    facts: Facts | None = None

    @property
    def enough(self) -> int:
        """The images below which a training of this size is too short."""
        return round(ENOUGH * SIZES[self.size].images)

    def side_for(self, short: int, asked: int | None = None) -> int:
        """The side for pictures whose own short side is ``short``: what is ``asked`` for, else the largest
        that neither they nor the size fall short of; refuses what is smaller or larger than all.
        """
        if asked is not None:
            if not SMALLEST <= asked <= LARGEST:
                raise UserError(
                    f"resolution {asked} (allowed: {SMALLEST} to {LARGEST}); give another --resolution"
                )
            return asked
        fitting = [side for side in sides() if side <= min(short, SIZES[self.size].side)]
        if not fitting:
            raise UserError(
                f"pictures of {short} pixels (allowed: {SMALLEST} and more); give larger ones, or have them "
                f"enlarged: --resolution {SMALLEST}"
            )
        return fitting[-1]

    def check(self, name: str, found: Facts, conditional: bool) -> None:
        """Refuse pictures of which nothing can be learned."""
        if found.images < FEWEST:
            raise UserError(
                f"'{name}' has {found.images} pictures (allowed: {FEWEST} and more); add pictures, "
                "they need not be alike"
            )
        if found.spread == 0:
            raise UserError(
                f"the pictures of '{name}' are all the same (allowed: different ones); add others"
            )
        least = min(found.classes, key=lambda each: found.classes[each], default=None)
        if conditional and least is not None and found.classes[least] < FEWEST_OF_A_CLASS:
            raise UserError(
                f"class '{least}' has {found.classes[least]} pictures (allowed: {FEWEST_OF_A_CLASS} and "
                "more); add some, name the others with --classes, or learn all as one: --conditional false"
            )

    def fields(self, found: Facts, images: int | None = None) -> dict[str, Any]:
        """The recipe's fields for these pictures and so many ``images`` of training (None: the size's)."""
        size = SIZES[self.size]
        images = images or size.images
        networks = size.networks(found.resolution)
        adam = Adam(lr=Ramp(start=size.lr, end=size.lr / 10, images=images), beta1=0.0, beta2=0.99)
        gamma = float(f"{GAMMA * found.spread:.3g}")
        judged = min(found.images, JUDGED)
        looks = min(LOOKS, max(images // (SPARED * judged), 1))
        return {
            "networks": networks,
            "objective": Pairwise(
                loss="relativistic", r1=gamma, r2=gamma, penalty_every=4, augment=augmentation(found)
            ),
            "adam": dict.fromkeys(networks, adam),
            "batch_size": size.batch_size,
            "images": images,
            "average": Average(halflife=min(max(images / 25, 400), 10_000)),
            "precision": "fp32" if size.width < 32 else "auto",
            "channels_last": True,
            "conditional": len(found.classes) > 1,
            "tick": max(images // 100, size.batch_size),
            "snapshot_every": max(images // LOOKS, size.batch_size),
            "watch": Watch(every=max(images // looks, size.batch_size), samples=judged),
        }


def augmentation(found: Facts) -> Augment:
    """DiffAugment's three, as often as ADA finds it right; none of many pictures."""
    if found.images >= FEW:
        return Augment()
    return Augment(policy=("translation", "cutout", "color"), target=0.6, ramp=PASSES * found.images)
