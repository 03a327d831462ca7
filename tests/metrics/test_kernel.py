"""The kernel distance against torchmetrics, by hand, and without bias."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from torchmetrics.image.kid import poly_mmd

from visavis.errors import UserError
from visavis.metrics.kernel import kernel_distance, kernel_subsets

Normal = Callable[..., Tensor]


def test_full_sample_form_equals_torchmetrics(normal: Normal) -> None:
    x, y = 1.3 * normal(120, 9) + 0.4, normal(120, 9, 1)
    found = kernel_distance(x, y)
    assert_close(found.value, float(poly_mmd(y, x)), rtol=1e-10, atol=0)
    assert_close(kernel_distance(y, x).value, found.value, rtol=1e-10, atol=0)


def test_subsets_equal_torchmetrics_on_the_same_subsets(normal: Normal) -> None:
    x, y = normal(60, 5) + 0.5, normal(70, 5, 1)
    generator = torch.Generator().manual_seed(3)
    values = []
    for _ in range(6):
        of_x = torch.randperm(60, generator=generator)[:25]
        of_y = torch.randperm(70, generator=generator)[:25]
        values.append(poly_mmd(y[of_y], x[of_x]))
    found = kernel_subsets(x, y, 25, 6, seed=3)
    assert_close(found.value, float(torch.stack(values).mean()), rtol=1e-10, atol=0)
    assert_close(found.spread, float(torch.stack(values).std(correction=0)), rtol=1e-10, atol=0)
    assert kernel_subsets(x, y, 25, 6, seed=3) == found
    assert kernel_subsets(x, y, 25, 6, seed=4) != found


def test_one_subset_of_everything_is_the_full_sample(normal: Normal) -> None:
    x, y = normal(40, 6) + 0.2, normal(40, 6, 1)
    assert_close(kernel_subsets(x, y, 40, 1).value, kernel_distance(x, y).value, rtol=1e-10, atol=0)


def test_unlike_numbers_of_images_by_loops(normal: Normal) -> None:
    x, y = normal(5, 3), normal(4, 3, 1)

    def k(a: Tensor, b: Tensor) -> float:
        return float((a @ b / 3 + 1) ** 3)

    xx = sum(k(x[i], x[j]) for i in range(5) for j in range(5) if i != j) / 20
    yy = sum(k(y[i], y[j]) for i in range(4) for j in range(4) if i != j) / 12
    xy = sum(k(a, b) for a in x for b in y) / 20
    assert_close(kernel_distance(x, y).value, xx + yy - 2 * xy, rtol=1e-12, atol=0)


def test_error_is_the_jackknifes(normal: Normal) -> None:
    x, y = normal(9, 3) + 0.3, normal(7, 3, 1)

    def without(z: Tensor, i: int) -> Tensor:
        return torch.cat([z[:i], z[i + 1 :]])

    of_x = torch.tensor([kernel_distance(without(x, i), y).value for i in range(9)], dtype=torch.float64)
    of_y = torch.tensor([kernel_distance(x, without(y, i)).value for i in range(7)], dtype=torch.float64)
    variance = 8 * of_x.var(correction=0) + 6 * of_y.var(correction=0)
    assert_close(kernel_distance(x, y).error, float(variance.sqrt()), rtol=1e-9, atol=0)


def test_no_bias_and_both_signs(normal: Normal) -> None:
    values = torch.tensor([kernel_distance(normal(60, 8, i), normal(60, 8, i + 99)).value for i in range(80)])
    assert abs(float(values.mean())) < 4 * float(values.std()) / 80**0.5
    assert 20 < int((values < 0).sum()) < 60  # a biased estimate is never negative
    assert kernel_distance(normal(60, 8) + 1, normal(60, 8, 1)).value > 5 * float(values.std())


def test_interval_holds_the_mean(normal: Normal) -> None:
    found = [kernel_distance(normal(80, 6, i) + 0.4, normal(80, 6, i + 99)) for i in range(60)]
    mean = sum(one.value for one in found) / 60
    inside = sum(one.interval().low <= mean <= one.interval().high for one in found)
    assert inside >= 52  # of 57 at 95 %
    spread = float(torch.tensor([one.value for one in found]).std())
    assert 0.7 < sum(one.error for one in found) / 60 / spread < 1.4
    low, high, _ = found[0].interval()
    assert_close((high - low) / found[0].error, 2 * 1.959964, rtol=1e-6, atol=0)


def test_rows_and_order_do_not_matter(normal: Normal) -> None:
    x, y = normal(75, 6) + 0.3, normal(64, 6, 1)
    expected = kernel_distance(x, y)
    for rows in (1, 7, 64, 1000):
        found = kernel_distance(x.flip(0), y.roll(9, 0), rows)
        assert_close(found.value, expected.value, rtol=1e-9, atol=0)
        assert_close(found.error, expected.error, rtol=1e-9, atol=0)


def test_what_is_refused(normal: Normal) -> None:
    x = normal(50, 3)
    with pytest.raises(UserError, match="allowed: 1 or more of 2 to 50"):
        kernel_subsets(x, normal(90, 3), 51)
    with pytest.raises(UserError, match="2 to 50"):
        kernel_subsets(normal(90, 3), x, 51)
    with pytest.raises(UserError):
        kernel_subsets(x, x, 10, subsets=0)
    with pytest.raises(UserError, match="at least 3"):
        kernel_distance(x[:2], x)
    with pytest.raises(UserError, match="one extractor"):
        kernel_distance(x, x[:, :2])
    with pytest.raises(UserError, match="NaN"):
        kernel_distance(x, x / 0)
