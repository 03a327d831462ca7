"""Three ways in which the field resizes images before it takes features, by name.

From 32 to 299 pixels they differ by several grey levels, so a Fréchet distance means one of them.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Resize = Callable[[Tensor, int], Tensor]


def tf1_bilinear(x: Tensor, size: int) -> Tensor:
    """TensorFlow 1's asymmetric bilinear: output pixel i reads at i · (input / output), held at the edge.

    That of the first FID (Heusel et al. 2017, arXiv 1706.08500), whose graph resizes by itself.
    """
    rows, columns = _asymmetric(x.shape[2], size), _asymmetric(x.shape[3], size)
    return torch.einsum("ih,nchw,jw->ncij", rows.to(x), x, columns.to(x))


def bilinear(x: Tensor, size: int) -> Tensor:
    """Bilinear between pixel centres (half-pixel), without antialiasing: that of common PyTorch ports."""
    return interpolate(x, (size, size), mode="bilinear", align_corners=False)


def bicubic_pil(x: Tensor, size: int) -> Tensor:
    """Pillow's bicubic (a = -1/2, antialiased where it shrinks), on floats, cut to [0, 255], not rounded.

    Parmar et al. 2022, "On aliased resizing and surprising subtleties in GAN evaluation", arXiv 2104.11222.
    """
    return interpolate(x, (size, size), mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)


RESIZE: dict[str, Resize] = {
    "tf1-bilinear": tf1_bilinear,
    "bilinear": bilinear,
    "bicubic-pil": bicubic_pil,
}
"""Name -> function of floats ``[N, C, H, W]`` from 0 to 255 and a size: ``[N, C, size, size]``."""


def _asymmetric(inputs: int, outputs: int) -> Tensor:
    """The weights ``[outputs, inputs]`` of :func:`tf1_bilinear` along one axis."""
    place = torch.arange(outputs, dtype=torch.float64) * inputs / outputs
    low = place.floor().long()
    high = (low + 1).clamp(max=inputs - 1)
    part = place - low
    weights = torch.zeros(outputs, inputs, dtype=torch.float64)
    weights.scatter_add_(1, low[:, None], 1 - part[:, None])
    return weights.scatter_add_(1, high[:, None], part[:, None])
