import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from visavis.data.digits import digits
from visavis.data.filters import PALETTE, Colour, Filter, Invert, Pencil, Shrink, tinted, untinted
from visavis.errors import UserError


def test_pencil_leaves_even_surfaces_white_whatever_their_brightness() -> None:
    images = np.full((3, 16, 16, 3), [[[[0]]], [[[90]]], [[[255]]]], np.uint8)
    assert (Pencil()(images) == 255).all()


def test_pencil_draws_a_line_on_the_dark_side_of_an_edge() -> None:
    image = np.full((1, 64, 64, 3), 200, np.uint8)
    image[:, :, 32:] = 50
    drawn = Pencil()(image)
    assert drawn.shape == image.shape and (drawn == drawn[..., :1]).all()
    assert (drawn[:, :, :32] == 255).all()  # brighter than around: paper
    row = drawn[0, 20, :, 0].astype(int)
    # at the edge the blur is the mean of both, less half a weight of the pixel itself
    weights = np.exp(-0.5 * (np.arange(-3, 4) / 0.96) ** 2)
    blurred = (np.where(np.arange(-3, 4) < 0, 208, 58) * weights).sum() / weights.sum()
    assert row[32] == round(255 * (58 / blurred) ** 2)
    assert row[32] < row[33] < row[34] and (row[36:] == 255).all()


def test_stronger_pencils_are_darker_and_wider_ones_draw_further() -> None:
    image = np.full((1, 64, 64, 1), 200, np.uint8)
    image[:, :, 32:] = 100
    plain, strong, wide = (pencil(image) for pencil in (Pencil(), Pencil(strength=4.0), Pencil(width=4.0)))
    assert strong[0, 5, 32, 0] < plain[0, 5, 32, 0] < 255
    assert (wide[0, 5] < 255).sum() > (plain[0, 5] < 255).sum() > 0


def test_pencil_treats_rows_as_columns_and_takes_tiny_pictures() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 12, 12, 1), np.uint8)
    turned = Pencil()(image.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3).astype(int)
    assert np.abs(turned - Pencil()(image)).max() <= 1
    assert Pencil(width=50.0)(image[:, :2, :2]).shape == (1, 2, 2, 1)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_shrink_is_pillows_bicubic(factor: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 16, channels), np.uint8)
    small = Shrink(factor=factor)(images)  # type: ignore[arg-type]
    assert small.shape == (2, 8 // factor, 16 // factor, channels)
    for band in range(channels):
        expected = Image.fromarray(images[1, ..., band]).resize(
            (16 // factor, 8 // factor), Image.Resampling.BICUBIC
        )
        np.testing.assert_array_equal(small[1, ..., band], np.asarray(expected))


def test_shrink_refuses_sides_that_do_not_divide() -> None:
    with pytest.raises(UserError, match="10x8 cannot be shrunk by 4"):
        Shrink(factor=4)(np.zeros((1, 8, 10, 3), np.uint8))


def test_invert_is_its_own_inverse() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert Invert()(images)[0, 0, 0, 0] == 255
    np.testing.assert_array_equal(Invert()(Invert()(images)), images)


def test_colours_can_be_undone() -> None:
    images = digits("test")[0]
    coloured = Colour()(images)
    assert coloured.shape == (len(images), 8, 8, 3)
    np.testing.assert_array_equal(untinted(coloured), images)
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    for colour in range(len(PALETTE)):
        tint = tinted(every, np.array([colour]))
        np.testing.assert_array_equal(untinted(tint), every)
        np.testing.assert_array_equal(tint[0, 15, 15], PALETTE[colour])
    white = np.full((600, 1, 1, 1), 255, np.uint8)
    counts = np.unique(Colour()(white).reshape(-1, 3), axis=0, return_counts=True)[1]
    assert len(counts) == len(PALETTE) and counts.min() > 60


def test_a_pictures_colour_depends_on_the_seed_and_not_on_what_follows() -> None:
    images = digits("test")[0]
    np.testing.assert_array_equal(Colour()(images)[:5], Colour()(images[:5]))
    assert (Colour()(images) != Colour(seed=1)(images)).any()


def test_colour_takes_grey_only() -> None:
    grey = np.full((1, 2, 2, 3), 9, np.uint8)
    assert untinted(Colour()(grey))[0, 0, 0, 0] == 9
    grey[0, 0, 0, 1] = 8
    with pytest.raises(UserError, match="'colour' takes grey pictures"):
        Colour()(grey)


def test_a_name_alone_means_the_defaults() -> None:
    read = TypeAdapter(Filter).validate_python
    assert read("pencil") == Pencil() and read({"kind": "shrink", "factor": 4}) == Shrink(factor=4)
    assert read(Invert()) == Invert()
