import numpy as np
import pytest
from PIL import Image

from visavis.data.decode import to_square
from visavis.data.pairs.decode import Fit, alike


def ramp(height: int, width: int) -> np.ndarray:
    """Rises by 2 from row to row and by 3 from column to column; the third channel is 7."""
    y, x = np.mgrid[:height, :width]
    return np.stack([2 * y, 3 * x, np.full_like(x, 7)], axis=-1).astype(np.uint8)


def test_resize_crop_is_the_images_rule() -> None:
    pixels = ramp(50, 40)
    expected = np.asarray(to_square(Image.fromarray(pixels), 20))
    np.testing.assert_array_equal(Fit(20)(pixels), expected)
    np.testing.assert_array_equal(Fit(20)(pixels[..., :1]), expected[..., :1])


@pytest.mark.parametrize("upright", [True, False])
def test_pad_keeps_all_and_fills_both_ends(upright: bool) -> None:
    pixels = ramp(20, 16)
    edge, white, black = (Fit(10, "pad", filling)(pixels) for filling in ("edge", "white", "black"))
    if not upright:
        turn = pixels.transpose(1, 0, 2)
        edge, white, black = (
            Fit(10, "pad", filling)(turn).transpose(1, 0, 2) for filling in ("edge", "white", "black")
        )
    inner = np.asarray(Image.fromarray(pixels).resize((8, 10), Image.Resampling.BICUBIC))
    for padded in (edge, white, black):
        assert padded.shape == (10, 10, 3)
        assert np.abs(padded[:, 1:9].astype(int) - inner).max() <= 1
    np.testing.assert_array_equal(edge[:, [0, 9]], edge[:, [1, 8]])
    assert (white[:, [0, 9]] == 255).all() and (black[:, [0, 9]] == 0).all()


def test_a_square_of_the_right_side_is_untouched_and_a_line_survives() -> None:
    pixels = ramp(10, 10)
    for rule in ("resize-crop", "pad"):
        assert Fit(10, rule)(pixels) is pixels  # type: ignore[arg-type]
    assert Fit(10, "pad")(ramp(1, 80)).shape == (10, 10, 3)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((250, 200), (250, 200), True),
        ((250, 200), (125, 100), True),
        ((341, 512), (171, 256), True),  # 170.5 rounded
        ((341, 512), (168, 256), False),
        ((250, 200), (200, 250), False),
        ((256, 256), (286, 286), True),
        ((100, 100), (100, 110), False),
    ],
)
def test_alike(one: tuple[int, int], other: tuple[int, int], same: bool) -> None:
    assert alike(one, other) is same and alike(other, one) is same
