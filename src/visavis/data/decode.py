"""One encoded image, whatever its format and mode, as square pixels: RGB, grey or RGBA."""

import io
import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
"""From 89 megapixels Pillow warns and from twice as many it refuses: a large scan is no bomb."""

_READERS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "QOI": (".qoi",),
    "JPEG2000": (".jp2", ".j2k", ".jpx"),
    "AVIF": (".avif",),
}
FORMATS = tuple(_READERS)
"""Pillow's readers that may be used, if it has them: those that know their files, and start no programs."""
SUFFIXES = tuple(suffix for suffixes in _READERS.values() for suffix in suffixes)
"""What pictures are called."""
LOSSY = ("JPEG", "WEBP", "JPEG2000", "AVIF")
"""Formats that may have changed what they store."""
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels -> what Pillow calls them."""

RULE = "rgb-white-square-bicubic-1"
"""Names this file's way from bytes to pixels; part of every digest, so change it with the pixels."""


class BrokenImageError(Exception):
    """An image that does not decode; its text says why."""


@cache
def formats() -> tuple[str, ...]:
    """The :data:`FORMATS` that this Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def decode(data: bytes, resolution: int | None, channels: int = 3) -> NDArray[np.uint8]:
    """An image as uint8 ``[H, W, C]``: :func:`to_mode`, then :func:`to_square` if a resolution is given.

    Channels are 1 (grey), 3 (RGB) or 4 (RGBA).  Of an animation or a file of several pages, the first image.
    Raises :class:`BrokenImageError`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats()) as image:
            plain = to_mode(image, MODES[channels])
            pixels = np.asarray(plain if resolution is None else to_square(plain, resolution))
            return pixels.reshape(*pixels.shape[:2], channels)
    except Exception as error:  # Pillow's readers raise whatever the bytes lead them to
        raise BrokenImageError(_reason(error)) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Any picture as 8-bit RGB: :func:`to_mode`."""
    return to_mode(image, "RGB")


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Any picture as 8-bit ``L`` (grey, ITU-R BT.601 of colours), ``RGB`` or ``RGBA``, upright.

    The EXIF orientation is applied, transparency is composited over white unless it is kept, 16-bit grey is
    divided by 257 and rounded, palette and CMYK are converted.  Raises ValueError for float and 32-bit
    pixels, whose range no file tells.
    """
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":
        image = _from_16_bit(image, image.info.get("transparency"))
    if image.has_transparency_data or mode == "RGBA":
        image = image.convert("RGBA")
        if mode == "RGBA":
            return image
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if mode == "L" and image.mode not in ("1", "L"):
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def is_grey(image: Image.Image) -> bool:
    """Whether a picture that is opened but not decoded has grey levels only, by its mode or its palette."""
    if image.mode == "P":
        palette = np.array(image.getpalette() or [0, 0, 1]).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La") or image.mode[0] in "IF"


def to_square(image: Image.Image, resolution: int) -> Image.Image:
    """The centre square, resized bicubically (antialiased where it shrinks); untouched when it fits.

    This is the short side resized to ``resolution`` and the centre cut out, in one step.
    """
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    if (left, top, side) == (0, 0, resolution):
        return image
    box = (left, top, left + side, top + side)
    return image.resize((resolution, resolution), Image.Resampling.BICUBIC, box=box)


def _from_16_bit(image: Image.Image, transparent: object = None) -> Image.Image:
    """8-bit grey; with an alpha channel where one of the levels is marked as transparent."""
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"pixels of mode {image.mode} have no known range; save it with 8 or 16 bits")
    grey = Image.fromarray(((values.astype(np.int64) + 128) // 257).astype(np.uint8))
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format"
    return " ".join(str(error).split()) or type(error).__name__
