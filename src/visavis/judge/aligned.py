"""Images that each have a right answer: figures per image, their means with intervals, and baselines.

For translations and reconstructions.  Intervals are bootstraps over images: where the figure would fall with
as many other images of the same kind, for this one network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visavis.errors import UserError
from visavis.judge.figures import absent, figure, frechet_name
from visavis.judge.record import versions
from visavis.losses.ssim import WINDOW
from visavis.metrics import image
from visavis.metrics.bootstrap import RESAMPLES, compare, percentiles, resampled
from visavis.metrics.features import Extractor
from visavis.metrics.frechet import Reference, frechet_distance, frechet_interval

Pixels = NDArray[np.uint8]
Scores = dict[str, Tensor]
"""A figure's name -> its value for each image, float64 ``[N]``."""

HIGHER_IS_BETTER = frozenset({"psnr", "ssim"})
CEILING = 10 * math.log10(12 * 255**2)
"""Decibels beyond which PSNR is not counted: what rounding to 256 levels alone costs (an error uniform within
one level has a mean square of a twelfth).  Equal images would otherwise be infinitely good."""
_CHUNK = 32
_FD_RESAMPLES = 200


def window_of(side: int) -> int:
    """SSIM's window for images of ``side`` pixels: 11, or below that the largest odd one that fits."""
    return min(WINDOW, side - 1 + side % 2)


def scores(made: Pixels, real: Pixels, window: int | None = None) -> Scores:
    """``l1``, ``mse``, ``psnr`` (at most :data:`CEILING`) and ``ssim`` of each of uint8 ``[N, H, W, C]``.

    ``window`` of SSIM: by default the one for images of this size.
    """
    if made.shape != real.shape or not len(made):
        raise UserError(
            f"images are {list(made.shape)} and {list(real.shape)}; allowed: two equal [N, H, W, C]"
        )
    window = window or window_of(min(made.shape[1:3]))
    found: dict[str, list[Tensor]] = {"l1": [], "mse": [], "psnr": [], "ssim": []}
    for first in range(0, len(made), _CHUNK):
        a, b = (
            torch.from_numpy(np.array(side[first : first + _CHUNK])).permute(0, 3, 1, 2)
            for side in (made, real)
        )
        found["l1"].append(image.l1(a, b))
        found["mse"].append(image.mse(a, b))
        found["psnr"].append(image.psnr(a, b).clamp(max=CEILING))
        found["ssim"].append(image.ssim(a, b, window))
    return {name: torch.cat(parts) for name, parts in found.items()}


def means(found: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean of each figure."""
    return {name: float(values.mean()) for name, values in found.items()}


@dataclass(frozen=True)
class Likeness:
    """How like their right answers some images are: scores, and what resampling the images makes of them."""

    scores: Scores
    seed: int = 0

    @cached_property
    def draws(self) -> dict[str, Tensor]:
        """The mean of each figure in each resample, ``[resamples]``; one N and seed draw the same images."""
        table = torch.stack(list(self.scores.values()), 1)  # (N, figures)
        made = torch.stack([weights @ table for weights in resampled(len(table), RESAMPLES, self.seed)])
        return dict(zip(self.scores, (made / len(table)).unbind(1), strict=True))

    def rows(self) -> dict[str, Any]:
        """``{"l1": {"value", "interval"}, …}`` with 95 % intervals."""
        return {
            name: {"value": value, "interval": list(percentiles(self.draws[name])[:2])}
            for name, value in means(self.scores).items()
        }

    def beside(self, baseline: Likeness) -> dict[str, Any]:
        """The baseline's rows, each with the ``difference`` of these images to it and ``model_is``.

        The difference is taken image by image.  ``model_is``: ``clearly better`` or ``clearly worse`` where
        the intervals of both are apart, else ``not clear``.
        """
        own, other = self.rows(), baseline.rows()
        for name, row in other.items():
            found = compare(own[name]["value"], self.draws[name], row["value"], baseline.draws[name])
            row["difference"] = {
                "value": found.difference,
                "interval": [found.low, found.high],
                "p": found.p,
            }
            row["model_is"] = _verdict(name, own[name]["interval"], row["interval"])
        return other


def _verdict(name: str, own: list[float], other: list[float]) -> str:
    if own[0] <= other[1] and other[0] <= own[1]:
        return "not clear"
    higher = own[0] > other[1]
    return "clearly better" if higher == (name in HIGHER_IS_BETTER) else "clearly worse"


def distance(
    made: Pixels, reference: Reference, null: Pixels, extractor: Extractor, seed: int = 0
) -> dict[str, Any]:
    """``{"fd_<features>": {"value", "interval", "null"}}`` of images against a reference of real ones.

    ``null``: real images held out.  Absent, saying why, where there are no more images than dimensions.
    """
    name, fewest = frechet_name(extractor.name), min(len(made), reference.n)
    if fewest <= len(reference.mean):
        few = absent(f"{fewest} images (allowed: more than the features' {len(reference.mean)} dimensions)")
        return {name: figure(few, None, "no value")}
    vectors = extractor(torch.from_numpy(np.array(made))).vectors
    value = frechet_distance(vectors, reference).value
    interval = frechet_interval(vectors, reference, _FD_RESAMPLES, seed)
    held_out = frechet_distance(extractor(torch.from_numpy(np.array(null))).vectors, reference).value
    return {name: {"value": value, "interval": list(interval[:2]), "null": held_out}}


def conditions(side: int, seed: int, device: str) -> dict[str, Any]:
    """What moves a figure of this file, for its record."""
    return {
        "pixels": "uint8, rounded; scaled to [0, 1]",
        "ssim_window": window_of(side),
        "psnr_at_most": round(CEILING, 2),
        "resamples": RESAMPLES,
        "seed": seed,
        "device": device,
        "versions": versions(),
    }
