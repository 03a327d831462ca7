import io

import numpy as np
import pytest
from PIL import Image

from visavis.data.decode import BrokenImageError, decode, to_rgb, to_square

RED = (200, 30, 10)


def encode(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("RGB", RED, RED),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (100, 0), (255, 255, 255)),
        ("LA", (100, 255), (100, 100, 100)),
    ],
)
def test_modes_become_rgb_over_white(
    mode: str, color: int | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    pixels = decode(encode(Image.new(mode, (5, 4), color)), None)
    assert pixels.dtype == np.uint8 and pixels.shape == (4, 5, 3)
    assert (pixels == expected).all()


def test_palette_with_and_without_transparency() -> None:
    image = Image.new("RGB", (4, 4), RED)
    image.putpixel((0, 0), (0, 0, 255))
    palette = image.quantize(4)
    assert (decode(encode(palette), None) == np.asarray(image)).all()
    clear = palette.getpixel((0, 0))
    pixels = decode(encode(palette, transparency=clear), None)
    assert (pixels[0, 0] == 255).all() and (pixels[1:] == RED).all()


def test_colour_key_transparency_of_rgb_png() -> None:
    assert (decode(encode(Image.new("RGB", (2, 2), RED), transparency=RED), None) == 255).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(form: str) -> None:
    values = np.array([[0, 257, 128 * 257 + 128], [128 * 257 + 129, 65534, 65535]], np.uint16)
    pixels = decode(encode(Image.fromarray(values), form), None)
    np.testing.assert_array_equal(pixels[..., 0], [[0, 1, 128], [129, 255, 255]])


def test_cmyk_jpeg() -> None:
    rgb = Image.new("RGB", (16, 16), RED)
    pixels = decode(encode(rgb.convert("CMYK"), "JPEG", quality=100), None)
    assert np.abs(pixels.astype(int) - RED).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = 255  # a corner
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(upright)
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode(encode(stored, exif=exif), None), upright)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF"])
def test_first_frame_of_several(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("white", "black")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encode(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert (decode(data, None) == 255).all()


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG"])
def test_formats(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    pixels = decode(encode(Image.new("RGB", (8, 8), (200, 200, 200)), form, **options), None)
    assert np.abs(pixels.astype(int) - 200).max() <= 1


def test_jpeg_of_several_pictures() -> None:
    """What some cameras write: a JPEG with a second one behind it."""
    data = encode(
        Image.new("RGB", (8, 8), "white"), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))]
    )
    assert (decode(data, None) == 255).all()


def test_broken_images_say_why() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for form in ("PNG", "JPEG", "WEBP", "GIF"):
        data = encode(Image.fromarray(noise), form)
        with pytest.raises(BrokenImageError, match=r"\S"):
            decode(data[: len(data) // 2], None)
    with pytest.raises(BrokenImageError, match="not a picture"):
        decode(b"hello", None)
    with pytest.raises(BrokenImageError, match="not a picture"):
        decode(b"", None)
    with pytest.raises(BrokenImageError, match="mode F"):
        decode(encode(Image.new("F", (4, 4), 0.5), "TIFF"), None)


def test_square_takes_the_centre() -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = 255
    assert (np.asarray(to_square(Image.fromarray(wide), 8)) == 255).all()


@pytest.mark.parametrize("shape", [(16, 48, 3), (48, 16, 3)])
@pytest.mark.parametrize("side", [8, 32])
def test_square_is_the_short_side_resized_and_the_centre_cut_out(shape: tuple[int, ...], side: int) -> None:
    grey = np.random.default_rng(0).integers(
        90, 160, shape, dtype=np.uint8
    )  # far from where an overshoot is cut
    image = Image.fromarray(grey)
    height, width = (n * side // 16 for n in shape[:2])
    left, top = (width - side) // 2, (height - side) // 2
    whole = image.resize((width, height), Image.Resampling.BICUBIC)
    expected = np.asarray(whole.crop((left, top, left + side, top + side))).astype(int)
    assert np.abs(np.asarray(to_square(image, side)) - expected).max() <= 1


def test_square_is_antialiased_down_and_smooth_up() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    down = np.asarray(to_square(Image.fromarray(stripes), 8)).astype(int)
    assert np.abs(down - 127.5).max() < 8
    up = to_square(Image.new("RGB", (4, 4), RED), 9)
    assert up.size == (9, 9) and (np.asarray(up) == RED).all()


def test_to_rgb_leaves_its_argument_alone() -> None:
    image = Image.new("LA", (3, 3), (9, 0))
    assert to_rgb(image).mode == "RGB" and image.mode == "LA"
