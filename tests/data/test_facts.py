"""What a training can follow from: hand-worked spreads, sets that are their own mirror image and not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visavis.data import DataConfig, ImageSet, load_images
from visavis.data.facts import facts, handedness, short_sides


def blobs(n: int, centre: int, spread: int) -> torch.Tensor:
    """Bright bars of width 2 on black 8×8 pictures, around a column."""
    x = torch.full((n, 1, 8, 8), -1.0, dtype=torch.float64)
    for i in range(n):
        column = centre + (i * 7) % (2 * spread + 1) - spread
        x[i, :, :, column : column + 2] = 1.0 - (i % 3) / 4
    return x


def test_a_set_that_is_its_own_mirror_image_has_no_hand_whatever_each_picture_is() -> None:
    one_sided = blobs(60, 1, 1)
    both = torch.cat([one_sided, one_sided.flip(-1)])[torch.randperm(120, generator=torch.manual_seed(0))]
    assert abs(handedness(both)) < 0.02
    assert handedness(one_sided) > 0.5


def test_symmetric_pictures_and_equal_ones_have_no_hand() -> None:
    assert handedness(blobs(20, 3, 0)) == 0.0, "no odd part at all"
    assert handedness(torch.zeros(10, 1, 8, 8)) == 0.0


def test_digits_have_a_hand() -> None:
    assert facts(load_images(DataConfig(source="digits"))).handedness > 0.1


def test_the_spread_of_two_grey_levels() -> None:
    """Half 0, half 255: each is 1 from the mean in each of 12 values."""
    pixels = np.zeros((10, 2, 2, 3), np.uint8)
    pixels[::2] = 255
    found = facts(ImageSet(pixels, np.arange(10) % 2 * 1, ("a", "b"), "grey", "0" * 32))
    assert found.spread == pytest.approx(12.0)
    assert (found.images, found.resolution, found.channels) == (10, 2, 3)
    assert found.classes == {"a": 5, "b": 5}


def test_short_sides_are_those_of_the_files(tmp_path: Path) -> None:
    for name, size in (("a", (20, 30)), ("b", (50, 40))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
    assert sorted(short_sides(DataConfig(source=str(tmp_path))).tolist()) == [20, 40]
    assert short_sides(DataConfig(source="digits")).tolist()[:2] == [8, 8]
