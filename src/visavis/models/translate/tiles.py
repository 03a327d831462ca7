"""How a picture is cut into overlapping tiles, and what each tile adds to the whole.

A tile's weight is 0 beside a cut, where a network sees its own padding instead of the picture, rises as a
half period of a cosine, and is 1 further inside.  The weights of all tiles at a pixel sum to 1, so that the
tiles of a network that is translation-equivariant and sees no further than the margin join to what it makes
of the whole picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

OVERLAP = 4
"""Neighbouring tiles share at least one part in so many of a tile's side."""
MARGIN = 4
"""One part in so many of the overlap has no weight, at each of its ends."""


@dataclass(frozen=True)
class Cuts:
    """Where one side of a picture is cut: a tile of ``tile`` pixels at each of ``starts``.

    ``length``: pixels of the side after padding.
    """

    length: int
    tile: int
    starts: tuple[int, ...]

    @property
    def overlap(self) -> int:
        """The least number of pixels that neighbours share."""
        return self.tile // OVERLAP


def whole(side: int, stride: int, least: int = 1) -> Cuts:
    """One tile: ``side`` pixels, padded to a multiple of ``stride`` and to ``least``."""
    length = _up(max(side, least), stride)
    return Cuts(length, length, (0,))


def cut(side: int, tile: int, stride: int) -> Cuts:
    """Tiles over ``side`` pixels, of ``tile``, a multiple of ``stride``; one, padded, where that is enough.

    Tiles begin at multiples of ``stride`` where the overlap leaves room for that: a network that shrinks the
    picture then sees each of them on the same grid as the whole.
    """
    if side <= tile:
        return Cuts(tile, tile, (0,))
    overlap = tile // OVERLAP
    grid = stride if stride <= tile - overlap else 1
    length = _up(side, grid)
    step = (tile - overlap) // grid * grid
    return Cuts(length, tile, (*range(0, length - tile, step), length - tile))


@lru_cache(maxsize=64)
def weights(cuts: Cuts, scale: int = 1) -> Tensor:
    """What each tile, ``scale`` times as large, adds along one side: float32 ``[tiles, tile · scale]``."""
    tile, starts = cuts.tile * scale, [start * scale for start in cuts.starts]
    margin = cuts.overlap // MARGIN * scale
    rise = cuts.overlap * scale - 2 * margin
    inside = torch.arange(tile, dtype=torch.float64) + 0.5 - margin  # pixels from where the rise begins
    ramp = (inside / max(rise, 1)).clamp(0, 1) if rise else (inside > 0).double()
    ramp = (1 - torch.cos(ramp * math.pi)) / 2
    total = torch.zeros(cuts.length * scale, dtype=torch.float64)
    rows = torch.ones(len(starts), tile, dtype=torch.float64)
    for row, start in zip(rows, starts, strict=True):
        if start > 0:
            row *= ramp
        if start + tile < len(total):
            row *= ramp.flip(0)
        total[start : start + tile] += row
    return torch.stack(
        [row / total[start : start + tile] for row, start in zip(rows, starts, strict=True)]
    ).float()


def _up(length: int, multiple: int) -> int:
    """``length``, rounded up."""
    return -(-length // multiple) * multiple
