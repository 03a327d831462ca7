"""Likelihoods against torch, the best variance against its definition, PSNR and SSIM against the metrics."""

import math

import pytest
import torch
from torch.distributions import Normal
from torch.nn.functional import binary_cross_entropy
from torch.testing import assert_close

from visavis.losses.reconstruction import (
    ROUNDING,
    bce,
    gaussian,
    optimal_variance,
    psnr,
    squared_error,
    ssim,
)
from visavis.losses.ssim import ssim_terms
from visavis.metrics import image


def pair(side: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(3, 2, side, side, generator=generator) * 1.8 - 0.9
    noise = 0.2 * torch.rand(x.shape, generator=generator) - 0.1
    return x, x + noise


def test_squared_error_is_of_pixels_from_0_to_1() -> None:
    x = torch.full((2, 1, 2, 2), -1.0)
    y = x.clone()
    y[1, 0, 0] = 1.0
    assert_close(squared_error(x, y), torch.tensor([0.0, 2.0]))


def test_bce_is_torchs_summed_over_each_image() -> None:
    x, y = pair()
    expected = binary_cross_entropy((y + 1) / 2, (x + 1) / 2, reduction="none").flatten(1).sum(1)
    assert_close(bce(x, y), expected)
    certain = bce(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), -1.0))
    assert_close(certain, torch.tensor([-math.log(1e-6)]), rtol=1e-3, atol=0)


def test_gaussian_is_the_normal_density() -> None:
    x, y = pair()
    for variance in (0.01, 0.5):
        expected = -Normal(y, variance**0.5).log_prob(x).flatten(1).sum(1)
        assert_close(gaussian(x, y, torch.tensor(variance)), expected)
    assert_close(gaussian(x, y, torch.tensor(0.5)), (2 * squared_error(x, y)) * 2 + math.log(math.pi) * 144)


def test_the_optimal_variance_is_the_best_and_gives_half_the_log_of_the_error() -> None:
    x, y = pair()
    error = (x - y).square().mean()
    best = optimal_variance(error)
    found = gaussian(x, y, best).mean()
    for other in (0.9, 1.1):
        assert gaussian(x, y, other * best).mean() > found
    values = x[0].numel()
    assert_close(found, values / 2 * (1 + math.log(2 * math.pi) + error.log()))
    assert optimal_variance(torch.tensor(0.0)) == pytest.approx(ROUNDING)


def test_leaving_out_the_gradient_of_the_optimal_variance_changes_no_gradient() -> None:
    x, y = pair()
    y.requires_grad_()
    loss = gaussian(x, y, optimal_variance((x - y).square().mean())).mean()
    logarithm = x[0].numel() / 2 * (x - y).square().mean().log()
    assert_close(torch.autograd.grad(loss, y)[0], torch.autograd.grad(logarithm, y)[0])


@pytest.mark.parametrize(("side", "window"), [(12, 11), (8, 7), (7, 7)])
def test_psnr_and_ssim_are_those_of_the_metrics(side: int, window: int) -> None:
    x, y = pair(side)
    mse = squared_error(x, y) / x[0].numel()
    assert_close(psnr(mse).double(), image.psnr(x, y), rtol=1e-5, atol=0)
    assert_close(ssim(x, y).double(), image.ssim(x, y, window=window), rtol=1e-4, atol=0)
    assert psnr(torch.zeros(1)).item() == pytest.approx(120)


def test_ssim_terms_are_their_definition_at_one_place() -> None:
    a, b = torch.rand(2, 1, 1, 5, 7, dtype=torch.float64)
    luminance, structure = ssim_terms(a, b, window=5)
    assert luminance.shape == structure.shape == (1, 1, 1, 3)
    line = torch.tensor([math.exp(-(d**2) / 4.5) for d in range(-2, 3)], dtype=torch.float64)
    weights = torch.outer(line, line) / line.sum() ** 2
    p, q = a[0, 0, :, 1:6], b[0, 0, :, 1:6]
    mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
    var_p, var_q = (weights * (p - mean_p) ** 2).sum(), (weights * (q - mean_q) ** 2).sum()
    covariance = (weights * (p - mean_p) * (q - mean_q)).sum()
    assert_close(luminance[0, 0, 0, 1], (2 * mean_p * mean_q + 1e-4) / (mean_p**2 + mean_q**2 + 1e-4))
    assert_close(structure[0, 0, 0, 1], (2 * covariance + 9e-4) / (var_p + var_q + 9e-4))
