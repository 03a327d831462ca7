"""What a training can follow from: how many pictures, how large, of which classes, how far apart."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from visavis.core import Config
from visavis.data import draws
from visavis.data.config import DataConfig
from visavis.data.imageset import ImageSet
from visavis.data.sources import find
from visavis.data.survey import survey

LOOKED_AT = 1_000
"""Pictures, drawn at random, from which figures are taken; of fewer all."""
PLACES = 16
"""Means of at most so many places a side are compared with their mirror images."""
_FACTS = 0xFAC7  # a stream of random draws


class Facts(Config):
    """Figures of a set of pictures, the same on every machine to rounding.

    ``spread``: the mean squared distance of a picture to the mean of all, summed over its values in [-1, 1].
    ``handedness``: see :func:`handedness`.
    """

    images: PositiveInt
    resolution: PositiveInt
    channels: PositiveInt
    classes: Mapping[str, int] = {}
    """Class -> how many pictures; empty where there are none."""
    spread: NonNegativeFloat
    handedness: float


def facts(data: ImageSet) -> Facts:
    """The facts of a set."""
    rows = np.sort(draws.permutation(len(data), _FACTS)[:LOOKED_AT])
    x = torch.from_numpy(np.array(data.images[rows])).permute(0, 3, 1, 2).double() / 127.5 - 1
    spread = float((x - x.mean(0)).square().flatten(1).sum(1).mean())
    counts = [] if data.labels is None else np.bincount(data.labels, minlength=len(data.classes)).tolist()
    return Facts(
        images=len(data),
        resolution=data.resolution,
        channels=data.channels,
        classes=dict(zip(data.classes, counts, strict=True)) if counts else {},
        spread=round(spread, 6),
        handedness=round(handedness(x), 6),
    )


def handedness(x: Tensor) -> float:
    """How well a picture's even part tells its odd part, ``x: [N, C, H, W]``; 0 where left may be right.

    Even and odd part are the mean of a picture and its mirror image, and half their difference.  Mirroring
    turns the sign of the odd part alone, so in a set as likely as its mirror image the two are uncorrelated.
    The figure is the squared covariance of all their values over that of each with itself (the RV coefficient
    of Robert and Escoufier 1976), without the terms of a picture with itself, which would bias it.  Photos
    have 0.00 to 0.01, handwritten digits 0.2.
    """
    small = adaptive_avg_pool2d(x, min(PLACES, x.shape[-1]))
    even, odd = ((small + sign * small.flip(-1)).flatten(1) / 2 for sign in (1, -1))
    a, b = ((part - part.mean(0)) @ (part - part.mean(0)).t() for part in (even, odd))

    def shared(k: Tensor, m: Tensor) -> float:
        return float((k * m).sum() - (k.diagonal() * m.diagonal()).sum())

    own = shared(a, a) * shared(b, b)
    return shared(a, b) / own**0.5 if own > 0 else 0.0


def short_sides(config: DataConfig) -> NDArray[np.int64]:
    """The short side of each picture as it is stored, in pixels, before anything is decoded."""
    found = find(config)
    if isinstance(found.images, np.ndarray):
        return np.full(len(found), min(found.images.shape[1:3]), np.int64)
    headers = survey(found.images, found.digest)
    sides: NDArray[np.int64] = headers.sizes.min(1).astype(np.int64)
    return sides[sides > 0]  # what is no picture has none; decoding tells of it
