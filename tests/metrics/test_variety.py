"""Variety by hand: images on a line, repeats, what is crowded only because real images are."""

import pytest
import torch
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.variety import alike, variety

LINE = torch.arange(100.0)[:, None]


def test_by_hand() -> None:
    """From the real 50 the third nearest other is 2 away, so images within 2 of 50.1 are one with it."""
    made = torch.tensor([[50.1], [52.0], [52.2], [90.0], [90.0], [-7.0]])
    assert alike(made, LINE).tolist() == [2, 3, 2, 2, 2, 1]
    assert_close(variety(torch.tensor([2, 3, 2, 2, 2, 1])), (2.0**4 * 3) ** (-1 / 6))


def test_scale_is_that_of_the_real_images_there() -> None:
    crowded = torch.cat([LINE, 200 + 0.01 * LINE])
    made = torch.tensor([[10.0], [11.0], [200.1], [200.2]])
    assert alike(made, crowded).tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_repeats(times: int) -> None:
    apart = 10 * torch.arange(10.0)[:, None].repeat(times, 1)
    assert_close(variety(alike(apart, LINE)), 1 / times)


def test_one_picture_and_a_few() -> None:
    one = torch.full((200, 1), 3.0)
    assert_close(variety(alike(one, LINE)), 1 / 200)
    mixed = torch.cat([torch.full((90, 1), 3.0), 10 + 5 * torch.arange(10.0)[:, None]])
    assert_close(variety(alike(mixed, LINE)), 90**-0.9)


def test_far_from_everything_real_is_no_repeat() -> None:
    assert variety(alike(1e4 + 50 * LINE, LINE)) == 1


def test_chunks_change_nothing_and_few_real_images_are_refused() -> None:
    made = torch.randn(70, 5, generator=torch.Generator().manual_seed(0))
    real = torch.randn(50, 5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(alike(made, real), alike(made, real, rows=7))
    with pytest.raises(UserError, match="3 nearest neighbours among 2 others"):
        alike(made, real[:3])
