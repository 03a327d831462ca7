"""Precision, recall, density and coverage against prdc, and where it cannot be: copies."""

from collections.abc import Callable

import pytest
import torch
from prdc import compute_prdc
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.manifold import manifold, null_coverage

Normal = Callable[..., Tensor]


def figures(generated: Tensor, real: Tensor, k: int, rows: int | None = None) -> dict[str, float]:
    found = manifold(generated, real, k, k, rows)
    return {name: getattr(found, name) for name in ("precision", "recall", "density", "coverage")}


@pytest.mark.parametrize("k", [3, 5])
def test_equals_prdc(normal: Normal, k: int) -> None:
    real, generated = normal(300, 10), 0.8 * normal(250, 10, 1) + 0.3
    theirs = compute_prdc(real.numpy(), generated.numpy(), k)
    ours = figures(generated, real, k)
    assert_close(ours, {name: float(theirs[name]) for name in ours}, rtol=1e-5, atol=0)


def test_each_figure_has_its_own_k(normal: Normal) -> None:
    real, generated = normal(200, 6), normal(200, 6, 1)
    both = manifold(generated, real)
    of_3, of_5 = figures(generated, real, 3), figures(generated, real, 5)
    assert (both.precision, both.recall) == (of_3["precision"], of_3["recall"])
    assert (both.density, both.coverage) == (of_5["density"], of_5["coverage"])
    assert of_3 != of_5


def test_by_hand_on_a_line() -> None:
    real, generated = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[4.0], [0.5], [9.0]])
    found = manifold(generated, real, k=1, k_density=1)
    # real balls: 0 ± 1, 1 ± 1, 3 ± 2; generated: 4 ± 3.5, 0.5 ± 3.5, 9 ± 5
    assert found.inside_real.tolist() == [True, True, False]
    assert found.inside_generated.tolist() == [True, True, True]
    assert found.balls.tolist() == [1, 2, 0]
    assert found.covered.tolist() == [True, True, True]


def test_rows_and_order_do_not_matter(normal: Normal) -> None:
    real = normal(130, 20)
    generated = torch.cat([normal(70, 20, 1), real[:30], real[:10]])  # ties included
    expected = manifold(generated, real)
    for rows in (1, 7, 64, 500):
        found = manifold(generated, real, rows=rows)
        assert torch.equal(found.inside_real, expected.inside_real)
        assert torch.equal(found.inside_generated, expected.inside_generated)
        assert torch.equal(found.balls, expected.balls)
        assert torch.equal(found.covered, expected.covered)
    assert figures(generated.flip(0), real.roll(17, 0), 3) == figures(generated, real, 3)


@pytest.mark.parametrize("offset", [0, 1000])
def test_copies_of_all_real_images(normal: Normal, offset: int) -> None:
    real = normal(150, 64) + offset
    found = manifold(real.clone(), real)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    # each ball holds its image and five others, one of them on the rim
    assert_close(found.density, 6 / 5)


def test_collapse_to_one_real_image(normal: Normal) -> None:
    real = normal(200, 16)
    real[0] = 100.0  # alone
    found = manifold(real[:1].expand(200, -1), real)
    assert found.precision == 1
    assert_close((found.recall, found.density, found.coverage), (1 / 200, 1 / 5, 1 / 200))
    far = manifold(real[:1].expand(200, -1) + 100, real)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_noise_has_recall_by_its_outliers_and_no_precision(normal: Normal) -> None:
    found = manifold(6 * normal(300, 8), normal(300, 8, 1))
    assert found.precision < 0.05 and found.density < 0.05
    assert found.recall > 0.9  # the weakness that coverage does not share
    assert found.coverage < 0.1


def test_density_may_exceed_one(normal: Normal) -> None:
    assert manifold(0.3 * normal(200, 8), normal(200, 8, 1)).density > 1.5


def test_expected_coverage(normal: Normal) -> None:
    values = torch.tensor(
        [manifold(normal(90, 4, i), normal(120, 4, i + 70), k_density=3).coverage for i in range(40)]
    )
    expected = null_coverage(90, 120, 3)
    assert abs(float(values.mean()) - expected) < 4 * float(values.std()) / 40**0.5 < 0.05
    assert_close(null_coverage(10**6, 10**6, 5), 1 - 2**-5, rtol=1e-5, atol=0)


def test_what_is_refused(normal: Normal) -> None:
    x = normal(5, 2)
    with pytest.raises(UserError, match="allowed: 1 to 4"):
        manifold(x, x)
    with pytest.raises(UserError, match="NaN"):
        manifold(normal(9, 2) / 0, normal(9, 2))
