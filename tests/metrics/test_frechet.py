"""The Fréchet distance against scipy's square root, torchmetrics, closed forms and its own bias."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torchmetrics.image.fid import FrechetInceptionDistance

from visavis.errors import UserError
from visavis.metrics.frechet import (
    Reference,
    expected_bias,
    frechet_distance,
    frechet_draws,
    frechet_infinity,
    frechet_interval,
)
from visavis.metrics.statistics import Moments

Normal = Callable[..., Tensor]


def by_sqrtm(x: Tensor, y: Tensor) -> float:
    """As pytorch-fid and clean-fid compute it."""
    a, b = x.double().numpy(), y.double().numpy()
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s @ t).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * root))


def coloured(x: Tensor, seed: int = 9) -> Tensor:
    """Correlated, of deviations over four orders of magnitude, not negative: like features."""
    d = x.shape[1]
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (x * torch.logspace(-3, 1, d, dtype=torch.float64)) @ mixing.relu() + 3


def test_equals_scipys_square_root(normal: Normal) -> None:
    x, y = coloured(normal(900, 48)), coloured(1.1 * normal(700, 48, 1), 8)
    found = frechet_distance(x, y)
    assert_close(found.value, by_sqrtm(x, y), rtol=1e-6, atol=0)
    assert_close(found.of_means + found.of_covariances, found.value)
    assert (found.samples, found.reference_samples, found.d, found.few) == (900, 700, 48, False)


def test_equals_torchmetrics(normal: Normal) -> None:
    x, y = coloured(normal(500, 32)), coloured(normal(400, 32, 1) + 0.1)

    class Features(nn.Module):
        num_features = 32

        def forward(self, given: Tensor) -> Tensor:
            return given

    theirs = FrechetInceptionDistance(Features(), normalize=True)
    theirs.update(x, real=False)
    theirs.update(y, real=True)
    assert_close(frechet_distance(x, y).value, float(theirs.compute()), rtol=1e-6, atol=0)


def test_all_forms_of_a_side_agree(normal: Normal) -> None:
    x, y = normal(300, 20), 2 * normal(200, 20, 1)
    expected = by_sqrtm(x, y)
    for a in (x, x.float(), Moments.of(x), Reference.of(x), Reference.of(Moments.of(x))):
        for b in (y, Moments.of(y), Reference.of(y)):
            assert_close(frechet_distance(a, b).value, expected, rtol=1e-6, atol=0)
            assert_close(frechet_distance(b, a).value, expected, rtol=1e-6, atol=0)


def test_known_gaussians(normal: Normal) -> None:
    x = normal(500, 10)
    assert_close(frechet_distance(x, x).value, 0.0, rtol=0, atol=1e-9)
    shifted = frechet_distance(x + 2, x)
    assert_close(shifted.value, 40.0, rtol=1e-9, atol=0)
    assert_close(shifted.of_covariances, 0.0, rtol=0, atol=1e-9)
    assert_close(frechet_distance(3 * (x - x.mean(0)), x - x.mean(0)).value, 4 * float(x.var(0).sum()))


@pytest.mark.parametrize(("n", "m"), [(30, 40), (30, 500), (500, 30), (2, 2), (64, 64), (65, 64)])
def test_fewer_images_than_dimensions(normal: Normal, n: int, m: int) -> None:
    x, y = normal(n, 64), 1.5 * normal(m, 64, 1) + 0.5
    # tr (S T)^½ without a root of a singular matrix: singular values of the product of centred rows
    centred = [(z - z.mean(0)).numpy() / np.sqrt(len(z) - 1) for z in (x, y)]
    trace = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    expected = (x.mean(0) - y.mean(0)).square().sum() + x.var(0).sum() + y.var(0).sum() - 2 * trace
    found = frechet_distance(x, y)
    assert found.few == (n <= 64 or m <= 64)
    assert_close(found.value, float(expected), rtol=1e-8, atol=0)
    assert_close(frechet_distance(Moments.of(x), y).value, float(expected), rtol=1e-6, atol=0)
    assert_close(frechet_distance(x, Moments.of(y)).value, float(expected), rtol=1e-6, atol=0)


def test_dead_and_repeated_features(normal: Normal) -> None:
    x, y = normal(400, 12), 1.3 * normal(300, 12, 1)
    expected = frechet_distance(x, y).value
    dead = [torch.cat([z, torch.full((len(z), 5), 0.1)], 1) for z in (x, y)]
    assert_close(frechet_distance(*dead).value, expected, rtol=1e-6, atol=0)
    doubled = [torch.cat([z, z], 1) for z in (x, y)]
    assert_close(frechet_distance(*doubled).value, 2 * expected, rtol=1e-6, atol=0)


def test_a_collapsed_generator_gets_a_number(normal: Normal) -> None:
    y = normal(300, 16)
    for one in (torch.full((200, 16), 0.3, dtype=torch.float64), torch.full((5, 16), 0.3)):
        expected = float((0.3 - y.mean(0)).square().sum() + y.var(0).sum())
        for a, b in ((one, y), (y, one), (Moments.of(one), Moments.of(y))):
            assert_close(frechet_distance(a, b).value, expected, rtol=1e-6, atol=0)
    assert frechet_distance(torch.ones(9, 4), torch.ones(7, 4)).value == 0


def test_order_and_batches_do_not_matter(normal: Normal) -> None:
    x, y = coloured(normal(300, 16)), coloured(normal(300, 16, 1) * 1.2)
    expected = frechet_distance(x, y).value
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    assert_close(frechet_distance(x[order], y.flip(0)).value, expected, rtol=1e-9, atol=0)
    merged = Moments.of(x[:7]) + Moments.of(x[7:130]) + Moments.of(x[130:])
    assert_close(frechet_distance(merged, y).value, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("n", "m"), [(2000, 2000), (1000, 4000)])
def test_bias_of_one_distribution(normal: Normal, n: int, m: int) -> None:
    d = 32
    expected = expected_bias(torch.eye(d), n, m)
    assert_close(expected, (1 / n + 1 / m) * (d * (d + 1) / 4 + d))  # the page's formula
    values = [frechet_distance(normal(n, d, i), normal(m, d, i + 50)).value for i in range(20)]
    assert_close(sum(values) / 20, expected, rtol=0.05, atol=0)


def test_bias_of_any_covariance(normal: Normal) -> None:
    scales = torch.tensor([1.0, 0.1, 3.0, 0.0, 1.0, 2.0], dtype=torch.float64)
    mixing, _ = torch.linalg.qr(normal(6, 6))
    covariance = mixing @ scales.square().diag() @ mixing.T
    expected = expected_bias(covariance, 500, 800)
    values = [
        frechet_distance(
            (normal(500, 6, i) * scales) @ mixing.T, (normal(800, 6, i + 1000) * scales) @ mixing.T
        ).value
        for i in range(300)
    ]
    error = float(torch.tensor(values).std()) / 300**0.5
    assert abs(sum(values) / 300 - expected) < 4 * error < expected / 4
    assert expected_bias(4 * covariance, 500, 800) == pytest.approx(4 * expected)


def test_the_interval_holds_what_new_images_would_score(normal: Normal) -> None:
    for scale in (1.0, 1.3):
        reference = Reference.of(normal(800, 8, 999))
        samples = [scale * normal(400, 8, i) for i in range(60)]
        mean = sum(frechet_distance(x, reference).value for x in samples) / 60
        spread = torch.tensor([frechet_distance(x, reference).value for x in samples]).std()
        intervals = [frechet_interval(x, reference, resamples=60) for x in samples[:30]]
        inside = sum(low <= mean <= high for low, high, _ in intervals)
        assert inside >= 25  # of 28.5 at 95 %; binomial(30, 0.95) is below 25 in 0.3 % of cases
        width = sum(high - low for low, high, _ in intervals) / 30
        assert 0.8 < width / (3.92 * spread) < 1.8  # not so wide that it says nothing


def test_plain_percentiles_would_not_hold_the_value(normal: Normal) -> None:
    x, y = normal(1000, 32), normal(1000, 32, 1)
    value, draws = frechet_distance(x, y).value, frechet_draws(x, y, 40)
    assert float(draws.min()) > value  # the trap
    low, high, level = frechet_interval(x, y, 40)
    assert low < value < high and level == 0.95


@pytest.mark.parametrize(("n", "m"), [(60, 300), (10, 300), (60, 9), (8, 9)])
def test_draws_are_distances_of_resamples(normal: Normal, n: int, m: int) -> None:
    x, y = normal(n, 12) * 1.4, normal(m, 12, 1)
    generator = torch.Generator().manual_seed(5)
    expected = [frechet_distance(x[torch.randint(n, (n,), generator=generator)], y).value for _ in range(4)]
    assert_close(frechet_draws(x, y, 4, seed=5).tolist(), expected, rtol=1e-6, atol=0)
    assert_close(frechet_draws(x, Moments.of(y), 4, seed=5).tolist(), expected, rtol=1e-6, atol=0)


def test_extrapolation_removes_the_bias(normal: Normal) -> None:
    d, n = 16, 600
    truth = {1.0: 0.0, 1.2: d * 0.2**2}
    for scale, true in truth.items():
        runs = [(scale * normal(n, d, i), normal(n, d, i + 100)) for i in range(16)]
        found = torch.tensor([frechet_infinity(x, y).value for x, y in runs])
        plain = torch.tensor([frechet_distance(x, y).value for x, y in runs])
        error = float(found.std()) / 4
        assert abs(float(found.mean()) - true) < 4 * error
        assert float(plain.mean()) - true > 4 * error  # what it removes is there
    x, y = runs[0]
    assert frechet_infinity(x, y).at[0] == pytest.approx(frechet_distance(x, y).value)


def test_extrapolation_of_one_side_keeps_the_other_sides_bias(normal: Normal) -> None:
    d, n, m = 16, 600, 300
    found = []
    for i in range(16):
        reference = Reference.of(normal(m, d, i + 100))
        found.append(frechet_infinity(normal(n, d, i), reference).value)
    values = torch.tensor(found)
    one_side = (d * (d + 1) / 4 + d) / m
    assert abs(float(values.mean()) - one_side) < 4 * float(values.std()) / 4


def test_what_is_refused(normal: Normal) -> None:
    y = normal(50, 4)
    for few in (torch.zeros(1, 4), torch.zeros(0, 4), Moments.of(torch.zeros(1, 4))):
        with pytest.raises(UserError):
            frechet_distance(few, y)
        with pytest.raises(UserError):
            frechet_distance(y, few)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(UserError, match="NaN"):
            frechet_distance(y, torch.full((50, 4), bad))
        with pytest.raises(UserError, match="NaN"):
            frechet_distance(torch.full((3, 4), bad), y)
        with pytest.raises(UserError, match="moments"):
            frechet_distance(Moments(9, torch.zeros(4), torch.full((4, 4), bad)), y)
    with pytest.raises(UserError, match="one extractor"):
        frechet_distance(normal(50, 3), y)
    with pytest.raises(UserError, match="kernel distance"):
        frechet_infinity(normal(31, 4), normal(100, 4))
    with pytest.raises(UserError, match="resamples"):
        frechet_interval(y, y, resamples=1)
