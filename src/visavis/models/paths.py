"""Paths between two latents or two classes.  Imports torch and nothing of this package."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


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


def class_embeddings(net: nn.Module) -> list[nn.Embedding]:
    """Where a generator's classes are embedded: beside z, or as gains and shifts of its normalisations."""
    return [module for module in net.modules() if isinstance(module, nn.Embedding)]


@contextmanager
def classes_between(net: nn.Module, a: int, b: int, steps: int) -> Iterator[None]:
    """Inside, the network's classes are ``steps`` points of the straight line from class ``a`` to ``b``, both
    ends included, in every embedding that it has.
    """
    embeddings = class_embeddings(net)
    kept = [each.weight for each in embeddings]
    try:
        for each in embeddings:
            table = each.weight.detach()
            t = torch.linspace(0, 1, steps, device=table.device, dtype=table.dtype)[:, None]
            each.weight = nn.Parameter(torch.lerp(table[a], table[b], t), requires_grad=False)
        yield
    finally:
        for each, weight in zip(embeddings, kept, strict=True):
            each.weight = weight
