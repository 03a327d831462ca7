"""From images to feature vectors: the named extractors whose features the distances compare."""

from collections.abc import Callable, Collection
from pathlib import Path

from visavis.core import Shape
from visavis.errors import UserError, unknown
from visavis.metrics.features import inception, own, shipped
from visavis.metrics.features.extractor import Extractor, Features
from visavis.metrics.features.resize import RESIZE

__all__ = ["EXTRACTORS", "Extractor", "Features", "default_features", "features_beside", "load_extractor"]

EXTRACTORS: dict[str, Callable[[Path | None, str | None, str], Extractor]] = {
    "digitsr": shipped.digitsr,
    "mnistr": shipped.mnistr,
    "cifar10r": shipped.cifar10r,
    "cifar10s": shipped.cifar10s,
    "inception": inception.inception,
}
"""Name -> function of weights, resize rule and device."""


DIGITS = {8: "digitsr", 28: "mnistr"}
"""Side of the images in pixels -> the extractor that reads digits of that size."""


def default_features(shape: Shape) -> str:
    """The extractor for images of ``shape``: ``digitsr`` at 8x8, ``mnistr`` at 28x28, else ``cifar10r``."""
    return DIGITS.get(shape.resolution, "cifar10r")


BESIDE = {"cifar10r": "cifar10s"}
"""The extractor that reads the same images and never saw what the other was trained for."""


def features_beside(shape: Shape, trained_in: Collection[str]) -> str:
    """:func:`default_features`, or where a generator was trained in these another extractor that fits."""
    name = default_features(shape)
    return BESIDE.get(name, name) if name in trained_in else name


def load_extractor(
    name: str, weights: Path | None = None, resize: str | None = None, device: str = "cpu"
) -> Extractor:
    """The extractor ``name`` on ``device``.

    ``digitsr`` (8x8) and ``mnistr`` (28x28; three channels are read one by one), ``cifar10r`` (resized to
    32x32), ``inception`` (to 299x299; the only one whose Fréchet distance is called ``fid``), or
    ``module:path`` for one's own, see :mod:`visavis.metrics.features.own`.  ``weights`` is a
    file to read instead of the shipped or downloaded one; its hash must be the right one.  ``resize`` is
    a rule of ``resize.py``.  Raises :class:`UserError` for another name or rule, missing or
    other weights, and no network.
    """
    if resize is not None and resize not in (*RESIZE, "none"):
        raise unknown("resize rule", resize, (*RESIZE, "none"))
    if ":" in name:
        if weights is not None:
            raise UserError(f"features '{name}' load their own weights (allowed: none); leave out --weights")
        return own.own(name, resize, device)
    if name not in EXTRACTORS:
        raise unknown("features", name, (*EXTRACTORS, "module:path"))
    return EXTRACTORS[name](weights, resize, device)
