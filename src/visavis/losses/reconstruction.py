"""How well is an image reconstructed?  Negative log-likelihoods of its values, and PSNR and SSIM to watch.

``x`` is the image, ``y`` its reconstruction, floats ``[N, C, H, W]`` in [-1, 1].  The likelihoods are summed
over an image's values, in nats: the scale on which the KL term of a variational bound has the weight 1.
"""

import math

import torch
from torch import Tensor

from visavis.losses.ssim import WINDOW, ssim_terms

ROUNDING = (2 / 255) ** 2 / 12
"""The variance of rounding to grey levels, for values in [-1, 1]: no likelihood needs to be sharper."""
_LEAST = 1e-6


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Σ ((x - y) / 2)²: the squared error of pixels in [0, 1], ``[N]``.

    As a likelihood it is a Gaussian of variance ½, without its constant: a coarse one, for which the KL term
    is a heavy price.
    """
    return ((x - y) / 2).square().flatten(1).sum(1)


def bce(x: Tensor, y: Tensor) -> Tensor:
    """Σ -(t log p + (1 - t) log(1 - p)) with t, p = (x + 1)/2, (y + 1)/2: ``[N]``.

    A Bernoulli likelihood of grey levels taken as probabilities; p is kept 1e-6 away from 0 and 1.
    """
    t, p = (x + 1) / 2, ((y + 1) / 2).clamp(_LEAST, 1 - _LEAST)
    return -(t * p.log() + (1 - t) * (1 - p).log()).flatten(1).sum(1)


def gaussian(x: Tensor, y: Tensor, variance: Tensor) -> Tensor:
    """-log N(x; y, ``variance``) of all values of an item, of shape ``[N, …]`` -> ``[N]``."""
    scaled = (x - y).square() / variance + (2 * math.pi * variance).log()
    return scaled.flatten(1).sum(1) / 2


@torch.no_grad()
def optimal_variance(mean_squared_error: Tensor, least: float = ROUNDING) -> Tensor:
    """The one variance of all values under which :func:`gaussian` is smallest, as a constant: ``[]``.

    That is the mean squared error itself, so the likelihood balances itself against the KL term.  The loss is
    stationary in the variance, so leaving its gradient out leaves the loss's gradient as it is.
    Source: Rybkin et al. 2021, "Simple and effective VAE training with calibrated decoders" (σ-VAE), sec. 4.
    """
    return mean_squared_error.clamp_min(least)


def psnr(mean_squared_error: Tensor) -> Tensor:
    """-10 log₁₀ of the MSE of pixels in [0, 1], each image's in decibels: ``[N] -> [N]``, at most 120."""
    return -10 * mean_squared_error.clamp_min(1e-12).log10()


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """SSIM with a window of 11, or the largest odd one that fits in smaller images: ``[N]``."""
    side = min(x.shape[2:])
    luminance, structure = ssim_terms((x + 1) / 2, (y + 1) / 2, min(WINDOW, side - 1 + side % 2))
    return (luminance * structure).flatten(1).mean(1)
