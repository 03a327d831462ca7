"""From encoded images to square pixels, of both sides of a pair by one rule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.data.decode import BrokenImageError, to_square
from visavis.data.encoded import Encoded
from visavis.data.pairs.config import Filling, Rule
from visavis.errors import UserError

UInt8 = NDArray[np.uint8]

RULE = "pairs-1"
"""Names this file's way to pixels; part of every key of the cache, so change it with the pixels."""

_VALUES = {"white": 255, "black": 0}


@dataclass(frozen=True)
class Fit:
    """How a picture of any shape becomes a square of ``side`` pixels, bicubically (antialiased).

    ``resize-crop``: the short side is resized and the centre cut out (:func:`visavis.data.decode.to_square`).
    ``pad``: the long side is resized and the rest filled, half of it before and half behind.
    """

    side: int
    rule: Rule = "resize-crop"
    filling: Filling = "edge"

    def __call__(self, pixels: UInt8) -> UInt8:
        """``[H, W, C]`` -> ``[side, side, C]`` for C of 1 or 3; untouched when it fits."""
        height, width, channels = pixels.shape
        if height == width == self.side:
            return pixels
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        if self.rule == "resize-crop":
            return np.asarray(to_square(image, self.side)).reshape(self.side, self.side, channels)
        scale = self.side / max(width, height)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        scaled = np.asarray(image.resize(size, Image.Resampling.BICUBIC)).reshape(size[1], size[0], channels)
        rest = [self.side - size[1], self.side - size[0]]
        around = [(r // 2, r - r // 2) for r in rest] + [(0, 0)]
        if self.filling == "edge":
            return np.pad(scaled, around, mode="edge")
        return np.pad(scaled, around, constant_values=_VALUES[self.filling])

    def all(self, images: UInt8) -> UInt8:
        """``[N, H, W, C]`` -> ``[N, side, side, C]``.  Raises :class:`UserError` for C other than 1 and 3."""
        channels = images.shape[3]
        if channels not in (1, 3):
            raise UserError(f"images have {channels} channels (allowed: 1, 3); convert them")
        if images.shape[1:3] == (self.side, self.side):
            return images
        fitted = np.empty((len(images), self.side, self.side, channels), np.uint8)
        for image, out in zip(images, fitted, strict=True):
            out[:] = self(image)
        return fitted


@dataclass(frozen=True)
class Singles:
    """Reads one picture: uint8 ``[side, side, 3]``."""

    fit: Fit

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what one image becomes."""
        return self.fit.side, self.fit.side, 3

    def __call__(self, images: Encoded, i: int) -> UInt8:
        """Picture i.  Raises :class:`BrokenImageError`."""
        return self.fit(images.decode(i, None))


@dataclass(frozen=True)
class Partners:
    """Reads a pair from two files: uint8 ``[2, side, side, 3]``; the set itself only names the pair."""

    a: Encoded
    b: Encoded
    fit: Fit

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what one pair becomes."""
        return 2, self.fit.side, self.fit.side, 3

    def __call__(self, images: Encoded, i: int) -> UInt8:
        """Pair i.  Raises :class:`BrokenImageError`, and :class:`UserError` for unlike shapes."""
        a, b = (_named(side, i) for side in (self.a, self.b))
        if not alike(a.shape, b.shape):
            sizes = [f"'{s.name(i)}' is {p.shape[1]}x{p.shape[0]}" for s, p in ((self.a, a), (self.b, b))]
            raise UserError(
                f"unlike sizes in the pair '{images.name(i)}': {', '.join(sizes)} (allowed: one shape, "
                "whatever the scale); crop them alike, or remove them"
            )
        return np.stack([self.fit(a), self.fit(b)])


@dataclass(frozen=True)
class Halves:
    """Reads a pair from the left and right halves of a picture: uint8 ``[2, side, side, 3]``."""

    fit: Fit

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what one pair becomes."""
        return 2, self.fit.side, self.fit.side, 3

    def __call__(self, images: Encoded, i: int) -> UInt8:
        """Pair i.

        Raises :class:`BrokenImageError`, and :class:`UserError` for an odd width and for a picture that is
        not wider than high, which is no pair but one picture.
        """
        both = images.decode(i, None)
        height, width = both.shape[:2]
        if width <= height:
            raise UserError(
                f"'{images.name(i)}' is {width}x{height}, one picture and not two side by side "
                "(allowed: wider than high); give --data.layout stems for pairs in two folders, unpaired for "
                "folders without partners, or remove it"
            )
        if width % 2:
            raise UserError(
                f"'{images.name(i)}' is {width}x{height}, which has no two halves side by side "
                "(allowed: an even width); crop or remove it"
            )
        return np.stack([self.fit(half) for half in np.split(both, 2, axis=1)])


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether ``(H, W, …)`` are one shape at two scales, as near as whole pixels allow."""
    large, small = sorted((one[:2], other[:2]), key=max, reverse=True)
    scale = max(small) / max(large)
    return all(abs(big * scale - little) <= 1 for big, little in zip(large, small, strict=True))


def _named(side: Encoded, i: int) -> UInt8:
    """One member of a pair; what is wrong with it is told with its own name."""
    try:
        return side.decode(i, None)
    except BrokenImageError as error:
        raise BrokenImageError(f"'{side.name(i)}': {error}") from error
