"""Augmentations of what a critic sees, differentiable (twice) in the images.

S. Zhao, Z. Liu, J. Lin, J.-Y. Zhu, S. Han, "Differentiable Augmentation for Data-Efficient GAN Training",
NeurIPS 2020, arXiv 2006.10738: translation by up to 1/8 of the side, a cutout of half the side, brightness
± 1/2, saturation × 0 … 2, contrast × 1/2 … 3/2, for real and fake images alike.  T. Karras, M. Aittala,
J. Hellsten, S. Laine, J. Lehtinen, T. Aila, "Training Generative Adversarial Networks with Limited Data",
NeurIPS 2020, arXiv 2006.06676 (ADA): the probability follows what D says of real images.  Written from the
papers.

Drawing and applying are two functions, so that both members of a pair can get the same augmentation.
"""

from typing import Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from visavis import errors
from visavis.core import Config, Names, Value, ends_of, value_at
from visavis.data.operations import OPERATIONS, Parameters
from visavis.errors import UserError
from visavis.training import parallel

POLICIES = tuple(OPERATIONS)

Draws = dict[str, Parameters]
"""The parameters of each operation of a policy, in the order in which they are done."""


class Augment(Config):
    """Which augmentations, and how many of the images get them."""

    policy: Names = ()
    """Any of ``flip``, ``translation``, ``rotation``, ``cutout``, ``color``, ``jitter``; empty does
    nothing."""
    p: Value = 1.0
    """Probability that an image gets an augmentation, in [0, 1], a coin for each of them; may be scheduled
    in images."""
    target: float | None = Field(None, gt=0, lt=1)
    """ADA: in place of ``p``, a probability that rises while the mean of sign(D) on real images is above
    ``target`` (the paper's is 0.6) and falls while it is below."""
    ramp: PositiveInt = 500_000
    """Images in which ADA's probability can rise from 0 to 1."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.policy:
            if name not in POLICIES:
                raise errors.unknown("augmentation", name, POLICIES)
        if not all(0 <= end <= 1 for end in ends_of(self.p)):
            raise UserError(f"augmentation probability {self.p} (allowed: 0 to 1); mend p")
        if self.target is not None and not self.policy:
            raise UserError(
                f"an adaptive augmentation (target {self.target}) of nothing; give the policy too, "
                "as in --objective.augment.policy flip,translation"
            )
        return self

    def state(self) -> dict[str, nn.Module]:
        """ADA's probability, where it adapts."""
        return {} if self.target is None else {"ada": AdaptiveProbability()}


class AdaptiveProbability(nn.Module):
    """ADA's probability, a buffer that a checkpoint holds: from 0, between 0 and 1 (ADA: section 3.1)."""

    p: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("p", torch.zeros(()))

    @torch.no_grad()
    def follow(self, scores: Tensor, target: float, step: float) -> Tensor:
        """Move by ``step`` towards where the mean of sign(``scores``) is ``target``; returns that mean.

        ``scores: [N]`` are those that D raises where it is right, over all processes.
        """
        mean = parallel.mean(scores.float().sign().mean())
        self.p.add_(step * (mean - target).sign()).clamp_(0, 1)
        return mean


def draw(
    n: int,
    augment: Augment,
    resolution: int,
    images: int = 0,
    device: torch.device | None = None,
    shared: bool = False,
    p: Tensor | None = None,
) -> Draws:
    """Random parameters for ``n`` images of ``resolution`` pixels after ``images`` images of training.

    ``shared``: one draw for all images of the step, for pairs whose members have unlike indices.  ``p``: a
    probability in place of the configuration's.  Always takes the same numbers from the generator, whatever
    the policy and the number of processes.
    """
    probability = value_at(augment.p, images) if p is None else p
    wanted = [1 + operation.numbers for operation in OPERATIONS.values()]
    total = sum(wanted)
    numbers = (
        torch.rand(1, total, device=device).expand(n, total)
        if shared
        else parallel.rand(n, total, device=device)
    )
    parts = torch.split(numbers, wanted, dim=1)
    return {
        name: operation.draw(u[:, 1:], u[:, 0] < probability, resolution)
        for (name, operation), u in zip(OPERATIONS.items(), parts, strict=True)
        if name in augment.policy
    }


def augment(x: Tensor, draws: Draws) -> Tensor:
    """Augment images ``[N, C, H, W]`` in [-1, 1]; colours may leave that range, as in the papers.

    The same ``draws`` for both members of a pair give both the same augmentation.
    """
    for name, parameters in draws.items():
        x = OPERATIONS[name].apply(x, *parameters)
    return x
