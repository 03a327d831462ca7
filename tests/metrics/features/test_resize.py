"""The three resize rules, each against something that is not this program."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from torch.testing import assert_close

from visavis.metrics.features.resize import RESIZE, bicubic_pil, bilinear, tf1_bilinear


@pytest.fixture
def images() -> Tensor:
    """Noise, the hardest case: [2, 3, 32, 32], whole numbers 0 to 255."""
    return torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0)).float()


def by_pillow(x: Tensor, size: int) -> Tensor:
    resized = [
        np.asarray(Image.fromarray(channel.numpy()).resize((size, size), Image.Resampling.BICUBIC))
        for channel in x.flatten(0, 1)
    ]
    return torch.from_numpy(np.stack(resized)).view(*x.shape[:2], size, size).clamp(0, 255)


@pytest.mark.parametrize("size", [299, 47, 20])
def test_bicubic_is_pillows_on_floats(images: Tensor, size: int) -> None:
    assert_close(bicubic_pil(images, size), by_pillow(images, size), atol=2e-3, rtol=0)


def test_bilinear_is_the_half_pixel_rule(images: Tensor) -> None:
    expected = interpolate(images, (299, 299), mode="bilinear", align_corners=False)
    assert_close(bilinear(images, 299), expected)
    # By hand: 2 -> 4 pixels read at -1/4 (held at 0), 1/4, 3/4, 5/4 (held at 1).
    assert_close(bilinear(torch.tensor([[[[0.0, 8.0]] * 2]]), 4)[0, 0, 0], torch.tensor([0.0, 2, 6, 8]))


def test_tf1_bilinear_by_hand() -> None:
    # 2 -> 4 pixels read at 0, 1/2, 1, 3/2 (held at 1); rows likewise.
    x = torch.tensor([[[[0.0, 8.0], [80.0, 88.0]]]])
    rows = torch.tensor([0.0, 40, 80, 80])
    columns = torch.tensor([0.0, 4, 8, 8])
    assert_close(tf1_bilinear(x, 4)[0, 0], rows[:, None] + columns)
    # 3 -> 2 pixels read at 0 and 3/2.
    assert_close(tf1_bilinear(torch.tensor([[[[1.0, 2.0, 4.0]] * 3]]), 2)[0, 0, 0], torch.tensor([1.0, 3.0]))


def test_tf1_bilinear_is_numpys_interpolation_of_rows_then_columns(images: Tensor) -> None:
    place = np.arange(299) * 32 / 299
    channel = images[0, 0].double().numpy()
    columns = np.stack([np.interp(place, np.arange(32), row) for row in channel])
    expected = np.stack([np.interp(place, np.arange(32), column) for column in columns.T]).T
    assert_close(tf1_bilinear(images[:1, :1], 299)[0, 0].double().numpy(), expected, atol=1e-3, rtol=0)


def test_the_rules_differ_by_grey_levels(images: Tensor) -> None:
    made = [rule(images, 299) for rule in RESIZE.values()]
    for first in range(3):
        for second in range(first):
            assert (made[first] - made[second]).abs().mean() > 1
