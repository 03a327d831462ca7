"""Inputs made from pictures, so that a set of pictures alone can train a translation: :data:`Filter`.

A filter is its own configuration: ``filter(images)`` maps uint8 ``[N, H, W, C]`` to uint8 ``[N, h, w, c]``,
``filter.factor`` times smaller.
Image i's result depends on image i and i alone (:class:`Colour`: on the place i too).
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BeforeValidator, Field, PositiveFloat

from visavis.core import Config
from visavis.data import draws
from visavis.errors import UserError

UInt8 = NDArray[np.uint8]
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's grey
_FLOOR = 8  # grey levels added to both sides of the quotient: noise in the dark is no line
_TINTS = 0xC0_10  # stream of random draws


class Pencil(Config):
    """A pencil drawing: the grey picture "dodged" by its own blur, then darkened.

    ``255 (grey / blur(grey)) ** strength``, at most 255: an even surface, dark or light, becomes white paper,
    and whatever is darker than its surroundings becomes a line.  This is the photo editors' recipe of
    inverting, blurring and blending with colour dodge, ``grey / (1 - blur(1 - grey))``, in one step.
    """

    kind: Literal["pencil"] = "pencil"
    width: PositiveFloat = 1.5
    """Standard deviation of the Gaussian blur in hundredths of the longer side; at least half a pixel."""
    strength: PositiveFloat = 2.0
    """Exponent of the quotient: higher is darker."""
    factor: ClassVar[int] = 1

    def __call__(self, images: UInt8) -> UInt8:
        """Grey drawings with the channels of ``images``."""
        sigma = max(self.width / 100 * max(images.shape[1:3]), 0.5)

        def draw(image: UInt8) -> UInt8:
            light = _grey(image) + _FLOOR
            lines = 255 * np.minimum(light / _blur(light, sigma), 1) ** self.strength
            drawn: UInt8 = np.broadcast_to(np.rint(lines).astype(np.uint8)[..., None], image.shape)
            return drawn

        return _each(draw, images)


class Shrink(Config):
    """A smaller picture: bicubic, antialiased (Pillow's), for super-resolution."""

    kind: Literal["shrink"] = "shrink"
    factor: Literal[2, 4] = 2
    """How many times smaller the result is."""

    def __call__(self, images: UInt8) -> UInt8:
        """``[N, H / factor, W / factor, C]``.  Raises :class:`UserError` for sides that do not divide."""
        height, width = images.shape[1:3]
        if height % self.factor or width % self.factor:
            raise UserError(
                f"pictures of {width}x{height} cannot be shrunk by {self.factor} "
                f"(allowed: multiples of {self.factor}); give another --data.resolution"
            )
        size = (width // self.factor, height // self.factor)

        def shrink(image: UInt8) -> UInt8:
            grey = image.shape[2] == 1
            small = Image.fromarray(image[..., 0] if grey else image).resize(size, Image.Resampling.BICUBIC)
            pixels: UInt8 = np.asarray(small).reshape(size[1], size[0], -1)
            return pixels

        return _each(shrink, images)


class Invert(Config):
    """The negative: ``255 - x``, its own inverse."""

    kind: Literal["invert"] = "invert"
    factor: ClassVar[int] = 1

    def __call__(self, images: UInt8) -> UInt8:
        """The channels of ``images``."""
        return 255 - images


PALETTE: UInt8 = np.array(
    [(255, 64, 64), (64, 255, 64), (96, 96, 255), (255, 224, 32), (32, 240, 255), (255, 80, 255)], np.uint8
)
"""Red, green, blue, yellow, cyan, magenta; the largest channel of each is 255, so tints can be undone."""


class Colour(Config):
    """A grey picture in one of the colours of :data:`PALETTE`; :func:`untinted` finds the grey one again.

    Picture i has the same colour each time, whatever comes after it.
    """

    kind: Literal["colour"] = "colour"
    seed: int = 0
    factor: ClassVar[int] = 1

    def __call__(self, images: UInt8) -> UInt8:
        """RGB from ``[N, H, W, 1]``, or from grey RGB.  Raises :class:`UserError` for coloured pictures."""
        if (images != images[..., :1]).any():
            raise UserError(
                "the filter 'colour' takes grey pictures, these have colours (allowed: such as digits); "
                "give another --data, or another --data.made_by"
            )
        return tinted(images, draws.choices(len(PALETTE), len(images), _TINTS, self.seed))


def tinted(images: UInt8, colours: NDArray[np.int64]) -> UInt8:
    """Grey ``images: [N, H, W, 1 or 3]`` in ``PALETTE[colours]``, ``[N, H, W, 3]``: black stays black."""
    grey = images[..., :1].astype(np.uint16)
    return ((grey * PALETTE[colours][:, None, None, :] + 127) // 255).astype(np.uint8)


def untinted(images: UInt8) -> UInt8:
    """The exact inverse of :func:`tinted`, whatever the colour: the largest channel, ``[N, H, W, 1]``."""
    grey: UInt8 = images.max(axis=3, keepdims=True)
    return grey


def _named(value: object) -> object:
    """Let ``--data.made_by pencil`` mean the pencil with its defaults."""
    return {"kind": value} if isinstance(value, str) else value


Filter = Annotated[
    Annotated[Pencil | Shrink | Invert | Colour, Field(discriminator="kind")], BeforeValidator(_named)
]
"""How an input is made from a picture."""


def _each(function: Callable[[UInt8], UInt8], images: UInt8) -> UInt8:
    """One picture at a time: what is between would take many times the set's memory."""
    first = function(images[0])
    results = np.empty((len(images), *first.shape), np.uint8)
    for image, result in zip(images, results, strict=True):
        result[:] = function(image)
    return results


def _grey(image: UInt8) -> NDArray[np.float32]:
    """Luminance ``[H, W]``, 0 … 255."""
    weights = np.array(_LUMA if image.shape[2] == 3 else (1,), np.float32)
    grey: NDArray[np.float32] = image.astype(np.float32) @ weights
    return grey


def _blur(x: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of ``[H, W]``, cut off at 3 σ; beyond the edges the picture is mirrored."""
    return _blur_columns(_blur_columns(x, sigma).T, sigma).T


def _blur_columns(x: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    reach = min(max(1, round(3 * sigma)), len(x))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = np.pad(x, ((reach, reach), (0, 0)), mode="symmetric")
    blurred = np.zeros_like(x)
    for start, weight in enumerate(weights):
        blurred += weight * padded[start : start + len(x)]
    return blurred
