"""Cheap figures of a few images, against images whose answer is known."""

import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.metrics.bootstrap import share_interval
from visavis.metrics.glance import repeated, small, spread, unseen, variety


def noise(n: int, seed: int, low: int = 0, high: int = 256) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (n, 8, 8, 1), generator=draws, dtype=torch.uint8)


def test_small_is_the_mean_over_places() -> None:
    pixels = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    pixels[:, :2, :2, 0] = 255
    found = small(pixels)
    assert found.shape == (1, 3 * 16 * 16)
    assert_close(found.sum(), torch.tensor(1.0))
    assert small(noise(2, 0)).shape == (2, 64)


def test_spread_by_hand() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [0.0, 2.0], [9.0, 9.0]])
    found = spread(x, torch.tensor([0, 0, 1, 1, 2]))
    assert found == {0: 5.0, 1: 1.0}


def test_variety_is_one_of_real_images_half_of_half_the_contrast_and_none_of_one_picture() -> None:
    labels = torch.arange(60) % 2
    real = noise(60, 0)
    assert_close(variety(noise(60, 1), labels, real, labels), {0: 1.0, 1: 1.0}, atol=0.03, rtol=0)
    half = (noise(60, 1).float() / 2).to(torch.uint8)
    assert_close(variety(half, labels, real, labels), {0: 0.5, 1: 0.5}, atol=0.03, rtol=0)
    one = noise(1, 1).expand(60, -1, -1, -1)
    assert variety(one, labels, real, labels) == {0: 0.0, 1: 0.0}
    assert variety(real, labels, one, labels) == {}, "real images that do not differ say nothing"


def test_repeated_counts_images_with_an_equal_one() -> None:
    real = noise(40, 0)
    assert repeated(noise(40, 1), real) <= 0.1
    four = torch.cat([noise(36, 1), noise(1, 2).expand(4, -1, -1, -1)])
    assert_close(repeated(four, real), 0.1, atol=0.051, rtol=0)
    assert repeated(noise(10, 1).repeat(4, 1, 1, 1), real) == 1.0
    assert repeated(real[:1], real) == 0.0


def test_pale_images_that_differ_are_no_repeats() -> None:
    real, pale = noise(40, 0), (noise(40, 1).float() * 0.6 + 50).to(torch.uint8)
    assert repeated(pale, real) <= 0.1
    assert repeated(pale[:10].repeat(4, 1, 1, 1), real) == 1.0
    assert repeated((noise(40, 1).float() * 0.02 + 50).to(torch.uint8), real) == 1.0  # one picture, and dust


def test_unseen_are_asked_for_and_never_made() -> None:
    predicted, asked = torch.tensor([0, 0, 0, 2]), torch.tensor([0, 1, 1, 2])
    assert unseen(predicted, asked, range(4)) == [1]


def test_the_interval_of_a_share() -> None:
    """Wilson's, of 8 of 10 and of none of 10, from its equation by hand."""
    assert_close(share_interval(8, 10), (0.4902, 0.9433), atol=1e-4, rtol=0)
    low, high = share_interval(0, 10)
    assert_close((low, high), (0.0, 0.2775), atol=1e-4, rtol=0)
