"""From images to feature vectors: the named extractors whose features the distances compare.

Values do not depend on batch size, order or number of threads beyond rounding (1e-6): an extractor runs in
batches of its own fixed size, the last one filled up, in evaluation mode and float32, without autocast, TF32
or reduced-precision matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from visavis.core import Shape
from visavis.data.pixels import to_float
from visavis.errors import UserError, unknown
from visavis.metrics.exact import exact_float32
from visavis.metrics.resize import RESIZE
from visavis.networks.cifar_classifier import (
    CIFAR10R,
    CIFAR10R_SHA256,
    CLASSES,
    load_cifar_classifier,
)
from visavis.networks.classifier import DIGITSR, DIGITSR_SHA256, load_digit_classifier

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
    """How images reach the network's size: a name of :data:`visavis.metrics.resize.RESIZE`, or ``none``."""
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


def default_features(shape: Shape) -> str:
    """The extractor for images of ``shape``: ``digitsr`` at 8x8, else ``cifar10r``."""
    return "digitsr" if shape.resolution == 8 else "cifar10r"


def load_extractor(
    name: str, weights: Path | None = None, resize: str | None = None, device: str = "cpu"
) -> Extractor:
    """The extractor ``name`` on ``device``.

    ``digitsr`` (8x8; three channels are read one by one), ``cifar10r`` (resized to 32x32), ``inception`` (to
    299x299; the only one whose Fréchet distance is called ``fid``), or ``module:path`` for one's own, see
    :mod:`visavis.metrics.own_features`.  ``weights`` is a file to read instead of the shipped or downloaded
    one; its hash must be the right one.  ``resize`` is a rule of :data:`visavis.metrics.resize.RESIZE`.
    Raises :class:`UserError` for another name or rule, missing or other weights, and no network.
    """
    if resize is not None and resize not in (*RESIZE, "none"):
        raise unknown("resize rule", resize, (*RESIZE, "none"))
    if ":" in name:
        if weights is not None:
            raise UserError(f"features '{name}' load their own weights (allowed: none); leave out --weights")
        from visavis.metrics.own_features import own

        return own(name, resize, device)
    if name not in EXTRACTORS:
        raise unknown("features", name, (*EXTRACTORS, "module:path"))
    return EXTRACTORS[name](weights, resize, device)


def _digitsr(weights: Path | None, resize: str | None, device: str) -> Extractor:
    if resize not in (None, "none"):
        raise UserError(f"resize rule '{resize}' for features 'digitsr' (allowed: none); leave it out")
    network = load_digit_classifier(weights or DIGITSR).to(device)

    def read(x: Tensor) -> tuple[Tensor, Tensor | None]:
        n, channels, height, width = x.shape
        vectors = network.features(to_float(x.reshape(n * channels, 1, height, width)))  # (n C, 64)
        return vectors.view(n, -1), network.head(vectors) if channels == 1 else None

    def takes(shape: Shape) -> str | None:
        return None if shape.resolution == 8 and shape.channels in (1, 3) else "8x8x1, 8x8x3"

    dims, classes = network.config.features, tuple(str(digit) for digit in range(10))
    return Extractor("digitsr", DIGITSR_SHA256, dims, classes, "none", 512, read, takes, device)


def _cifar10r(weights: Path | None, resize: str | None, device: str) -> Extractor:
    rule = resize or "bicubic-pil"
    network = load_cifar_classifier(weights or CIFAR10R).to(device)

    def read(x: Tensor) -> tuple[Tensor, Tensor | None]:
        images = resized(in_colour(x).float(), 32, rule) / 127.5 - 1
        vectors = network.features(images.contiguous(memory_format=torch.channels_last))  # in half the time
        return vectors, network.logits(vectors)

    dims = network.config.widths[-1]
    takes = takes_pictures if rule != "none" else _takes_32
    return Extractor("cifar10r", CIFAR10R_SHA256, dims, CLASSES, rule, 64, read, takes, device)


def _inception(weights: Path | None, resize: str | None, device: str) -> Extractor:
    from visavis.metrics.inception_features import inception

    return inception(weights, resize, device)


EXTRACTORS: dict[str, Callable[[Path | None, str | None, str], Extractor]] = {
    "digitsr": _digitsr,
    "cifar10r": _cifar10r,
    "inception": _inception,
}
"""Name -> function of weights, resize rule and device."""


def in_colour(x: Tensor) -> Tensor:
    """``[n, 1 or 3, H, W] -> [n, 3, H, W]``: grey becomes RGB."""
    return x.expand(-1, 3, -1, -1)


def resized(x: Tensor, size: int, rule: str) -> Tensor:
    """Floats 0 to 255, ``[n, C, H, H] -> [n, C, size, size]``, by the named rule, unless they fit."""
    return x if x.shape[2] == size or rule == "none" else RESIZE[rule](x, size)


def takes_pictures(shape: Shape) -> str | None:
    """Any size, grey or RGB."""
    return None if shape.channels in (1, 3) else "1 or 3 channels of any size"


def _takes_32(shape: Shape) -> str | None:
    fits = shape.resolution == 32 and shape.channels in (1, 3)
    return None if fits else "32x32x1, 32x32x3 (or another size with a resize rule)"


def _kept(x: Tensor, n: int) -> Tensor:
    return x[:n].detach().float().cpu()
