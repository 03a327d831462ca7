"""Paths between two latents.  Imports torch and nothing of this package."""

import torch
from torch import Tensor


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The straight line from ``a`` (t = 0) to ``b`` (t = 1)."""
    return a + t * (b - a)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Along the great circle from ``a`` to ``b``, the length interpolated too."""
    angle = torch.arccos(torch.dot(a / a.norm(), b / b.norm()).clamp(-1 + 1e-6, 1 - 1e-6))
    weight_a, weight_b = (
        torch.sin((1 - t) * angle) / torch.sin(angle),
        torch.sin(t * angle) / torch.sin(angle),
    )
    return weight_a * a + weight_b * b
