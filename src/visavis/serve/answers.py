"""Images as the bytes of an answer: one picture or a sheet as PNG or WebP, or all of them as ``.npz``."""

import io
from typing import Literal

import numpy as np
from PIL import Image
from torch import Tensor

from visavis.models.model import Pixels
from visavis.report.grids import grid

Format = Literal["png", "webp", "npz"]
TYPES = {"png": "image/png", "webp": "image/webp", "npz": "application/octet-stream"}
_SAVED = {"png": {"compress_level": 3}, "webp": {"lossless": True, "method": 2}}


def encode(images: Pixels, form: Format, labels: Tensor | None = None) -> bytes:
    """uint8 ``[N, H, W, C]``: one picture as it is, several as a sheet, or ``images`` and ``labels``."""
    buffer = io.BytesIO()
    if form == "npz":
        arrays = {"images": images} if labels is None else {"images": images, "labels": labels.numpy()}
        np.savez(buffer, **arrays)
        return buffer.getvalue()
    picture = single(images[0]) if len(images) == 1 else grid(images, scale=1)
    return encode_picture(picture, form)


def single(image: Pixels) -> Image.Image:
    """uint8 ``[H, W, C]`` as a picture."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def encode_picture(picture: Image.Image, form: Format) -> bytes:
    """One picture, of any size."""
    if form == "npz":
        pixels = np.asarray(picture)
        return encode(pixels.reshape(1, picture.height, picture.width, -1), form)
    buffer = io.BytesIO()
    picture.save(buffer, form, **_SAVED[form])
    return buffer.getvalue()
