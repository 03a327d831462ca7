"""Cells of feature space by k-means, and principal axes: what NDB and C_T divide space with."""

from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.neighbours import nearest
from visavis.metrics.tables import seeded, table

ROWS = 16_384


class Cells(NamedTuple):
    """``centres: [K, d]``; a row belongs to the nearest."""

    centres: Tensor

    def of(self, features: Tensor) -> Tensor:
        """The cell of each of ``features: [N, d]``: int64 ``[N]``."""
        return nearest(features, self.centres).indices[:, 0]


class Axes(NamedTuple):
    """``mean: [d]`` and ``vectors: [d, r]``, orthonormal, of falling variance."""

    mean: Tensor
    vectors: Tensor

    def of(self, features: Tensor) -> Tensor:
        """Coordinates of ``features: [N, d]``: ``[N, r]``."""
        return (features.double() - self.mean) @ self.vectors


def kmeans(features: Tensor, k: int, seed: int = 0, iterations: int = 50, plus_plus: bool = True) -> Cells:
    """Lloyd's algorithm on ``features: [N, d]`` from seeded k-means++ centres, until nothing moves.

    Without ``plus_plus`` it starts from k random rows, chosen by position: rounding of the features then
    moves no start, and so hardly the cells.  Sources: Lloyd 1982; Arthur and Vassilvitskii 2007.  A cell that
    loses all its rows keeps its centre.  Raises :class:`UserError` for fewer than k rows.
    """
    if k < 1:
        raise UserError(f"{k} cells (allowed: 1 or more)")
    x = table(features, least=k)
    offset = x.mean(0)  # near the origin less is lost to cancellation
    x = x - offset
    norms = x.square().sum(1)
    start = torch.randperm(len(x), generator=seeded(seed))[:k]
    centres = _plus_plus(x, norms, k, seed) if plus_plus else x[start]
    cell = torch.full((len(x),), -1, device=x.device)
    for _ in range(iterations):
        before, cell = cell, _nearest_centre(x, centres)
        if torch.equal(before, cell):
            break
        counts = torch.bincount(cell, minlength=k)
        sums = torch.zeros_like(centres).index_add_(0, cell, x)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return Cells(centres + offset)


def principal_axes(features: Tensor, components: int) -> Axes:
    """The ``components`` axes along which ``features: [N, d]`` vary most.

    Raises :class:`UserError` for more axes than dimensions.
    """
    x = table(features, least=2)
    if not 1 <= components <= x.shape[1]:
        raise UserError(f"{components} principal axes of {x.shape[1]} dimensions (allowed: 1 to that many)")
    mean = x.mean(0)
    vectors = torch.linalg.eigh((x - mean).T @ (x - mean)).eigenvectors
    return Axes(mean, vectors.flip(1)[:, :components])


def _plus_plus(x: Tensor, norms: Tensor, k: int, seed: int) -> Tensor:
    """Centres drawn from the rows, with chances in proportion to the squared distance to those chosen."""
    generator = seeded(seed)
    chosen = [int(torch.randint(len(x), (1,), generator=generator))]
    squared = torch.full_like(norms, torch.inf)
    for _ in range(1, k):
        last = x[chosen[-1]]
        squared = torch.minimum(squared, (norms - 2 * (x @ last) + last @ last).clamp(min=0))
        reach = squared.cumsum(0)
        at = torch.rand((), generator=generator, dtype=torch.float64).to(x.device) * reach[-1]
        chosen.append(min(int(torch.searchsorted(reach, at, right=True)), len(x) - 1))
    return x[chosen]


def _nearest_centre(x: Tensor, centres: Tensor) -> Tensor:
    squared = centres.square().sum(1)
    parts = (x[start : start + ROWS] for start in range(0, len(x), ROWS))
    return torch.cat([torch.addmm(squared, part, centres.T, alpha=-2).argmin(1) for part in parts])
