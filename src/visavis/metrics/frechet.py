"""The Fréchet distance between two sets of features, each seen as a Gaussian; no matrix square root is taken.

FD = |μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁Σ₂)^½.  With Σ₁ = F Fᵀ the last trace is the sum of the roots of
the eigenvalues of Fᵀ Σ₂ F, which is symmetric.  Sources: Dowson and Landau 1982; Heusel et al. 2017, "GANs
trained by a two time-scale update rule" (of Inception features: FID); Chong and Forsyth 2020, "Effectively
unbiased FID".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.bootstrap import LEVEL, Interval, centred, resampled
from visavis.metrics.statistics import Moments
from visavis.metrics.tables import EPSILON, finite, seeded, table


class Frechet(NamedTuple):
    """The distance and its two parts, with what they were computed from.

    ``value`` can be negative by rounding, near 0: clamp it for display only.
    """

    value: float
    of_means: float
    of_covariances: float
    samples: int
    reference_samples: int
    d: int

    @property
    def few(self) -> bool:
        """Whether a side has fewer images than dimensions, so that the value is mostly bias."""
        return min(self.samples, self.reference_samples) <= self.d


@dataclass(frozen=True)
class Reference:
    """One side, ready to be compared with many: ``mean: [d]``, ``factor: [d, r]`` with Σ = factor · factorᵀ.

    ``covariance: [d, d]``, or None where n ≤ d images make the factor the smaller form.  Plain float64
    tensors, so that it can be cached on disk.
    """

    n: int
    mean: Tensor
    factor: Tensor
    covariance: Tensor | None

    @classmethod
    def of(cls, sample: Sample) -> Reference:
        """Of features ``[n, d]`` or of moments; raises :class:`UserError` below two or not finite."""
        if isinstance(sample, Reference):
            return sample
        side = _side(sample)
        return cls(
            side.n,
            side.mean,
            _factor(side.covariance) if side.rows is None else side.rows.T,
            None if side.rows is not None else side.covariance,
        )

    @classmethod
    def from_moments(cls, mean: Tensor, covariance: Tensor, n: int = 0) -> Reference:
        """Of a mean ``[d]`` and a covariance ``[d, d]``, of ``n`` images (0: nobody knows how many)."""
        mean, covariance = mean.double(), covariance.double()
        return cls(n, mean, _factor(covariance), covariance)


Sample = Tensor | Moments | Reference


class Extrapolation(NamedTuple):
    """The distance at infinite N, and the distances at n/k images that it was extrapolated from."""

    value: float
    at: tuple[float, ...]


def frechet_distance(generated: Sample, reference: Sample) -> Frechet:
    """Between two sets, each features ``[N, d]``, :class:`Moments` or a :class:`Reference`; symmetric.

    A :class:`Reference` as the second saves its factorisation.  Features with N ≤ d take the low-rank form:
    the nuclear norm of X_c Y_cᵀ / √((n-1)(m-1)).  Raises :class:`UserError` for fewer than two images on a
    side or values that are not finite.
    """
    b, a = Reference.of(reference), _side(generated)
    if len(a.mean) != len(b.mean):
        raise UserError(
            f"features of {len(a.mean)} and of {len(b.mean)} dimensions cannot be compared; use one extractor"
        )
    of_means = float((a.mean - b.mean).square().sum())
    of_covariances = float(a.trace + b.factor.square().sum() - 2 * _trace_of_root(a, b))
    return Frechet(of_means + of_covariances, of_means, of_covariances, a.n, b.n, len(b.mean))


def frechet_draws(features: Tensor, reference: Sample, resamples: int = 200, seed: int = 0) -> Tensor:
    """The distance of each of ``resamples`` bootstrap resamples of ``features: [N, d]``: ``[resamples]``.

    The reference is held fixed: the spread is what other generated images would have given.
    """
    b = Reference.of(reference)
    y = table(features, least=2)
    m = len(y)
    z = (y - b.mean) @ b.factor  # [m, r]: Σ₂ only ever appears as factorᵀ Σ₂ factor
    centred_y = y - b.mean
    norms = centred_y.square().sum(1)
    constant = float(b.factor.square().sum())
    draws = []
    for weights in resampled(m, resamples, seed):
        weights = weights.to(y.device)
        mean = weights @ centred_y / m
        of_means = mean.square().sum()
        trace = (weights @ norms - m * of_means) / (m - 1)
        kept = weights > 0
        rows = (z[kept] - weights @ z / m) * (weights[kept, None] / (m - 1)).sqrt()  # [<= m, r]
        gram = rows.T @ rows if len(rows) > rows.shape[1] else rows @ rows.T
        draws.append(of_means + trace + constant - 2 * _roots(gram))
    return torch.stack(draws).cpu()


def frechet_interval(
    features: Tensor, reference: Sample, resamples: int = 200, seed: int = 0, level: float = LEVEL
) -> Interval:
    """The bootstrap interval of the distance at this N, given the reference.

    Centred on the measured value: resampling adds the bias a second time, so plain percentiles would lie
    above the value itself (on 2,000 standard normals of 64 dimensions they do not hold it).
    """
    b = Reference.of(reference)
    value = frechet_distance(features, b).value
    return centred(value, frechet_draws(features, b, resamples, seed), level)


def frechet_infinity(
    generated: Tensor, reference: Tensor | Reference, splits: int = 4, seed: int = 0
) -> Extrapolation:
    """The distance extrapolated to infinite N: on both sides from features, else on the generated side.

    The bias is proportional to 1/N, so the mean over k disjoint parts of N/k images, k = 1 … ``splits``, lies
    on a line in k, whose value at k = 0 is wanted.  All k use all images, so their common error cancels
    in the slope; random subsets (the source's way) do not have this.  Raises :class:`UserError` unless a part
    has 2 d images, below which the line is not straight.
    """
    b = reference if isinstance(reference, Reference) else table(reference, "reference features", least=2)
    a = table(generated, "generated features", least=2)
    d, sides = a.shape[1], [len(a)] + ([len(b)] if isinstance(b, Tensor) else [])
    if splits < 2 or min(sides) < 2 * d * splits:
        raise UserError(
            f"extrapolation from {min(sides)} images in {splits} parts at {d} dimensions (allowed: 2 or more "
            f"parts of at least {2 * d}); give more images or use the kernel distance, which has no bias"
        )
    generator = seeded(seed)
    a = a[torch.randperm(len(a), generator=generator)]
    if isinstance(b, Tensor):
        b = b[torch.randperm(len(b), generator=generator)]
    at = []
    for k in range(1, splits + 1):
        others: Sequence[Sample] = b.tensor_split(k) if isinstance(b, Tensor) else [b] * k
        pairs = zip(a.tensor_split(k), others, strict=True)
        at.append(math.fsum(frechet_distance(x, y).value for x, y in pairs) / k)
    k_mean, at_mean = (splits + 1) / 2, sum(at) / splits
    slope = sum((k - k_mean) * (y - at_mean) for k, y in enumerate(at, start=1))
    slope /= sum((k - k_mean) ** 2 for k in range(1, splits + 1))
    return Extrapolation(at_mean - slope * k_mean, tuple(at))


def expected_bias(covariance: Tensor, n: int, m: int) -> float:
    """What n and m images of one Gaussian with ``covariance: [d, d]`` score on average, to first order.

    (1/n + 1/m) (tr Σ + ½ Σᵢⱼ (1 + δᵢⱼ) λᵢλⱼ / (λᵢ + λⱼ)), the λ being the eigenvalues: the means' error, and
    the second derivative of the distance at Σ₁ = Σ₂ with Wishart noise.  For the identity and n = m it is
    d(d+1)/(2n) + 2d/n.
    """
    finite(covariance, "covariance")
    values = torch.linalg.eigvalsh(covariance.double()).clamp(min=0)
    sums = values[:, None] + values
    terms = torch.where(sums > 0, values[:, None] * values / sums.clamp(min=1e-300), 0)
    return (1 / n + 1 / m) * float(values.sum() + (terms.sum() + terms.diagonal().sum()) / 2)


class _Side(NamedTuple):
    """``rows: [n, d]`` centred, divided by √(n-1), or a ``covariance: [d, d]``: the smaller one is there."""

    n: int
    mean: Tensor
    covariance: Tensor
    rows: Tensor | None

    @property
    def trace(self) -> Tensor:
        return self.covariance.diagonal().sum() if self.rows is None else self.rows.square().sum()


def _side(sample: Sample) -> _Side:
    nothing = torch.empty(0, 0, dtype=torch.float64)
    if isinstance(sample, Reference):
        if sample.covariance is None:
            return _Side(sample.n, sample.mean, nothing, sample.factor.T)
        return _Side(sample.n, sample.mean, sample.covariance, None)
    if isinstance(sample, Tensor):
        x = table(sample, least=2)
        mean = x.mean(0)
        rows = (x - mean).div_(math.sqrt(len(x) - 1))  # centred first: exact where all images are one
        few = len(x) <= x.shape[1]
        return _Side(len(x), mean, nothing if few else rows.T @ rows, rows if few else None)
    covariance = sample.covariance
    finite(covariance, "moments")
    return _Side(sample.n, sample.mean, covariance, None)


def _factor(covariance: Tensor) -> Tensor:
    """F with F Fᵀ = Σ: Cholesky's; for a singular Σ of the eigenvectors whose values are not rounding."""
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if bool(failed):
        values, vectors = torch.linalg.eigh(covariance)
        kept = values > len(values) * EPSILON * values.max().clamp(min=0)
        factor = vectors[:, kept] * values[kept].sqrt()
    return factor


def _trace_of_root(a: _Side, b: Reference) -> Tensor:
    """tr (Σ₁Σ₂)^½."""
    if a.rows is None:
        return _roots(b.factor.T @ a.covariance @ b.factor)
    if b.covariance is not None:
        return _roots(a.rows @ b.covariance @ a.rows.T)
    singular: Tensor = torch.linalg.svdvals(a.rows @ b.factor)
    return singular.sum()


def _roots(symmetric: Tensor) -> Tensor:
    """The sum of the square roots of the eigenvalues, those below 0 (rounding) counted as 0."""
    if not symmetric.numel():
        return symmetric.sum()
    values: Tensor = torch.linalg.eigvalsh(symmetric)
    return values.clamp(min=0).sqrt().sum()
