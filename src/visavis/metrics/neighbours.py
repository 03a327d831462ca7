"""Nearest neighbours among features, in chunks: the full matrix of distances never exists.

Distances come from a matrix product, whose rounding gives a point a small distance to itself.  So whatever
hangs on a near tie (which neighbour is the k-th, whether a point lies on the rim of a ball) is decided by the
direct form, sum of (a - b)² in float64.  This makes results exact, and the same for every size of chunk.  As
the product only says what has to be measured, float32 is enough for it where few points tie within its
rounding; float64 takes over where many do.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.exact import exact_float32
from visavis.metrics.tables import same_width, table
from visavis.networks.cpu import product

BYTES = 16 * 2**20
"""A chunk of distances takes at most this many bytes (a few such chunks exist at a time); the allocator gives
blocks that are much larger back to the system, and to get them anew takes longer than to fill them."""
SPARE = 3
"""Candidates beyond k, so that rounding does not hide a neighbour."""
STRIDE = 32
"""Columns of which only the lowest is looked at first, in search of a row's lowest."""
MANY = 100
"""Where more than one distance in so many is a near tie, the product is taken anew in float64."""


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
    return (a - b).square_().sum(-1)


def chunks(
    queries: Tensor, points: Tensor, rows: int | None = None, dtype: torch.dtype = torch.float64
) -> Iterator[Chunk]:
    """The squared distances of ``queries: [N, d]`` to ``points: [M, d]``, both float64, ``rows`` at a time.

    ``dtype``: of the product, float64 or float32, and of the chunks.
    """
    same_width(queries, points)
    if rows is not None and rows < 1:
        raise UserError(f"chunks of {rows} rows (allowed: 1 or more)")
    rows = rows or max(1, BYTES // (dtype.itemsize * len(points)))
    centre = points.mean(0)  # near the origin less is lost to cancellation
    p = points - centre
    norms = p.square().sum(1, keepdim=True)  # [M, 1]
    largest = norms.max()
    right = torch.cat([p, norms, torch.ones_like(norms)], 1).to(dtype)  # [M, d + 2]
    relative = 4 * (p.shape[1] + 4) * torch.finfo(dtype).eps
    for start in range(0, len(queries), rows):
        q = queries[start : start + rows] - centre
        own = q.square().sum(1, keepdim=True)  # [n, 1]
        left = torch.cat([-2 * q, torch.ones_like(own), own], 1).to(dtype)  # |q|² - 2 q·p + |p|² in one
        with exact_float32(q.device.type):
            squared = product(left, right)
        yield Chunk(slice(start, start + len(q)), squared, (relative * (own + largest)).to(dtype))


def nearest(
    queries: Tensor, points: Tensor, k: int = 1, exclude: Tensor | None = None, rows: int | None = None
) -> Neighbours:
    """The ``k`` nearest of ``points: [M, d]`` to each of ``queries: [N, d]``.

    ``exclude: int64 [N]`` is for each query the position of a point that does not count: itself.  Where more
    than ``SPARE`` points tie within float64's rounding, which of them are named is arbitrary.  Raises
    :class:`UserError` when there are fewer than k points.
    """
    q, p = table(queries), table(points, "reference features")
    allowed = len(p) - (exclude is not None)
    if not 1 <= k <= allowed:
        raise UserError(
            f"{k} nearest neighbours among {allowed} others (allowed: 1 to {allowed}); give more images"
        )
    found, sure = _nearest(q, p, k, exclude, rows, torch.float32)
    again = (~sure).nonzero()[:, 0]
    if len(again):
        rest = None if exclude is None else exclude.to(again.device)[again]
        exact, _ = _nearest(q[again], p, k, rest, rows, torch.float64)
        found.squared[again], found.indices[again] = exact.squared, exact.indices
    return found


def among(points: Tensor, k: int = 1, rows: int | None = None) -> Neighbours:
    """The ``k`` nearest other points of each of ``points: [M, d]``; a duplicate is one, at distance 0."""
    return nearest(points, points, k, torch.arange(len(points)), rows)


def within(chunk: Chunk, limit: Tensor, queries: Tensor, points: Tensor) -> Tensor:
    """Which squared distances of ``chunk`` are at most ``limit`` (``[M]`` or ``[n, 1]``): bool ``[n, M]``.

    ``queries`` and ``points`` are those that the chunk is of; near ties are measured again.
    """
    off = chunk.squared - limit.to(chunk.squared.dtype)
    inside = off <= 0
    near = (off.abs_() > chunk.tolerance).logical_not_()  # not a number, of an overflow, is near as well
    row, column = near.nonzero(as_tuple=True)
    if len(row) * MANY > off.numel() and off.dtype == torch.float32:
        (again,) = chunks(queries[chunk.rows], points, len(off))
        return within(again._replace(rows=chunk.rows), limit, queries, points)
    limits = limit.expand_as(off)
    step = _pairs_at_a_time(points)
    for start in range(0, len(row), step):
        i, j = row[start : start + step], column[start : start + step]
        exact = direct(queries[i + chunk.rows.start], points[j])
        inside[i, j] = exact <= limits[i, j]
    return inside


def _nearest(
    q: Tensor, p: Tensor, k: int, exclude: Tensor | None, rows: int | None, dtype: torch.dtype
) -> tuple[Neighbours, Tensor]:
    """:func:`nearest` by a product of ``dtype``, and for which queries rounding has hidden no point."""
    allowed = len(p) - (exclude is not None)
    candidates = min(k + SPARE, allowed)
    squared, indices, sure = [], [], []
    for chunk in chunks(q, p, rows, dtype):
        far = chunk.squared
        if exclude is not None:
            own = exclude[chunk.rows].to(far.device)
            far[torch.arange(len(far), device=far.device), own] = torch.inf
        low, found = _lowest(far, candidates)
        found = found.sort(dim=1).values
        exact = _direct_to(q[chunk.rows], p, found)
        order = exact.argsort(dim=1, stable=True)[:, :k]  # of equals the first
        squared.append(exact.gather(1, order))
        indices.append(found.gather(1, order))
        others = low.amax(1) - chunk.tolerance[:, 0]  # no other point is nearer
        sure.append((squared[-1][:, -1] < others) | (candidates == allowed))
    return Neighbours(torch.cat(squared), torch.cat(indices)), torch.cat(sure)


def _lowest(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` lowest values of each row of ``x: [n, M]``, and their columns: ``[n, k]`` each."""
    n, m = x.shape
    groups = m // STRIDE  # each of every groups-th column; the k lowest lie in the k groups of lowest minima
    if groups < 2 * k:
        values, columns = x.topk(k, dim=1, largest=False)
        return values, columns
    minima = x[:, : groups * STRIDE].view(n, STRIDE, groups).amin(1)
    chosen = minima.topk(k, dim=1, largest=False).indices[:, None]  # [n, 1, k]
    members = chosen + groups * torch.arange(STRIDE, device=x.device)[:, None]  # [n, STRIDE, k]
    rest = torch.arange(groups * STRIDE, m, device=x.device).expand(n, -1)
    columns = torch.cat([members.flatten(1), rest], 1)
    values, places = x.gather(1, columns).topk(k, dim=1, largest=False)
    return values, columns.gather(1, places)


def _direct_to(q: Tensor, points: Tensor, found: Tensor) -> Tensor:
    """Squared distances of ``q: [n, d]`` to ``points[found]``, found ``[n, c]``, in bounded memory."""
    step = max(1, _pairs_at_a_time(points) // found.shape[1])
    return torch.cat(
        [direct(points[found[i : i + step]], q[i : i + step, None]) for i in range(0, len(q), step)]
    )


def _pairs_at_a_time(points: Tensor) -> int:
    return max(1, BYTES // 4 // (8 * points.shape[1]))
