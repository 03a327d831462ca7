"""Nearest neighbours among features, in chunks: the full matrix of distances never exists.

Distances come from a matrix product in float64, whose rounding gives a point a small distance to itself.
So whatever hangs on a near tie (which neighbour is the k-th, whether a point lies on the rim of a ball) is
decided by the direct form, sum of (a - b)².  This makes results exact, and the same for every size of
chunk.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.tables import EPSILON, same_width, table

BYTES = 64 * 2**20
"""A chunk of distances takes at most this many bytes (a few such chunks exist at a time)."""
SPARE = 8
"""Candidates beyond k, so that rounding cannot hide a neighbour."""


class Neighbours(NamedTuple):
    """Squared distances, ascending, and positions of each query's nearest points: ``[N, k]`` each."""

    squared: Tensor
    indices: Tensor

    @property
    def distances(self) -> Tensor:
        """``[N, k]``, ascending."""
        return self.squared.sqrt()


class Chunk(NamedTuple):
    """Squared distances of queries ``rows`` to all points, ``[n, M]``, right to ``tolerance: [n, 1]``."""

    rows: slice
    squared: Tensor
    tolerance: Tensor


def direct(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances of rows, ``a, b: [..., d] -> [...]``: 0 for equal rows, and the same either way."""
    return (a - b).square().sum(-1)


def chunks(queries: Tensor, points: Tensor, rows: int | None = None) -> Iterator[Chunk]:
    """The squared distances of ``queries: [N, d]`` to ``points: [M, d]``, float64, ``rows`` at a time."""
    same_width(queries, points)
    if rows is not None and rows < 1:
        raise UserError(f"chunks of {rows} rows (allowed: 1 or more)")
    rows = rows or max(1, BYTES // (8 * len(points)))
    centre = points.mean(0)  # near the origin less is lost to cancellation
    p = points - centre
    norms = p.square().sum(1)  # [M]
    largest = norms.max()
    for start in range(0, len(queries), rows):
        q = queries[start : start + rows] - centre
        own = q.square().sum(1, keepdim=True)  # [n, 1]
        squared = torch.addmm(norms, q, p.T, alpha=-2).add_(own)
        tolerance = 4 * (q.shape[1] + 4) * EPSILON * (own + largest)
        yield Chunk(slice(start, start + len(q)), squared, tolerance)


def nearest(
    queries: Tensor, points: Tensor, k: int = 1, exclude: Tensor | None = None, rows: int | None = None
) -> Neighbours:
    """The ``k`` nearest of ``points: [M, d]`` to each of ``queries: [N, d]``.

    ``exclude: int64 [N]`` is for each query the position of a point that does not count: itself.  Where more
    than ``SPARE`` points tie within rounding, which of them are named is arbitrary.  Raises
    :class:`UserError` when there are fewer than k points.
    """
    q, p = table(queries), table(points, "reference features")
    allowed = len(p) - (exclude is not None)
    if not 1 <= k <= allowed:
        raise UserError(
            f"{k} nearest neighbours among {allowed} others (allowed: 1 to {allowed}); give more images"
        )
    candidates = min(k + SPARE, allowed)
    squared, indices = [], []
    for chunk in chunks(q, p, rows):
        far = chunk.squared
        if exclude is not None:
            own = exclude[chunk.rows].to(far.device)
            far[torch.arange(len(far), device=far.device), own] = torch.inf
        found = far.topk(candidates, dim=1, largest=False).indices.sort(dim=1).values
        exact = _direct_to(q[chunk.rows], p, found)
        order = exact.argsort(dim=1, stable=True)[:, :k]  # of equals the first
        squared.append(exact.gather(1, order))
        indices.append(found.gather(1, order))
    return Neighbours(torch.cat(squared), torch.cat(indices))


def among(points: Tensor, k: int = 1, rows: int | None = None) -> Neighbours:
    """The ``k`` nearest other points of each of ``points: [M, d]``; a duplicate is one, at distance 0."""
    return nearest(points, points, k, torch.arange(len(points)), rows)


def within(chunk: Chunk, limit: Tensor, queries: Tensor, points: Tensor) -> Tensor:
    """Which squared distances of ``chunk`` are at most ``limit`` (``[M]`` or ``[n, 1]``): bool ``[n, M]``.

    ``queries`` and ``points`` are those that the chunk is of; near ties are measured again.
    """
    off = chunk.squared - limit
    inside = off <= 0
    close = off.abs_() <= chunk.tolerance
    row, column = close.nonzero(as_tuple=True)
    limits = limit.expand_as(off)
    step = max(1, BYTES // (8 * points.shape[1]))
    for start in range(0, len(row), step):
        i, j = row[start : start + step], column[start : start + step]
        exact = direct(queries[i + chunk.rows.start], points[j])
        inside[i, j] = exact <= limits[i, j]
    return inside


def _direct_to(q: Tensor, points: Tensor, found: Tensor) -> Tensor:
    """Squared distances of ``q: [n, d]`` to ``points[found]``, found ``[n, c]``, in bounded memory."""
    step = max(1, BYTES // (8 * points.shape[1] * found.shape[1]))
    parts = [
        direct(q[start : start + step, None], points[found[start : start + step]])
        for start in range(0, len(q), step)
    ]
    return torch.cat(parts)
