"""What every metric accepts: a table of numbers, one row per image, all of them finite."""

import torch
from torch import Tensor

from visavis.errors import UserError

EPSILON = torch.finfo(torch.float64).eps


def table(features: Tensor, what: str = "features", least: int = 1) -> Tensor:
    """``features: [N, d]`` as float64, on their device (on the CPU from one without float64).

    Raises :class:`UserError` for another shape, fewer than ``least`` rows, or values that are not finite.
    """
    if features.ndim != 2 or features.shape[1] == 0:
        raise UserError(f"{what} are {list(features.shape)}; allowed: [N, d], one row per image")
    if len(features) < least:
        mend = "make more images" if what.startswith("generated") else "give more real images"
        raise UserError(f"{what} have {len(features)} rows; at least {least} are needed: {mend}")
    finite(features, what)
    x = features.detach()
    return (x.cpu() if x.device.type == "mps" else x).double()


def same_width(a: Tensor, b: Tensor) -> None:
    """Raise :class:`UserError` unless ``a: [N, d]`` and ``b: [M, d]`` have the same d."""
    if a.shape[1] != b.shape[1]:
        raise UserError(
            f"features of {a.shape[1]} and of {b.shape[1]} dimensions cannot be compared; use one extractor"
        )


def finite(x: Tensor, what: str) -> None:
    """Raise :class:`UserError` if ``x`` holds a NaN or an infinity, naming the first row that does."""
    if x.is_floating_point() and not bool(x.isfinite().all()):
        bad = (~x.isfinite()).flatten(1).any(1) if x.ndim > 1 else ~x.isfinite()
        raise UserError(
            f"{what}: {int(bad.sum())} of {len(x)} rows hold NaN or infinity (first: row "
            f"{int(bad.nonzero()[0])}); mend the images or the extractor"
        )


def labels_of(labels: Tensor, n_classes: int, what: str = "labels") -> Tensor:
    """``labels: [N]`` as int64 on the CPU; raises :class:`UserError` for none or one out of range."""
    if labels.ndim != 1 or len(labels) == 0 or labels.is_floating_point():
        raise UserError(f"{what} are {labels.dtype} {list(labels.shape)}; allowed: whole numbers [N], N >= 1")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_classes:
        raise UserError(f"{what} from {low} to {high} are out of range; allowed: 0 to {n_classes - 1}")
    return labels.cpu().long()


def seeded(seed: int) -> torch.Generator:
    """A generator of its own on the CPU, so that a figure depends on its seed and on nothing else."""
    return torch.Generator().manual_seed(seed)
