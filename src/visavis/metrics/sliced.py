"""The sliced Wasserstein distance: squared, of order 2, the mean over directions of features.

In one dimension the best transport joins sorted values, so no covariance is estimated: its excess at N images
falls as 1/N whatever the number of dimensions, where the Fréchet distance's grows with d², and a set that
merely has the reference's mean and covariance is still told apart.  For two normals along one direction it is
(m₁ − m₂)² + (σ₁ − σ₂)².

Sources: Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures"; on Inception features,
Berthet et al. 2026, "MIND: Monge Inception Distance", arXiv 2605.06797.  Its error: del Barrio and Loubes
2019, "Central limit theorems for empirical transportation cost in general dimension", theorem 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.bootstrap import LEVEL, Interval, normal_interval
from visavis.metrics.tables import same_width, seeded, table

DIRECTIONS = 512
_BLOCK = 64
"""Directions at a time."""


class SlicedDistance(NamedTuple):
    """The value in squared units of the features, and its standard error over images of the generator.

    The reference and the directions are held fixed.
    """

    value: float
    error: float
    samples: int
    reference_samples: int
    directions: int

    def interval(self, level: float = LEVEL) -> Interval:
        """``value`` ± z · ``error``, not below 0."""
        low, high, _ = normal_interval(self.value, self.error, level)
        return Interval(max(low, 0.0), high, level)


@dataclass(frozen=True)
class Reference:
    """One side, ready to be compared with many: float64 ``directions [d, P]`` of length 1, the features' mean
    ``[d]``, and their ``sorted [P, M]`` values along each direction, less the mean's.
    """

    directions: Tensor
    mean: Tensor
    sorted: Tensor

    @classmethod
    def of(cls, features: Tensor, directions: int = DIRECTIONS, seed: int = 0) -> Reference:
        """Of ``features: [M, d]``; raises :class:`UserError` for no direction, no row, or not finite."""
        y = table(features, "reference features")
        if directions < 1:
            raise UserError(f"{directions} directions (allowed: 1 or more; {DIRECTIONS} are usual)")
        drawn = torch.randn(y.shape[1], directions, generator=seeded(seed), dtype=torch.float64)
        chosen = (drawn / drawn.norm(dim=0)).to(y.device)
        mean = y.mean(0)
        return cls(
            chosen,
            mean,
            torch.cat([(y - mean) @ part for part in chosen.split(_BLOCK, 1)], 1).T.sort().values,
        )

    def parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Directions ``[d, p]`` and the values along them ``[p, M]``, some at a time."""
        yield from zip(torch.split(self.directions, _BLOCK, 1), torch.split(self.sorted, _BLOCK), strict=True)


def sliced_distance(generated: Tensor, reference: Tensor | Reference) -> SlicedDistance:
    """Of ``generated: [N, d]`` and ``reference: [M, d]``, N and M as they are; O((N + M) log(N + M) P).

    A :class:`Reference` saves its side.  The error is that of the mean of the transport's potential, which is
    the derivative of the distance by an image's weight.  Raises :class:`UserError` for other widths, fewer
    than two images, or values that are not finite.
    """
    x = table(generated, "generated features", 2)
    other = reference if isinstance(reference, Reference) else Reference.of(reference)
    same_width(x, other.directions.T)
    x, n = x - other.mean, len(x)
    value, potential = 0.0, torch.zeros_like(x[:, 0])
    for directions, y in other.parts():
        along, order = (x @ directions).T.sort()
        partners = _means_of_shares(y, n)
        squares = along.square().mean(1) + y.square().mean(1) - 2 * (along * partners).mean(1)
        value += float(squares.sum())
        force = 2 * (along - partners)
        steps = (force[:, 1:] + force[:, :-1]) / 2 * along.diff(dim=1)
        of_sorted = torch.cat([torch.zeros_like(steps[:, :1]), steps.cumsum(1)], 1)
        potential.index_add_(0, order.flatten(), of_sorted.flatten())
    p = other.directions.shape[1]
    error = float((potential / p).std()) / n**0.5
    return SlicedDistance(max(value / p, 0.0), error, n, other.sorted.shape[1], p)


def _means_of_shares(y: Tensor, n: int) -> Tensor:
    """The means of ``n`` equal shares of sorted ``y: [p, M]``: ``[p, n]``; a value may be in two by parts."""
    m = y.shape[1]
    sums = torch.cat([torch.zeros_like(y[:, :1]), y.cumsum(1)], 1)
    ends = torch.arange(n + 1, device=y.device, dtype=y.dtype) * (m / n)
    whole = ends.floor().long().clamp(max=m)
    before = sums[:, whole] + (ends - whole) * y[:, whole.clamp(max=m - 1)]
    return before.diff(dim=1) * (n / m)
