"""The sliced Wasserstein distance against closed forms, scipy's exact transport, and repetition."""

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from visavis.errors import UserError
from visavis.metrics.bootstrap import Interval
from visavis.metrics.frechet import frechet_distance
from visavis.metrics.sliced import Reference, sliced_distance


def _normal(seed: int, n: int, d: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_shifted_by_c_it_is_the_square_of_c_over_d() -> None:
    x = _normal(0, 300, 7)
    found = sliced_distance(x + 2.0, Reference.of(x, directions=20_000))
    assert found.value == pytest.approx(4.0, rel=0.03)  # |c|² / d = 7 · 4 / 7, over drawn directions


def test_scaled_by_s_it_is_the_square_of_s_less_1_times_the_variance() -> None:
    x = _normal(0, 500, 5)
    x -= x.mean(0)
    reference = Reference.of(x)
    variance = float((x @ reference.directions).square().mean())
    assert sliced_distance(1.5 * x, reference).value == pytest.approx(0.25 * variance, rel=1e-9)


def test_two_normals_have_the_closed_form() -> None:
    found = sliced_distance(3 * _normal(1, 5000, 4) + 1.0, _normal(2, 5000, 4))
    assert found.value == pytest.approx(1.0 + 4.0, rel=0.08)  # (m₁ − m₂)² + (σ₁ − σ₂)²


def test_is_the_cheapest_matching_in_one_dimension() -> None:
    x, y = _normal(3, 40, 1), _normal(4, 40, 1) * 2 + 1
    costs = (x - y.T).square().numpy()
    best = costs[linear_sum_assignment(costs)].mean()
    assert sliced_distance(x, y).value == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(30, 45), (45, 30), (7, 100), (100, 7), (2, 1)])
def test_unequal_numbers_are_those_of_repeated_images(n: int, m: int) -> None:
    x, y = _normal(5, n, 3), _normal(6, m, 3) + 0.5
    repeated = sliced_distance(x.repeat_interleave(m, 0), Reference.of(y.repeat_interleave(n, 0)))
    assert sliced_distance(x, Reference.of(y)).value == pytest.approx(repeated.value, rel=1e-9)


def test_of_order_one_scipy_agrees_that_sorting_is_right() -> None:
    x, y = _normal(7, 50, 1), _normal(8, 50, 1)
    assert (x.sort(0).values - y.sort(0).values).abs().mean() == pytest.approx(
        wasserstein_distance(x[:, 0].numpy(), y[:, 0].numpy())
    )


def test_chance_alone_gives_a_sixth_of_one_over_n_and_m_of_uniform_values() -> None:
    drawn = torch.Generator().manual_seed(9)
    values = []
    for _ in range(400):
        x, y = torch.rand(100, 1, generator=drawn), torch.rand(200, 1, generator=drawn)
        values.append(sliced_distance(x, Reference.of(y, directions=1)).value)
    assert sum(values) / 400 == pytest.approx((1 / 100 + 1 / 200) / 6, rel=0.15)


def test_a_set_with_the_mean_and_covariance_of_the_reference_is_told_apart() -> None:
    """What the Fréchet distance cannot see, and what a generator that was trained on it leaves."""
    real = _normal(10, 4000, 2).exp()  # far from normal
    fake = _normal(11, 4000, 2)
    fake = fake - fake.mean(0)
    fake = (
        fake @ torch.linalg.inv(torch.linalg.cholesky(fake.T.cov()).T) @ torch.linalg.cholesky(real.T.cov()).T
    )
    fake = fake + real.mean(0)
    assert frechet_distance(fake, real).value < 1e-6
    null = sliced_distance(_normal(12, 4000, 2).exp(), real).value
    assert sliced_distance(fake, real).value > 10 * null


def test_its_interval_holds_the_values_of_repetitions() -> None:
    """Of 200 repetitions near 95 % fall within their own interval around the mean value."""
    reference = Reference.of(_normal(13, 2000, 3), directions=64)
    found = [sliced_distance(_normal(100 + i, 300, 3) * 1.5 + 0.3, reference) for i in range(200)]
    middle = sum(each.value for each in found) / len(found)
    covered = sum(each.interval()[0] <= middle <= each.interval()[1] for each in found)
    assert 0.90 <= covered / 200 <= 0.99


def test_depends_on_neither_the_order_nor_the_other_side_being_prepared() -> None:
    x, y = _normal(14, 64, 3), _normal(15, 80, 3)
    first = sliced_distance(x, y)
    again = sliced_distance(x.flip(0), Reference.of(y.flip(0)))
    assert first.value == pytest.approx(again.value, rel=1e-12)
    assert first.error == pytest.approx(again.error, rel=1e-9)
    assert isinstance(first.interval(), Interval) and first.samples == 64 and first.reference_samples == 80


def test_refuses_what_cannot_be_compared() -> None:
    x = _normal(16, 5, 3)
    with pytest.raises(UserError, match="of 3 and of 4 dimensions"):
        sliced_distance(x, _normal(17, 5, 4))
    with pytest.raises(UserError, match="0 directions"):
        Reference.of(x, directions=0)
    with pytest.raises(UserError, match="NaN or infinity"):
        sliced_distance(x / 0, x)
    with pytest.raises(UserError, match="at least 2"):
        sliced_distance(x[:1], x)
