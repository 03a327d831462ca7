"""Sums that merge: the same moments however the rows arrive."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics import statistics
from visavis.metrics.statistics import Moments


def test_moments_are_numpys(normal: Callable[..., Tensor]) -> None:
    x = normal(300, 7) * torch.arange(1, 8) + 5
    moments = Moments.of(x)
    assert moments.n == 300
    assert_close(moments.mean.numpy(), x.numpy().mean(0))
    assert_close(moments.covariance.numpy(), np.cov(x.numpy(), rowvar=False))


def test_batches_merge_to_the_same(normal: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    x = normal(500, 5) + 3
    whole = Moments.of(x)
    monkeypatch.setattr(statistics, "CHUNK", 64)  # rows are taken in chunks too
    for size in (1, 77, 250):
        parts = [Moments.of(x[i : i + size]) for i in range(0, 500, size)]
        merged = sum(parts, Moments.empty(5))
        assert merged.n == 500
        assert_close(merged.mean, whole.mean, rtol=1e-12, atol=0)
        assert_close(merged.covariance, whole.covariance, rtol=1e-11, atol=1e-13)


def test_order_does_not_matter(normal: Callable[..., Tensor]) -> None:
    x = normal(400, 4)
    assert_close(Moments.of(x).covariance, Moments.of(x.flip(0)).covariance, rtol=1e-12, atol=1e-15)


def test_float32_features_are_summed_in_float64() -> None:
    x = torch.full((3_000, 1), 1000.0)
    x[::2] += 0.125
    variance = float(x.double().var())
    moments = Moments.of(x)
    assert moments.outer.dtype == torch.float64
    assert_close(float(moments.covariance), variance, rtol=1e-6, atol=0)  # float32 sums: off by far more


def test_what_moments_refuse() -> None:
    with pytest.raises(UserError, match="at least 2"):
        _ = Moments.of(torch.zeros(1, 3)).covariance
    with pytest.raises(UserError, match="at least 1"):
        _ = Moments.empty(3).mean
    with pytest.raises(UserError, match="rows"):
        Moments.of(torch.zeros(0, 3))
    with pytest.raises(UserError, match="one row per image"):
        Moments.of(torch.zeros(3))
    with pytest.raises(UserError, match="use one extractor"):
        Moments.of(torch.zeros(3, 2)) + Moments.of(torch.zeros(3, 4))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_named(bad: float) -> None:
    x = torch.zeros(9, 2)
    x[4, 1] = bad
    with pytest.raises(UserError, match="1 of 9 rows hold NaN or infinity \\(first: row 4\\)"):
        Moments.of(x)
