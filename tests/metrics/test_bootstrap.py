"""Intervals hold what they promise; comparisons find what is there and nothing else."""

import math
from collections.abc import Callable

import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.bootstrap import (
    centred,
    compare,
    compare_means,
    mean_draws,
    mean_interval,
    normal_tail,
    percentiles,
    two_proportions,
)

Normal = Callable[..., Tensor]


def test_interval_of_a_mean_is_scipys(normal: Normal) -> None:
    x = normal(300, 1)[:, 0].exp()
    theirs = scipy.stats.bootstrap(
        (x.numpy(),), lambda v, axis: v.mean(axis=axis), n_resamples=3000, method="percentile", random_state=0
    ).confidence_interval
    low, high, level = mean_interval(x, resamples=3000)
    assert_close((low, high), (float(theirs.low), float(theirs.high)), rtol=0.03, atol=0)
    assert level == 0.95


def test_interval_holds_the_truth_as_often_as_it_says(normal: Normal) -> None:
    intervals = [mean_interval(normal(100, 1, i)[:, 0], 200, level=0.8) for i in range(150)]
    inside = sum(low <= 0 <= high for low, high, _ in intervals)
    assert 100 <= inside <= 138  # 120 expected, deviation 4.9


def test_seeds_and_order(normal: Normal) -> None:
    x = normal(50, 1)[:, 0]
    assert mean_interval(x, seed=1) == mean_interval(x, seed=1) == mean_interval(x.flip(0), seed=1)
    assert mean_interval(x, seed=1) != mean_interval(x, seed=2)


def test_percentiles_and_centring() -> None:
    draws = torch.arange(101.0)
    assert_close(tuple(percentiles(draws, 0.9)), (5.0, 95.0, 0.9))
    assert_close(tuple(centred(7.0, draws, 0.9)), (-38.0, 52.0, 0.9))


def test_comparison_of_means(normal: Normal) -> None:
    a, noise = normal(200, 1)[:, 0], 0.1 * normal(200, 1, 1)[:, 0]
    better = compare_means(a + 0.1 + noise, a)
    assert_close(better.difference, float((0.1 + noise).mean()))
    assert better.low < better.difference < better.high
    assert better.low > 0 and better.p < 0.01  # paired: unpaired deviations are ten times as large
    worse = compare_means(a, a + 0.1 + noise)
    assert_close(worse.difference, -better.difference)
    assert worse.high < 0 and worse.p < 0.01
    unpaired = compare_means(a + 0.1, normal(201, 1, 2)[:, 0])
    assert unpaired.low < 0 < unpaired.high


def test_p_is_honest(normal: Normal) -> None:
    p = torch.tensor(
        [compare_means(normal(60, 1, i)[:, 0], normal(60, 1, i + 500)[:, 0], 200).p for i in range(120)]
    )
    assert 0.01 <= float((p < 0.05).double().mean()) <= 0.11
    assert 0.4 < float(p.mean()) < 0.6


def test_p_is_never_zero_and_equals_are_equal(normal: Normal) -> None:
    a = normal(50, 1)[:, 0]
    assert_close(compare_means(a + 10, normal(50, 1, 1)[:, 0], 99).p, 0.01)
    same = compare_means(a, a)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_draws_of_one_seed_are_paired(normal: Normal) -> None:
    a = normal(80, 1)[:, 0]
    assert_close(mean_draws(a + 3, 20, seed=4) - mean_draws(a, 20, seed=4), torch.full((20,), 3.0).double())
    found = compare(3.0, mean_draws(a + 3, 20), 0.0, mean_draws(a, 20))
    assert_close((found.low, found.high), (3.0, 3.0))


def test_normal_tail_and_two_proportions() -> None:
    assert_close(normal_tail(1.7), float(scipy.stats.norm.sf(1.7)), rtol=1e-12, atol=0)
    assert_close(normal_tail(-1.7), float(scipy.stats.norm.sf(-1.7)), rtol=1e-12, atol=0)
    found = two_proportions(torch.tensor([30, 0, 50, 10]), 50, torch.tensor([20, 0, 80, 20]), 80)
    pooled = 50 / 130
    by_hand = (0.6 - 0.25) / math.sqrt(pooled * (1 - pooled) * (1 / 50 + 1 / 80))
    assert_close(float(found[0]), by_hand)
    assert found[1] == 0 and found[2] == 0 and found[3] < 0


def test_what_is_refused() -> None:
    x = torch.ones(5)
    for refused in (
        lambda: mean_interval(x, resamples=1),
        lambda: mean_interval(x, level=1.0),
        lambda: mean_interval(torch.ones(0)),
        lambda: mean_interval(torch.full((3,), torch.nan)),
        lambda: mean_interval(torch.ones(2, 2)),
        lambda: compare(0.0, torch.ones(5), 0.0, torch.ones(6)),
    ):
        with pytest.raises(UserError):
            refused()
