"""Mean and covariance of features that stream by: float64 sums, which merge by addition."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.tables import table

CHUNK = 8192


@dataclass(frozen=True)
class Moments:
    """The first two moments of n rows of d features, as sums: summable over batches and over processes.

    ``total: [d]`` is the sum of x and ``outer: [d, d]`` the sum of x xᵀ, both float64.  Sums lose about twice
    the digits of |mean| / deviation to cancellation: features of a network, whose ratio is below a hundred,
    keep eleven of sixteen.
    """

    n: int
    total: Tensor
    outer: Tensor

    @classmethod
    def empty(cls, d: int) -> Moments:
        """Of no rows: what a stream starts from."""
        return cls(0, torch.zeros(d, dtype=torch.float64), torch.zeros(d, d, dtype=torch.float64))

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Of ``features: [N, d]``; raises :class:`UserError` for values that are not finite."""
        x = table(features[:CHUNK])
        total, outer = x.sum(0), x.T @ x
        for start in range(CHUNK, len(features), CHUNK):
            x = table(features[start : start + CHUNK])
            total, outer = total + x.sum(0), outer + x.T @ x
        return cls(len(features), total, outer)

    def __add__(self, other: Moments) -> Moments:
        if self.d != other.d:
            raise UserError(
                f"moments of {self.d} and of {other.d} dimensions cannot be added; use one extractor"
            )
        return Moments(self.n + other.n, self.total + other.total, self.outer + other.outer)

    @property
    def d(self) -> int:
        """The number of features."""
        return len(self.total)

    @property
    def mean(self) -> Tensor:
        """``[d]``; raises :class:`UserError` without a row."""
        if self.n < 1:
            raise UserError("the mean of no images is undefined; give at least 1")
        return self.total / self.n

    @property
    def covariance(self) -> Tensor:
        """``[d, d]``, unbiased (divided by n - 1); raises :class:`UserError` below two rows."""
        if self.n < 2:
            raise UserError(f"the covariance of {self.n} images is undefined; at least 2 are needed")
        mean = self.mean
        return (self.outer - self.n * torch.outer(mean, mean)) / (self.n - 1)
