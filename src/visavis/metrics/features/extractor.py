"""An extractor: a frozen network that turns images into feature vectors, the same ones every time.

Values do not depend on batch size, order or number of threads beyond rounding (1e-6): an extractor runs in
batches of its own fixed size, the last one filled up, in evaluation mode and float32, without autocast, TF32
or reduced-precision matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from visavis.core import Shape
from visavis.errors import UserError
from visavis.metrics.exact import exact_float32
from visavis.metrics.features.resize import RESIZE

Read = Callable[[Tensor], tuple[Tensor, Tensor | None]]
"""uint8 ``[n, C, H, W]`` on the extractor's device -> vectors ``[n, d]`` and, where it classifies, logits."""


@dataclass(frozen=True)
class Features:
    """What an extractor says of N images."""

    vectors: Tensor
    """float32 ``[N, d]`` on the CPU."""
    logits: Tensor | None
    """float32 ``[N, K]`` on the CPU, where the extractor classifies."""


@dataclass(frozen=True)
class Extractor:
    """A frozen network that reads uint8 images; one hash and one resize rule give one number."""

    name: str
    sha256: str
    """Of the weights: numbers made with other weights are other numbers."""
    dims: int
    """Length of a vector (for ``digitsr``, of one channel's)."""
    classes: tuple[str, ...]
    """What the logits mean, in order; empty where there are none."""
    resize: str
    """How images reach the network's size: a name of the table in ``resize.py``, or ``none``."""
    batch_size: int
    read: Read
    takes: Callable[[Shape], str | None]
    """None for a shape that can be read; else what is allowed."""
    device: str = "cpu"

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Features:
        """Features of uint8 ``[N, H, W, C]``.

        Raises :class:`UserError` for no images, another type or shape, and for values that are not finite.
        """
        self._check(images)
        all_vectors, all_logits = [], []
        with exact_float32(self.device):
            for start in range(0, len(images), self.batch_size):
                x = images[start : start + self.batch_size].permute(0, 3, 1, 2).to(self.device)
                filling = x.new_zeros(self.batch_size - len(x), *x.shape[1:])
                vectors, logits = self.read(torch.cat([x, filling]))
                all_vectors.append(_kept(vectors, len(x)))
                if logits is not None:
                    all_logits.append(_kept(logits, len(x)))
        found = Features(torch.cat(all_vectors), torch.cat(all_logits) if all_logits else None)
        if not all(part.isfinite().all() for part in (found.vectors, found.logits) if part is not None):
            raise UserError(
                f"features '{self.name}' hold values that are not finite; use others, or mend the extractor"
            )
        return found

    def _check(self, images: Tensor) -> None:
        fits = images.dtype == torch.uint8 and images.ndim == 4 and len(images) > 0
        if not fits or images.shape[1] != images.shape[2]:
            raise UserError(
                f"images are {images.dtype} {list(images.shape)}; "
                "features take uint8 [N, H, H, C], N at least 1; convert them"
            )
        allowed = self.takes(Shape(images.shape[3], images.shape[1]))
        if allowed is not None:
            _, height, width, channels = images.shape
            raise UserError(
                f"features '{self.name}' cannot read images of {height}x{width}x{channels}; "
                f"allowed: {allowed}; give other --features"
            )


def in_colour(x: Tensor) -> Tensor:
    """``[n, 1 or 3, H, W] -> [n, 3, H, W]``: grey becomes RGB."""
    return x.expand(-1, 3, -1, -1)


def resized(x: Tensor, size: int, rule: str) -> Tensor:
    """Floats 0 to 255, ``[n, C, H, H] -> [n, C, size, size]``, by the named rule, unless they fit."""
    return x if x.shape[2] == size or rule == "none" else RESIZE[rule](x, size)


def takes_pictures(shape: Shape) -> str | None:
    """Any size, grey or RGB."""
    return None if shape.channels in (1, 3) else "1 or 3 channels of any size"


def _kept(x: Tensor, n: int) -> Tensor:
    return x[:n].detach().float().cpu()
