"""How sure is a figure?  Percentile intervals and comparisons by resampling images, seeded.

Source: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapters 13 and 16.  Resamples are
drawn by position: the same seed and the same N draw the same images, which pairs two models that were
sampled with the same latents.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.tables import finite, seeded

LEVEL = 0.95
RESAMPLES = 1000
_BLOCK = 1 << 16
"""Draws that are made at a time."""


class Interval(NamedTuple):
    """Where a figure would fall in ``level`` of repetitions with as many new images."""

    low: float
    high: float
    level: float = LEVEL


class Comparison(NamedTuple):
    """``difference`` = a - b, its interval, and the two-sided probability of one as large by chance."""

    difference: float
    low: float
    high: float
    p: float


def resampled(n: int, resamples: int, seed: int) -> Iterator[Tensor]:
    """``resamples`` times how often each of n images was drawn in n draws with replacement: float64 [n]."""
    for block in _blocks(n, resamples, seed):
        yield from block


def _blocks(n: int, resamples: int, seed: int) -> Iterator[Tensor]:
    """The same, float64 ``[k, n]`` at a time: of few images many, so that Python's steps do not count."""
    if resamples < 2:
        raise UserError(f"{resamples} resamples give no interval (allowed: 2 or more; 200 are usual)")
    generator, done = seeded(seed), 0
    while done < resamples:
        k = min(max(_BLOCK // n, 1), resamples - done)
        drawn = torch.randint(n, (k, n), generator=generator) + torch.arange(k)[:, None] * n
        yield torch.bincount(drawn.flatten(), minlength=k * n).reshape(k, n).double()
        done += k


def mean_draws(values: Tensor, resamples: int = RESAMPLES, seed: int = 0) -> Tensor:
    """The mean of ``values: [N]`` in each resample: float64 ``[resamples]``."""
    x = _values(values)
    return torch.cat([weights @ x for weights in _blocks(len(x), resamples, seed)]) / len(x)


def mean_interval(
    values: Tensor, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL
) -> Interval:
    """The percentile interval of the mean of ``values: [N]``; indicators make it one of a fraction.

    The same in any order of the values.  All equal indicators give an interval of width 0, from which the
    bootstrap cannot see that rarer events exist: read it together with N.
    """
    return percentiles(mean_draws(_values(values).sort().values, resamples, seed), level)


def percentiles(draws: Tensor, level: float = LEVEL) -> Interval:
    """The middle ``level`` of ``draws: [resamples]``."""
    if not 0 < level < 1:
        raise UserError(f"a level of {level} (allowed: between 0 and 1, usually 0.95)")
    tail = (1 - level) / 2
    low, high = _values(draws).quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(low, high, level)


def centred(value: float, draws: Tensor, level: float = LEVEL) -> Interval:
    """The percentile interval of ``draws`` moved so that their mean is ``value``.

    For figures that resampling biases, as it does the Fréchet distance: a resample holds repeats, so it is
    less like the truth than the sample was, by about the bias that the sample itself has.
    """
    low, high, _ = percentiles(draws, level)
    shift = value - float(draws.double().mean())
    return Interval(low + shift, high + shift, level)


def compare(a: float, draws_a: Tensor, b: float, draws_b: Tensor, level: float = LEVEL) -> Comparison:
    """Is ``a`` another figure than ``b``, given the draws of each, ``[resamples]``?

    Draw i of both is subtracted, so draws of one seed and one N are paired: what both share cancels.  ``p``
    is the fraction of centred differences that are as large, at least 1 / (resamples + 1).
    """
    if draws_a.shape != draws_b.shape:
        raise UserError(
            f"{len(draws_a)} draws of one and {len(draws_b)} of the other; compare as many of both"
        )
    difference = a - b
    draws = _values(draws_a) - _values(draws_b)
    low, high, _ = centred(difference, draws, level)
    as_large = int(((draws - draws.mean()).abs() >= abs(difference)).sum())
    return Comparison(difference, low, high, (as_large + 1) / (len(draws) + 1))


def compare_means(a: Tensor, b: Tensor, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Do the means of ``a, b: [N]``, a value per image of each model, differ?  Paired if N is equal.

    With equal N, value i of both has to belong together (the same latent, the same input image).
    """
    draws_a = mean_draws(a, resamples, seed)
    draws_b = mean_draws(b, resamples, seed if len(a) == len(b) else seed + 1)
    return compare(float(a.double().mean()), draws_a, float(b.double().mean()), draws_b)


def normal_interval(value: float, error: float, level: float = LEVEL) -> Interval:
    """``value`` ± z · ``error``, as of a normal draw."""
    z = float(torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64)))
    return Interval(value - z * error, value + z * error, level)


def normal_tail(z: float) -> float:
    """The probability that a standard normal is above ``z``."""
    return math.erfc(z / math.sqrt(2)) / 2


def two_proportions(count_a: Tensor, n_a: int, count_b: Tensor, n_b: int) -> Tensor:
    """z of ``count_a / n_a - count_b / n_b``, pooled variance, elementwise; 0 where both are 0 or all.

    Source: the two-proportion z-test, as Richardson and Weiss 2018 use it.
    """
    a, b = count_a.double() / n_a, count_b.double() / n_b
    pooled = (count_a + count_b).double() / (n_a + n_b)
    deviation = (pooled * (1 - pooled) * (1 / n_a + 1 / n_b)).sqrt()
    return torch.where(deviation > 0, (a - b) / deviation.clamp(min=1e-300), torch.zeros_like(a))


def share_interval(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which ``count`` of ``n`` were counted; of use at 0 and 1 too.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", eq. 4.
    """
    z, p = 1.959963984540054, count / n
    middle = p + z * z / (2 * n)
    reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (middle - reach) / scale, (middle + reach) / scale


def _values(values: Tensor) -> Tensor:
    if values.ndim != 1 or len(values) == 0:
        raise UserError(f"values are {list(values.shape)}; allowed: [N] with at least one")
    finite(values, "values")
    return values.detach().cpu().double()
