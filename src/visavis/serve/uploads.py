"""Pictures that strangers send: looked at before they are decoded."""

import io
import warnings

from PIL import Image

from visavis.data.decode import BrokenImageError, decode
from visavis.errors import UserError
from visavis.serve.limits import Limits

FORMATS = ("PNG", "JPEG", "WEBP")


class TooLargeError(UserError):
    """An upload beyond the limits."""


def picture(data: bytes, name: str, limits: Limits) -> Image.Image:
    """The picture in ``data``, as RGB; ``name``: the field that it came in.

    Raises :class:`TooLargeError` for more bytes or pixels than allowed, before these are decoded, and
    :class:`UserError` for what is no picture.
    """
    if len(data) > limits.upload_bytes:
        raise TooLargeError(f"'{name}' has {len(data)} bytes (allowed: {limits.upload_bytes})")
    if not data:
        raise UserError(f"'{name}' is empty; send a PNG, JPEG or WebP")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                width, height = opened.size
    except Image.DecompressionBombError:
        raise TooLargeError(f"'{name}' has too many pixels (allowed: {limits.pixels})") from None
    except Exception as error:  # Pillow's readers raise whatever the bytes lead them to
        raise UserError(f"'{name}' is no picture that can be read; send a PNG, JPEG or WebP") from error
    if width * height > limits.pixels:
        raise TooLargeError(f"'{name}' has {width}x{height} pixels (allowed: {limits.pixels} in all)")
    try:
        return Image.fromarray(decode(data, None))
    except BrokenImageError as error:
        raise UserError(f"'{name}' cannot be read: {error}; send a PNG, JPEG or WebP") from None
