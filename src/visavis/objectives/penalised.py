"""Penalties on a critic's slope, for every game that has a critic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from pydantic import NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor

from visavis.core import Config, Images, Scalars, Value, value_at
from visavis.losses.penalties import finite_squares, interpolated, one_centred, squared_gradients
from visavis.objectives.sound import check_range
from visavis.training import parallel

Ask = Callable[[Tensor], Tensor]
"""Images ``[N, C, H, W]`` -> their scores ``[N]``."""


@dataclass(frozen=True)
class Judged:
    """The images of a D step and what D says of them.

    ``of_real``, ``of_fake``: ``[N]``, each image's score (its mean over its partners, where it has partners:
    then both are one tensor).  ``ask_real``, ``ask_fake``: the scores of other images in their place.
    """

    real: Tensor
    fake: Tensor
    of_real: Tensor
    of_fake: Tensor
    ask_real: Ask
    ask_fake: Ask


class Penalised(Config):
    """Weights of the penalties; they are taken every ``penalty_every`` steps and then weighted by as much
    (lazy).

    ``r1``, ``r2``: γ of γ/2 · E‖∇D‖² on real and on generated images (Mescheder et al. 2018, eq. 9).
    ``gradient_penalty``: λ of λ · E(‖∇D‖ - 1)² on random interpolates of the two (Gulrajani et al. 2017,
    eq. 3); ``zero_centred``: λ of λ · E‖∇D‖² there (Thanh-Tung et al. 2019, eq. 6).  ``finite``: a step σ
    with which ‖∇D‖² of R1 and R2 is taken as ((D(x + σε) - D(x)) / σ)², which needs no double backward; 0
    takes gradients.
    """

    r1: Value = 0.0
    r2: Value = 0.0
    gradient_penalty: Value = 0.0
    zero_centred: Value = 0.0
    penalty_every: PositiveInt = 1
    finite: NonNegativeFloat = 0.0

    @model_validator(mode="after")
    def _weights_are_no_rewards(self) -> Self:
        for name in ("r1", "r2", "gradient_penalty", "zero_centred"):
            check_range(name, getattr(self, name), 0)
        return self

    @property
    def on_images(self) -> bool:
        """Whether R1 or R2 is wanted."""
        return self.r1 != 0 or self.r2 != 0

    @property
    def on_interpolates(self) -> bool:
        """Whether a penalty between real and generated images is wanted."""
        return self.gradient_penalty != 0 or self.zero_centred != 0

    def watched(self, *batches: Images) -> list[Images]:
        """The batches, as leaves where gradients with respect to them are taken."""
        if not self.on_images or self.finite:
            return list(batches)
        return [images._replace(x=images.x.detach().requires_grad_(True)) for images in batches]

    def penalty(self, judged: Judged, images: int) -> tuple[Tensor, Scalars]:
        """What D pays for its slope, and each part before it is weighted."""
        total, parts = judged.of_real.new_zeros(()), Scalars()
        if self.on_images:
            on_real, on_fake = (squares.mean() for squares in self._squares(judged))
            parts |= {"penalty/r1": on_real, "penalty/r2": on_fake}
            total = total + (value_at(self.r1, images) * on_real + value_at(self.r2, images) * on_fake) / 2
        if self.on_interpolates:
            u = parallel.rand(len(judged.real), device=judged.real.device)
            between = interpolated(judged.real, judged.fake, u)
            (squares,) = squared_gradients(judged.ask_fake(between), between)
            parts |= {"penalty/slope": squares.mean().sqrt()}
            total = total + value_at(self.gradient_penalty, images) * one_centred(squares)
            total = total + value_at(self.zero_centred, images) * squares.mean()
        return self.penalty_every * total, parts

    def _squares(self, judged: Judged) -> tuple[Tensor, ...]:
        if not self.finite:
            one = judged.of_real is judged.of_fake
            scores = judged.of_real if one else torch.cat([judged.of_real, judged.of_fake])
            return squared_gradients(scores, judged.real, judged.fake)
        return (
            finite_squares(judged.ask_real(self._near(judged.real)), judged.of_real, self.finite),
            finite_squares(judged.ask_fake(self._near(judged.fake)), judged.of_fake, self.finite),
        )

    def _near(self, images: Tensor) -> Tensor:
        return images + self.finite * parallel.randn(*images.shape, device=images.device)
