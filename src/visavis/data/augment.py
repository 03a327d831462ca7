"""Augmentations of what a critic sees, differentiable (twice) in the images.

S. Zhao, Z. Liu, J. Lin, J.-Y. Zhu, S. Han, "Differentiable Augmentation for Data-Efficient GAN Training",
NeurIPS 2020, arXiv 2006.10738: translation by up to 1/8 of the side, a cutout of half the side, brightness
± 1/2, saturation × 0 … 2, contrast × 1/2 … 3/2, for real and fake images alike.  Written from the paper.

Drawing and applying are two functions, so that both members of a pair can get the same augmentation.
"""

from typing import NamedTuple, Self

import torch
from pydantic import model_validator
from torch import Tensor

from visavis import errors
from visavis.core import Config, Names, Value, value_at
from visavis.errors import UserError
from visavis.training import parallel

POLICIES = ("flip", "translation", "cutout", "color")

_SHIFT = 1 / 8  # of the side
_HOLE = 1 / 2  # of the side


class Augment(Config):
    """Which augmentations, and how many of the images get them."""

    policy: Names = ()
    """Any of ``flip``, ``translation``, ``cutout``, ``color``; empty does nothing."""
    p: Value = 1.0
    """Probability that an image is augmented, in [0, 1]; may be scheduled in images."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.policy:
            if name not in POLICIES:
                raise errors.unknown("augmentation", name, POLICIES)
        ends = (self.p,) if isinstance(self.p, float) else (self.p.start, self.p.end)
        if not all(0 <= end <= 1 for end in ends):
            raise UserError(f"augmentation probability {self.p} (allowed: 0 to 1); mend p")
        return self


class Draws(NamedTuple):
    """One draw for each image, all ``[N]``; None where the policy has no such augmentation."""

    flip: Tensor | None
    """bool"""
    shift: tuple[Tensor, Tensor] | None
    """Pixels down and to the right, int64."""
    hole: tuple[Tensor, Tensor] | None
    """Row and column of the cutout's first pixel, int64; outside the image for no cutout."""
    color: tuple[Tensor, Tensor, Tensor] | None
    """Added brightness, factor of saturation, factor of contrast."""


def draw(
    n: int,
    augment: Augment,
    resolution: int,
    images: int = 0,
    device: torch.device | None = None,
    shared: bool = False,
) -> Draws:
    """Random parameters for ``n`` images of ``resolution`` pixels after ``images`` images of training.

    ``shared``: one draw for all images of the step, for pairs whose members have unlike indices.
    Always takes the same numbers from the generator, whatever the policy and the number of processes.
    """
    numbers = torch.rand(1, 9, device=device).expand(n, 9) if shared else parallel.rand(n, 9, device=device)
    u = numbers.unbind(1)
    on = u[0] < value_at(augment.p, images)
    most = round(_SHIFT * resolution)

    def whole(u: Tensor, low: int, high: int, off: int) -> Tensor:
        """Uniform on low … high, or ``off`` for an image that is left alone."""
        value = low + (u * (high - low + 1)).long().clamp(max=high - low)
        return torch.where(on, value, off)

    def number(u: Tensor, low: float, high: float, off: float) -> Tensor:
        return torch.where(on, low + (high - low) * u, off)

    size = _hole_side(resolution)
    corner = (-(size // 2), resolution - size // 2 - 1)  # the hole's centre lies anywhere in the image
    has = augment.policy.__contains__
    return Draws(
        flip=(u[1] < 0.5) & on if has("flip") else None,
        shift=(whole(u[2], -most, most, 0), whole(u[3], -most, most, 0)) if has("translation") else None,
        hole=(whole(u[4], *corner, resolution), whole(u[5], *corner, resolution)) if has("cutout") else None,
        color=(number(u[6], -0.5, 0.5, 0.0), number(u[7], 0.0, 2.0, 1.0), number(u[8], 0.5, 1.5, 1.0))
        if has("color")
        else None,
    )


def augment(x: Tensor, draws: Draws) -> Tensor:
    """Augment images ``[N, C, H, W]`` in [-1, 1]; colours may leave that range, as in the paper.

    The same ``draws`` for both members of a pair give both the same augmentation.
    """
    if draws.color is not None:
        x = color(x, *draws.color)
    if draws.flip is not None or draws.shift is not None:
        none = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        x = move(x, none.bool() if draws.flip is None else draws.flip, *(draws.shift or (none, none)))
    if draws.hole is not None:
        x = cutout(x, *draws.hole)
    return x


def color(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Add brightness, scale around each pixel's grey, scale around each image's mean; factors ``[N]``."""
    brightness, saturation, contrast = (
        f.to(x.dtype)[:, None, None, None] for f in (brightness, saturation, contrast)
    )
    x = x + brightness
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * saturation
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * contrast


def move(x: Tensor, flip: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Mirror left to right where ``flip``, then shift by whole pixels; what comes in is 0 (grey).

    The draws are ``[N]``.  Rows and columns are permuted and those that wrapped around are zeroed: no pixel
    is read twice, so gradients are permutations too and do not depend on the order of additions.
    """
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device) - down[:, None]  # (N, H): where each row comes from
    columns = torch.arange(width, device=x.device) - right[:, None]  # (N, W)
    inside = _inside(rows, height)[:, None, :, None] & _inside(columns, width)[:, None, None, :]
    columns = torch.where(flip[:, None], width - 1 - columns, columns)
    x = x.gather(2, (rows % height)[:, None, :, None].expand_as(x))
    x = x.gather(3, (columns % width)[:, None, None, :].expand_as(x))
    return x * inside.to(x.dtype)


def cutout(x: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Set a square of half the side to 0 (grey), first pixel at ``top, left: [N]``; parts may lie outside."""
    size = _hole_side(x.shape[2])
    rows = torch.arange(x.shape[2], device=x.device) - top[:, None]
    columns = torch.arange(x.shape[3], device=x.device) - left[:, None]
    hole = _inside(rows, size)[:, None, :, None] & _inside(columns, size)[:, None, None, :]
    return x * (~hole).to(x.dtype)


def _hole_side(resolution: int) -> int:
    return round(_HOLE * resolution)


def _inside(index: Tensor, size: int) -> Tensor:
    return (index >= 0) & (index < size)
