"""The kernel distance: squared maximum mean discrepancy with the cubic kernel, without bias at any N.

k(x, y) = (x·y / d + 1)³.  Of Inception features it is KID.  Sources: Gretton et al. 2012, "A kernel
two-sample test", lemma 6; Bińkowski et al. 2018, "Demystifying MMD GANs".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.bootstrap import LEVEL, Interval, normal_interval
from visavis.metrics.tables import same_width, seeded, table

ROWS = 128


class KernelDistance(NamedTuple):
    """The full-sample value, and its standard error from leaving out each image once, on both sides."""

    value: float
    error: float
    samples: int
    reference_samples: int

    def interval(self, level: float = LEVEL) -> Interval:
        """``value`` ± z · ``error``: too wide where both sets are of one distribution, never too narrow."""
        return normal_interval(self.value, self.error, level)


class Subsets(NamedTuple):
    """The mean over subsets, their spread (ddof 0), and how they were drawn.

    The spread is that of a subset, not of the mean: it is no confidence interval.
    """

    value: float
    spread: float
    subsets: int
    subset_size: int
    seed: int


@dataclass(frozen=True)
class Reference:
    """One side, ready to be compared with many: ``features: float64 [M, d]``, and ``sums: [M]`` of each row's
    kernels with the other rows.
    """

    features: Tensor
    sums: Tensor

    @classmethod
    def of(cls, features: Tensor, rows: int = ROWS) -> Reference:
        """Of ``features: [M, d]``; raises :class:`UserError` for fewer than three rows or not finite."""
        y = table(features, "reference features", 3)
        return cls(y, _sums_among(y, rows))


def kernel_distance(generated: Tensor, reference: Tensor | Reference, rows: int = ROWS) -> KernelDistance:
    """The unbiased estimate from all pairs of ``generated: [N, d]`` and ``reference: [M, d]``.

    A :class:`Reference` saves its own pairs.  Memory for ``rows`` x max(N, M) numbers; the value depends on
    neither ``rows`` nor the order.  It is negative about half of the time when both are of one distribution.
    Raises :class:`UserError` for fewer than three images on a side (the error leaves one out) or values that
    are not finite.
    """
    x = table(generated, "generated features", 3)
    other = reference if isinstance(reference, Reference) else Reference.of(reference, rows)
    same_width(x, other.features)
    n, m = len(x), len(other.features)
    xx, yy = _sums_among(x, rows), other.sums
    xy, yx = _sums_between(x, other.features, rows)
    value = xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * xy.sum() / (n * m)
    of_y = yy.sum() / (m * (m - 1))
    of_x = xx.sum() / (n * (n - 1))
    without_x = (xx.sum() - 2 * xx) / ((n - 1) * (n - 2)) + of_y - 2 * (xy.sum() - xy) / ((n - 1) * m)
    without_y = of_x + (yy.sum() - 2 * yy) / ((m - 1) * (m - 2)) - 2 * (yx.sum() - yx) / (n * (m - 1))
    variance = (n - 1) * without_x.var(correction=0) + (m - 1) * without_y.var(correction=0)
    return KernelDistance(float(value), float(variance.sqrt()), n, m)


def kernel_subsets(
    generated: Tensor, reference: Tensor, subset_size: int = 1000, subsets: int = 100, seed: int = 0
) -> Subsets:
    """The mean unbiased estimate over seeded random subsets, as the source and torchmetrics have it.

    ``generated: [N, d]``, ``reference: [M, d]``; a subset is drawn without replacement from each.  Raises
    :class:`UserError` when N or M is below ``subset_size``.
    """
    x, y = table(generated, "generated features"), table(reference, "reference features")
    same_width(x, y)
    if subsets < 1 or not 2 <= subset_size <= min(len(x), len(y)):
        raise UserError(
            f"{subsets} subsets of {subset_size} from {len(x)} and {len(y)} images (allowed: 1 or more of "
            f"2 to {min(len(x), len(y))}); lower the subset size, name it by the figure, or give more images"
        )
    generator = seeded(seed)
    values = []
    for _ in range(subsets):
        chosen_x = torch.randperm(len(x), generator=generator)[:subset_size]
        chosen_y = torch.randperm(len(y), generator=generator)[:subset_size]
        values.append(_unbiased(x[chosen_x], y[chosen_y]))
    found = torch.stack(values)
    return Subsets(float(found.mean()), float(found.std(correction=0)), subsets, subset_size, seed)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """``[n, d], [m, d] -> [n, m]``."""
    products = (x @ y.T).div_(x.shape[1]).add_(1)
    return products * products.square()


def _kernel_diagonal(x: Tensor) -> Tensor:
    """k(xᵢ, xᵢ): ``[n]``."""
    return (x.square().sum(1) / x.shape[1] + 1) ** 3


def _sums_among(x: Tensor, rows: int) -> Tensor:
    """Σⱼ k(xᵢ, xⱼ) over j ≠ i: ``[n]``; each pair is looked at once."""
    sums = -_kernel_diagonal(x)
    for start in range(0, len(x), rows):
        end = start + rows
        kernels = _kernel(x[start:end], x[start:])
        sums[start:end] += kernels.sum(1)
        sums[end:] += kernels[:, rows:].sum(0)
    return sums


def _sums_between(x: Tensor, y: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Σⱼ k(xᵢ, yⱼ): ``[n]``, and Σᵢ k(xᵢ, yⱼ): ``[m]``."""
    of_x, of_y = [], torch.zeros_like(y[:, 0])
    for start in range(0, len(x), rows):
        kernels = _kernel(x[start : start + rows], y)
        of_x.append(kernels.sum(1))
        of_y += kernels.sum(0)
    return torch.cat(of_x), of_y


def _unbiased(x: Tensor, y: Tensor) -> Tensor:
    n, m = len(x), len(y)
    within_x = (_kernel(x, x).sum() - _kernel_diagonal(x).sum()) / (n * (n - 1))
    within_y = (_kernel(y, y).sum() - _kernel_diagonal(y).sum()) / (m * (m - 1))
    return within_x + within_y - 2 * _kernel(x, y).mean()
