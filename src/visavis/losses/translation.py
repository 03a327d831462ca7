"""Losses between a translated image and the one that was wanted; images ``[N, C, H, W]``, means over all."""

from collections.abc import Sequence

import torch
from torch import Tensor


def l1(x: Tensor, y: Tensor) -> Tensor:
    """The mean of \\|x - y\\| (Isola et al. 2017, eq. 3)."""
    return (x.float() - y).abs().mean()


def feature_distance(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """The mean over layers of the L1 distance of their feature maps; no gradient reaches ``wanted``.

    Of a critic's layers: feature matching (Salimans et al. 2016, in the form of Wang et al. 2018, eq. 4).  Of
    the layers of a fixed, trained network: the perceptual loss (Johnson et al. 2016, with L1).
    """
    pairs = zip(maps, wanted, strict=True)
    return torch.stack([l1(found, target.detach().float()) for found, target in pairs]).mean()


def cycle_consistency(a: Tensor, back_a: Tensor, b: Tensor, back_b: Tensor) -> Tensor:
    """L1 of what came back, added over both directions (Zhu et al. 2017, eq. 2)."""
    return l1(back_a, a) + l1(back_b, b)


def identity(a: Tensor, kept_a: Tensor, b: Tensor, kept_b: Tensor) -> Tensor:
    """L1 of images that a generator should leave alone, its own targets (Zhu et al. 2017, section 5.2)."""
    return l1(kept_a, a) + l1(kept_b, b)
