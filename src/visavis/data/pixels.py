"""The one place where uint8 pixels become floats in [-1, 1] and come back."""

import torch
from PIL import Image
from torch import Tensor

from visavis.errors import UserError


def to_float(x: Tensor) -> Tensor:
    """Map uint8 0 … 255 to float32 in [-1, 1]; any shape."""
    return x.float() / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """Map floats in [-1, 1] to uint8 0 … 255, rounded to the nearest grey level and clamped; any shape.

    The inverse of :func:`to_float`.
    """
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def over_white(pixels: Tensor) -> Tensor:
    """RGBA over white, uint8 ``[..., 4] -> [..., 3]``; what is not RGBA comes back as it is."""
    if pixels.shape[-1] != 4:
        return pixels
    colour, alpha = pixels[..., :3].float(), pixels[..., 3:].float() / 255
    return (colour * alpha + 255 * (1 - alpha)).round().to(torch.uint8)


def to_pil(x: Tensor) -> list[Image.Image]:
    """Floats ``[N, C, H, W]`` in [-1, 1] as N pictures: grey for C = 1, RGB for C = 3, RGBA for C = 4.

    Raises :class:`UserError` for another number of channels.
    """
    channels = x.shape[1]
    if channels not in (1, 3, 4):
        raise UserError(f"images of {channels} channels cannot be shown as a picture (allowed: 1, 3, 4)")
    pixels = to_uint8(x.detach()).permute(0, 2, 3, 1).cpu().numpy()  # (N, H, W, C)
    return [Image.fromarray(image[..., 0] if channels == 1 else image) for image in pixels]
