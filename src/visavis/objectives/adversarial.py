"""What every game between a generator and a critic shares: fakes, augmentation, penalties, when due."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from visavis.core import Batch, Config, Every, Images, Nets, Phase, Scalars, Value, value_at
from visavis.data.augment import Augment, augment, draw
from visavis.losses.penalties import squared_gradients
from visavis.networks.critic import PairCritic
from visavis.training import parallel


def critic_of(nets: Nets) -> PairCritic:
    """The network D, known to be a pair critic."""
    critic = nets["D"]
    assert isinstance(critic, PairCritic)
    return critic


def generate(nets: Nets, like: Images) -> Images:
    """Fresh latents through G, one image for each of ``like`` and of its class."""
    z = parallel.randn(len(like.x), nets["G"].z_dim, device=like.x.device)  # type: ignore[arg-type]
    return Images(nets["G"](z, like.y), like.y)


def part_of(batch: Batch, index: int, parts: int) -> Images:
    """The ``index``-th of the ``parts`` real batches of a step."""
    assert isinstance(batch, Images)
    labels = None if batch.y is None else batch.y.chunk(parts)[index]
    return Images(batch.x.chunk(parts)[index], labels)


def watched(images: Images) -> Images:
    """The same images as leaves, for gradients with respect to them."""
    return images._replace(x=images.x.detach().requires_grad_(True))


@dataclass(frozen=True)
class Otherwise:
    """Due when ``due`` is not."""

    due: Callable[[int, int], bool]

    def __call__(self, step: int, images: int = 0) -> bool:
        """Whether the phase runs at ``step``."""
        return not self.due(step, images)


class Adversarial(Config):
    """Fields and phases common to :class:`GAN` and :class:`Pairwise`.

    ``r1``, ``r2``: γ of the penalties γ/2 · E‖∇D‖² on real and on generated images; they are taken every
    ``penalty_every`` steps and then weighted by as much (lazy).  ``joint``: real and generated images go
    through the branch as one batch (faster; not for a branch with BatchNorm, whose moments would mix).
    """

    task: ClassVar[str] = "generate"

    r1: Value = 0.0
    r2: Value = 0.0
    penalty_every: PositiveInt = 1
    d_steps: PositiveInt = 1
    g_steps: PositiveInt = 1
    joint: bool = True
    augment: Augment = Augment()

    @property
    def averaged(self) -> tuple[str, ...]:
        """G has an average."""
        return ("G",)

    def state(self) -> dict[str, nn.Module]:
        """Nothing beside the networks."""
        return {}

    def d_phases(self, loss: Callable[..., tuple[Tensor, Scalars]]) -> list[Phase]:
        """``d_steps`` phases of D, each on real images of its own.

        With lazy penalties each is two that take turns, with and without: one optimiser step a step either
        way, so that Adam's rate needs no correction.
        """
        phases = []
        for index in range(self.d_steps):
            plain = partial(loss, index=index, penalise=False)
            full = partial(loss, index=index, penalise=True)
            if self.r1 == 0 and self.r2 == 0:
                phases.append(Phase(("D",), plain))
            elif self.penalty_every == 1:
                phases.append(Phase(("D",), full))
            else:
                due = Every(self.penalty_every)
                phases += [Phase(("D",), full, due), Phase(("D",), plain, Otherwise(due))]
        return phases

    def augmentation(self, like: Images, images: int, shared: bool) -> Callable[[Tensor], Tensor]:
        """One draw of the augmentation for both members of pairs; ``shared``: one for all images."""
        if not self.augment.policy:
            return lambda x: x
        n, device = len(like.x), like.x.device
        draws = draw(n, self.augment, like.x.shape[-1], images, device, shared=shared)
        return lambda x: augment(x, draws)

    def embed(
        self, critic: PairCritic, batches: list[Images], view: Callable[[Tensor], Tensor]
    ) -> list[Tensor]:
        """Each batch's embeddings, the branch run once per image."""
        if not self.joint:
            return [critic.embed(view(x), y) for x, y in batches]
        x = torch.cat([view(x) for x, _ in batches])
        labels = [y for _, y in batches if y is not None]
        embedded = critic.embed(x, torch.cat(labels) if labels else None)
        return list(torch.split(embedded, [len(x) for x, _ in batches]))

    def penalty(self, scores: Tensor, real: Tensor, fake: Tensor, images: int) -> tuple[Tensor, Scalars]:
        """γ/2 (R1 + R2), and both; ``scores`` holds each image's mean score over its partners."""
        on_real, on_fake = (squares.mean() for squares in squared_gradients(scores, real, fake))
        total = (value_at(self.r1, images) * on_real + value_at(self.r2, images) * on_fake) / 2
        return self.penalty_every * total, {"penalty/r1": on_real, "penalty/r2": on_fake}
