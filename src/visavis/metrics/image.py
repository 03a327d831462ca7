"""How far is one image from another?  MSE, L1, PSNR and SSIM of pairs: for reconstruction and translation.

Images are uint8 0 … 255 or floats in [-1, 1], ``[N, C, H, W]``; both are first mapped to [0, 1], so a
figure does not depend on which was given.  Data range 1: MSE 0.01 is an error of a tenth of the range.
Results are float64 ``[N]``.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from visavis.errors import UserError
from visavis.losses.ssim import WINDOW, ssim_terms
from visavis.metrics.tables import finite

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of five scales, the finest first.  Source: Wang et al. 2003."""


def mse(x: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of ``x, y: [N, C, H, W]``, of the range squared: ``[N]``."""
    a, b = _pair(x, y)
    return (a - b).square().flatten(1).mean(1)


def l1(x: Tensor, y: Tensor) -> Tensor:
    """The mean absolute error of ``x, y: [N, C, H, W]``, of the range: ``[N]``."""
    a, b = _pair(x, y)
    return (a - b).abs().flatten(1).mean(1)


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """-10 log₁₀ MSE of ``x, y: [N, C, H, W]``, in decibels: ``[N]``; infinite for equal images."""
    return -10 * mse(x, y).log10()


def ssim(x: Tensor, y: Tensor, window: int = WINDOW) -> Tensor:
    """Structural similarity of ``x, y: [N, C, H, W]``, at most 1: ``[N]``, the mean over channels and places.

    A Gaussian window of deviation 1.5, only where it lies inside the image, variances without Bessel's
    correction.  Source: Wang et al. 2004, "Image quality assessment".  Raises :class:`UserError` for images
    smaller than the window: for 8x8 digits give ``window=7`` and say so beside the figure.
    """
    a, b = _pair(x, y)
    luminance, structure = ssim_terms(a, b, window)
    return (luminance * structure).flatten(1).mean(1)


def ms_ssim(x: Tensor, y: Tensor, scales: int = 5, window: int = WINDOW) -> Tensor:
    """SSIM over ``scales`` halvings of ``x, y: [N, C, H, W]``, from 0 to 1: ``[N]``, the mean over channels.

    Fewer than five scales take the first weights, scaled to sum 1, and are another measure.  A mean structure
    below 0 counts as 0.  Source: Wang et al. 2003, "Multiscale structural similarity".  Raises
    :class:`UserError` for images below (window - 1) 2^(scales - 1) + 1 pixels: 161 at five scales.
    """
    a, b = _pair(x, y)
    if not 1 <= scales <= len(SCALES):
        raise UserError(f"{scales} scales (allowed: 1 to {len(SCALES)})")
    least, side = (window - 1) * 2 ** (scales - 1) + 1, min(a.shape[2:])
    if side < least:
        raise UserError(
            f"MS-SSIM at {scales} scales with a window of {window} needs {least} pixels, the images have "
            f"{side}; use fewer scales or a distance of features"
        )
    weights = torch.tensor(SCALES[:scales], dtype=torch.float64, device=a.device)
    weights /= weights.sum()
    product = torch.ones(a.shape[:2], dtype=torch.float64, device=a.device)  # [N, C]
    for scale, weight in enumerate(weights):
        luminance, structure = ssim_terms(a, b, window)
        last = scale == scales - 1
        term = luminance * structure if last else structure
        product = product * term.mean((2, 3)).clamp(min=0) ** weight
        a, b = (avg_pool2d(z, 2, ceil_mode=True) for z in (a, b))
    return product.mean(1)


def _pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64 in [0, 1]."""
    if x.ndim != 4 or x.shape != y.shape or not len(x):
        raise UserError(
            f"images are {list(x.shape)} and {list(y.shape)}; allowed: two equal [N, C, H, W], N at least 1"
        )
    return _unit(x), _unit(y)


def _unit(x: Tensor) -> Tensor:
    if x.dtype == torch.uint8:
        return x.double() / 255
    if not x.is_floating_point():
        raise UserError(f"images are {x.dtype}; allowed: uint8, or floats in [-1, 1]")
    finite(x, "images")
    if float(x.abs().max()) > 1 + 1e-3:
        raise UserError(
            f"images reach from {float(x.min()):.3g} to {float(x.max()):.3g}; "
            "allowed: floats in [-1, 1], or uint8"
        )
    return (x.double() + 1) / 2
