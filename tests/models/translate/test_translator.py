from pathlib import Path

import numpy as np
import pytest
from nets import Blur, Negative, model
from numpy.typing import NDArray
from PIL import Image

from visavis.errors import UserError
from visavis.models.translate import Translator, translate, translate_pixels
from visavis.models.translate.translator import COLOUR_TO_GREY, GREY_TO_COLOUR


def noise(height: int, width: int, seed: int = 0, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(noise(height, width, seed))


def array(image: Image.Image) -> NDArray[np.int64]:
    return np.asarray(image).astype(np.int64)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 150), (201, 133), (100, 40)])
@pytest.mark.parametrize(("stride", "scale"), [(1, 1), (4, 1), (1, 2), (4, 4)])
def test_tiles_join_to_what_the_network_makes_of_the_whole(
    height: int, width: int, stride: int, scale: int
) -> None:
    net = Blur(stride=stride, scale=scale)
    given = model(64 * scale, G=net)
    (tiled,) = translate(given, [picture(height, width)])
    assert {size[2:] for size in net.sizes} == {(64, 64)}
    (whole,) = translate(given, [picture(height, width)], fit="whole")
    assert tiled.size == whole.size == (width * scale, height * scale)
    assert np.abs(array(tiled) - array(whole)).max() <= 1  # rounding


def test_no_seams_where_tiles_disagree() -> None:
    """Even a network that gives each tile a tone of its own leaves no step between neighbours."""

    class Tone(Blur):
        def forward(self, x):  # type: ignore[no-untyped-def]
            means = x.mean((1, 2, 3), keepdim=True).sign()
            return means.expand_as(x)

    dark_and_light = np.zeros((64, 192, 3), np.uint8)
    dark_and_light[:, 96:] = 255
    (made,) = translate(model(64, G=Tone()), [Image.fromarray(dark_and_light)])
    steps = np.abs(np.diff(array(made)[0, :, 0]))
    assert np.ptp(array(made)) == 255 and steps.max() < 255 * np.pi / 2 / 8 + 2  # a cosine over 8 pixels


def test_pictures_of_many_sizes_come_back_in_order() -> None:
    sizes = [(64, 64), (30, 70), (64, 64), (130, 64), (1, 1), (64, 64)]
    given = [picture(height, width, seed) for seed, (height, width) in enumerate(sizes)]
    net = Blur(stride=4)
    made = translate(model(64, G=net), given, batch_size=3)
    assert [image.size for image in made] == [(width, height) for height, width in sizes]
    assert max(size[0] for size in net.sizes) == 3
    for image, alone in zip(given, made, strict=True):
        assert np.abs(array(translate(model(64, G=net), [image])[0]) - array(alone)).max() <= 1


def test_small_pictures_are_padded_by_reflection() -> None:
    given = noise(3, 64)
    padded = np.pad(given, ((0, 61), (0, 0), (0, 0)), mode="reflect")
    net = Blur()
    (made,) = translate(model(64, G=net), [Image.fromarray(given)])
    (whole,) = translate(model(64, G=net), [Image.fromarray(padded)])
    assert np.array_equal(array(made), array(whole)[:3])


def test_resize() -> None:
    net = Blur()
    given = [picture(100, 150)]
    assert translate(model(50, G=net), given, fit="resize")[0].size == (75, 50)
    assert translate(model(50, G=net), given, fit="resize", original_size=True)[0].size == (150, 100)
    larger = Blur(scale=2)
    assert translate(model(100, G=larger), given, fit="resize", original_size=True)[0].size == (300, 200)


def test_a_network_of_one_size_takes_the_centre_square() -> None:
    given = model(20, G=Negative(20))
    (made,) = translate(given, [picture(40, 60)])
    expected = picture(40, 60).resize((20, 20), Image.Resampling.BICUBIC, box=(10, 0, 50, 40))
    assert np.abs(255 - array(expected) - array(made)).max() <= 1
    assert translate(given, [picture(40, 60)], original_size=True)[0].size == (40, 40)
    with pytest.raises(UserError, match=r"20x20 pixels only, so it cannot tile .* --resize"):
        Translator(given, fit="tile")


def test_colours_and_grey_are_converted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "visavis")
    colour, grey = picture(8, 8), picture(8, 8).convert("L")
    (made,) = translate(model(8, 1, G=Negative(8)), [colour])
    assert made.mode == "L" and np.array_equal(array(made), 255 - array(colour.convert("L")))
    made_colour = translate(model(8, 3, G=Negative(8)), [grey, grey])
    assert np.array_equal(array(made_colour[0]), np.repeat(255 - array(grey)[..., None], 3, axis=2))
    assert [record.message for record in caplog.records] == [COLOUR_TO_GREY, GREY_TO_COLOUR]
    caplog.clear()
    translate(model(8, 1, G=Negative(8)), [grey])
    translate(model(8, 3, G=Negative(8)), [colour])
    assert not caplog.records


def test_both_directions() -> None:
    given = model(8, G_ab=Negative(8), G_ba=Blur())
    (made,) = translate(given, [picture(8, 8)])
    assert np.array_equal(array(made), 255 - array(picture(8, 8)))
    (back,) = translate(given, [picture(8, 8)], direction="b-to-a")
    assert not np.array_equal(array(back), array(made))
    with pytest.raises(UserError, match=r"unknown direction 'b-a'.*a-to-b, b-to-a"):
        translate(given, [picture(8, 8)], direction="b-a")
    with pytest.raises(UserError, match="one way only"):
        translate(model(8, G=Negative(8)), [picture(8, 8)], direction="b-to-a")


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="task is 'generate'"):
        translate(model(8, task="generate", G=Negative(8)), [])
    with pytest.raises(UserError, match="unknown way to fit 'crop'"):
        Translator(model(8, G=Blur()), fit="crop")
    with pytest.raises(UserError, match="--original-size"):
        Translator(model(8, G=Blur()), original_size=True)
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UserError, match=r"torn\.png"):
        translate(model(8, G=Blur()), [tmp_path / "torn.png"])


def test_pixels() -> None:
    pixels = np.stack([noise(8, 8, seed, 1) for seed in range(5)])
    made = translate_pixels(model(8, 1, G=Negative(8)), pixels, batch_size=2)
    assert np.array_equal(made, 255 - pixels)
