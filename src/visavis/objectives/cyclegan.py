"""CycleGAN: two generators that undo each other, and a critic for each side; no pairs are needed.

Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks".
"""

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from visavis.core import Batch, Config, Nets, Phase, Scalars, Value, value_at
from visavis.data import AnyData
from visavis.data.pool import ImagePool
from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.losses.translation import cycle_consistency, identity
from visavis.objectives.fit import Networks, check_patch_critics, check_translators, takes_pairs
from visavis.objectives.translation import pairs_of


class Handoff:
    """A step's generated images, which G's phase leaves to D's: D learns from what fooled it."""

    def __init__(self) -> None:
        self.fakes: tuple[Tensor, Tensor] | None = None


class CycleGAN(Config):
    """G_ab and G_ba against D_b and D_a, and back again.

    ``cycle``: weight λ of the cycle consistency.  ``identity``: weight of the identity loss, as a fraction of
    λ; 0 leaves its passes out.  ``pool``: images that each of the two pools holds for its critic; 0: none.
    The two sides go through a network as one batch, so a norm of "batch" would mix their moments.
    """

    kind: Literal["cyclegan"] = "cyclegan"
    task: ClassVar[str] = "translate"
    averaged: ClassVar[tuple[str, ...]] = ("G_ab", "G_ba")
    real_batches: ClassVar[int] = 1
    loss: Literal["least-squares", "nonsaturating", "minimax", "hinge", "wasserstein"] = "least-squares"
    cycle: Value = 10.0
    identity: Value = 0.5
    pool: NonNegativeInt = 50

    def phases(self) -> tuple[Phase, ...]:
        """Both generators, then both critics on the images that these made (or older ones of the pools)."""
        handoff = Handoff()
        return (
            Phase(("G_ab", "G_ba"), partial(self.g_loss, handoff=handoff)),
            Phase(("D_a", "D_b"), partial(self.d_loss, handoff=handoff)),
        )

    def state(self) -> dict[str, nn.Module]:
        """A pool for each side."""
        return {f"pool_{side}": ImagePool(self.pool) for side in "ab"} if self.pool else {}

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless both G translate and both D see patches of single images."""
        factor = takes_pairs(self.kind, data).factor
        if factor != 1:
            raise ValueError(f"inputs {factor} times smaller have no way back; give --data.made_by another")
        check_translators(networks, "G_ab", "G_ba")
        check_patch_critics(networks, "D_a", "D_b", alone=True)

    def g_loss(self, nets: Nets, batch: Batch, images: int, handoff: Handoff) -> tuple[Tensor, Scalars]:
        """Look like the other side, come back, and leave alone what is there already."""
        a, b = pairs_of(batch, 0, 1)
        same = value_at(self.identity, images) != 0
        to_b, to_a = nets["G_ab"], nets["G_ba"]
        fake_b, kept_b = _halves(to_b(torch.cat([a, b]))) if same else (to_b(a), b)
        fake_a, kept_a = _halves(to_a(torch.cat([b, a]))) if same else (to_a(b), a)
        handoff.fakes = fake_a.detach(), fake_b.detach()
        game = ADVERSARIAL_LOSSES[self.loss]
        fooled = game.g(nets["D_b"](fake_b)) + game.g(nets["D_a"](fake_a))
        back = cycle_consistency(a, to_a(fake_b), b, to_b(fake_a))
        kept = identity(a, kept_a, b, kept_b)
        weight = value_at(self.cycle, images)
        total = fooled + weight * (back + value_at(self.identity, images) * kept)
        scalars = {"loss/G": fooled, "distance/cycle": back / 2}
        return total, scalars | ({"distance/identity": kept / 2} if same else {})

    def d_loss(self, nets: Nets, batch: Batch, images: int, handoff: Handoff) -> tuple[Tensor, Scalars]:
        """Tell each side's images from generated ones, old and new."""
        assert handoff.fakes is not None
        losses, rights = [], []
        for side, real, fresh in zip("ab", pairs_of(batch, 0, 1), handoff.fakes, strict=True):
            fake = nets[f"pool_{side}"](fresh).x if self.pool else fresh
            on_real, on_fake = _halves(nets[f"D_{side}"](torch.cat([real, fake])))
            losses.append(ADVERSARIAL_LOSSES[self.loss].d(on_real, on_fake))
            rights.append((on_real.mean((1, 2)) > on_fake.mean((1, 2))).float().mean())
        handoff.fakes = None
        scalars = {"loss/D": sum_of(losses), "accuracy/a": rights[0], "accuracy/b": rights[1]}
        return scalars["loss/D"], scalars


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    first, second = x.chunk(2)
    return first, second


def sum_of(terms: list[Tensor]) -> Tensor:
    """The sum, as a tensor."""
    return torch.stack(terms).sum()
