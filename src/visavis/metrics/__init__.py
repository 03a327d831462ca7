"""Metrics: what images are worth, as numbers.  The table imports a metric when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from visavis.core import Shape

Scores = dict[str, float | int]


def stacked_modes(images: Tensor) -> Scores:
    """Modes of stacked digits, uint8 ``[N, 8, 8, 3]``, read by ``digitsr``."""
    from visavis.metrics import modes
    from visavis.networks.classifier import load_digit_classifier

    return modes.stacked_modes(images, load_digit_classifier().to(images.device)).scores()


def digit_modes(images: Tensor) -> Scores:
    """Modes of single digits, uint8 ``[N, 8, 8, 1]``, read by ``digitsr``."""
    from visavis.metrics import modes
    from visavis.networks.classifier import load_digit_classifier

    return modes.digit_modes(images, load_digit_classifier().to(images.device)).scores()


def stacked_mnist_modes(images: Tensor) -> Scores:
    """Modes of stacked digits, uint8 ``[N, 28, 28, 3]``, read by ``mnistr``."""
    from visavis.metrics import modes
    from visavis.networks.mnist_classifier import load_mnist_classifier

    return modes.stacked_modes(images, load_mnist_classifier().to(images.device), side=28).scores()


def mnist_modes(images: Tensor) -> Scores:
    """Modes of single digits, uint8 ``[N, 28, 28, 1]``, read by ``mnistr``."""
    from visavis.metrics import modes
    from visavis.networks.mnist_classifier import load_mnist_classifier

    return modes.digit_modes(images, load_mnist_classifier().to(images.device), side=28).scores()


METRICS: dict[str, Callable[[Tensor], Scores]] = {
    "stacked-modes": stacked_modes,
    "digit-modes": digit_modes,
    "stacked-mnist-modes": stacked_mnist_modes,
    "mnist-modes": mnist_modes,
}
"""Name -> function of uint8 images ``[N, H, W, C]``, giving named numbers."""

ALIGNED = ("l1", "mse", "psnr", "ssim")
"""Figures of images beside those that were wanted."""


def watched_figures(task: str, shape: Shape) -> tuple[str, ...]:
    """The figures that can decide while a run trains, by its task and the shape of its images.

    The features that a distance names are those that all figures are taken in.
    """
    if task == "reconstruct":
        return ALIGNED
    if task == "translate":
        return (*ALIGNED, *(f"b-to-a/{name}" for name in ALIGNED), "l1_cycle")
    from visavis.metrics.features import default_features, features_beside

    seen_by = default_features(shape)
    names = dict.fromkeys((seen_by, features_beside(shape, (seen_by,))))
    distances = [f"{kind}_{name}" for name in names for kind in ("fd", "kd")]
    return (*distances, "precision", "coverage", "duplicates", "quality")
