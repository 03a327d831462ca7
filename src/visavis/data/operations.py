"""What an augmentation can do to images: drawn as a few numbers an image, applied differentiably (twice).

An operation's ``draw(u, on, resolution)`` turns uniform numbers ``u: [N, numbers]`` into parameters, each
``[N]``, which leave an image as it is where ``on: [N]`` is False; ``apply(x, *parameters)`` does it to
``x: [N, C, H, W]`` in [-1, 1].  What comes in from outside is 0 (grey).  No pixel is read twice in one step
of any of them, so gradients are permutations too and do not depend on the order of additions.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Parameters = tuple[Tensor, ...]

_SHIFT = 1 / 8  # of the side
_HOLE = 1 / 2  # of the side
_TILT = math.radians(15)
_TWICE_SQRT3 = 2 * math.sqrt(3)


class Operation(NamedTuple):
    """How many numbers an image takes, what they become, and what that does."""

    numbers: int
    draw: Callable[[Tensor, Tensor, int], Parameters]
    apply: Callable[..., Tensor]


def flip(x: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror left to right where ``mirrored: [N]``."""
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def translate(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift by whole pixels, int64 ``[N]`` each."""
    rows = torch.arange(x.shape[2], device=x.device) - down[:, None]  # (N, H): where each row comes from
    columns = torch.arange(x.shape[3], device=x.device) - right[:, None]  # (N, W)
    return _read(_read(x, rows[:, :, None], 2), columns[:, None, :], 3)


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Turn anticlockwise by ``angle: [N]`` radians about the centre, as three shears (Paeth 1986)."""
    first = torch.tan(angle / 2)
    x = _shear(x, first)
    x = _shear(x.transpose(2, 3), -torch.sin(angle)).transpose(2, 3)
    return _shear(x, first)


def cutout(x: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Set a square of half the side to 0, first pixel at ``top, left: [N]``; parts may lie outside."""
    size = _hole_side(x.shape[2])
    rows = torch.arange(x.shape[2], device=x.device) - top[:, None]
    columns = torch.arange(x.shape[3], device=x.device) - left[:, None]
    hole = _inside(rows, size)[:, None, :, None] & _inside(columns, size)[:, None, None, :]
    return x * (~hole).to(x.dtype)


def color(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Add brightness, scale around each pixel's grey, scale around each image's mean; all ``[N]``."""
    x = _from_grey(x + _each(brightness, x), saturation)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * _each(contrast, x)


def jitter(x: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scale the light, the contrast and the saturation, and turn the hue by ``hue: [N]`` radians.

    Black (-1) stays black when the light is scaled.  A grey image has no saturation and no hue.
    """
    x = (x + 1) * _each(brightness, x) - 1
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * _each(contrast, x)
    if x.shape[1] != 3:
        return x
    x = _from_grey(x, saturation)
    # a rotation about the grey axis (Rodrigues): cos · x + sin · (axis × x) + (1 - cos) · grey
    across = (x.roll(1, 1) - x.roll(-1, 1)) * (2 / _TWICE_SQRT3)
    cos, sin = _each(hue.cos(), x), _each(hue.sin(), x)
    return cos * x + sin * across + (1 - cos) * x.mean(dim=1, keepdim=True)


def _each(factors: Tensor, x: Tensor) -> Tensor:
    return factors.to(x.dtype)[:, None, None, None]


def _from_grey(x: Tensor, saturation: Tensor) -> Tensor:
    grey = x.mean(dim=1, keepdim=True)
    return grey + (x - grey) * _each(saturation, x)


def _read(x: Tensor, index: Tensor, dim: int) -> Tensor:
    """``x`` at ``index`` along ``dim`` (``[N, H or 1, W or 1]``), 0 outside; what wraps around is masked."""
    size = x.shape[dim]
    found = x.gather(dim, (index % size)[:, None].expand_as(x))
    return found * _inside(index, size)[:, None].to(x.dtype)


def _shear(x: Tensor, amount: Tensor) -> Tensor:
    """Shift each row to the right by ``amount: [N]`` times its height below the centre, interpolating."""
    below = torch.arange(x.shape[2], device=x.device) - (x.shape[2] - 1) / 2
    shift = amount[:, None] * below  # (N, H), pixels
    whole = shift.floor()
    part = (shift - whole).to(x.dtype)[:, None, :, None]
    index = torch.arange(x.shape[3], device=x.device) - whole.long()[:, :, None]
    return (1 - part) * _read(x, index, 3) + part * _read(x, index - 1, 3)


def _hole_side(resolution: int) -> int:
    return round(_HOLE * resolution)


def _inside(index: Tensor, size: int) -> Tensor:
    return (index >= 0) & (index < size)


def _whole(u: Tensor, on: Tensor, low: int, high: int, off: int) -> Tensor:
    """Uniform on low … high, or ``off``."""
    return torch.where(on, low + (u * (high - low + 1)).long().clamp(max=high - low), off)


def _number(u: Tensor, on: Tensor, low: float, high: float, off: float) -> Tensor:
    return torch.where(on, low + (high - low) * u, off)


def _draw_flip(u: Tensor, on: Tensor, resolution: int) -> Parameters:
    return ((u[:, 0] < 0.5) & on,)


def _draw_translation(u: Tensor, on: Tensor, resolution: int) -> Parameters:
    most = round(_SHIFT * resolution)
    return _whole(u[:, 0], on, -most, most, 0), _whole(u[:, 1], on, -most, most, 0)


def _draw_rotation(u: Tensor, on: Tensor, resolution: int) -> Parameters:
    return (_number(u[:, 0], on, -_TILT, _TILT, 0.0),)


def _draw_cutout(u: Tensor, on: Tensor, resolution: int) -> Parameters:
    size = _hole_side(resolution)
    low, high = -(size // 2), resolution - size // 2 - 1  # the hole's centre lies anywhere in the image
    return _whole(u[:, 0], on, low, high, resolution), _whole(u[:, 1], on, low, high, resolution)


def _draw_color(u: Tensor, on: Tensor, resolution: int) -> Parameters:
    return (
        _number(u[:, 0], on, -0.5, 0.5, 0.0),
        _number(u[:, 1], on, 0.0, 2.0, 1.0),
        _number(u[:, 2], on, 0.5, 1.5, 1.0),
    )


def _draw_jitter(u: Tensor, on: Tensor, resolution: int) -> Parameters:
    factors = (_number(u[:, i], on, 0.8, 1.2, 1.0) for i in range(3))
    turn = 2 * math.pi * 0.1
    return (*factors, _number(u[:, 3], on, -turn, turn, 0.0))


OPERATIONS = {
    "color": Operation(3, _draw_color, color),
    "jitter": Operation(4, _draw_jitter, jitter),
    "flip": Operation(1, _draw_flip, flip),
    "translation": Operation(2, _draw_translation, translate),
    "rotation": Operation(1, _draw_rotation, rotate),
    "cutout": Operation(2, _draw_cutout, cutout),
}
"""In the order in which they are done.  ``color``, ``translation`` and ``cutout`` are DiffAugment's;
``rotation`` (15°) and ``jitter`` (0.2, 0.2, 0.2, hue 0.1) are those that the Siamese GAN's report wished for.
"""
