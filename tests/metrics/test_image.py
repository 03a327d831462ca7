"""Errors of pairs of images against torchmetrics and by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torch.testing import assert_close
from torchmetrics.functional.image import structural_similarity_index_measure

from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.metrics.image import l1, ms_ssim, mse, psnr, ssim


def pair(size: int, channels: int = 3, n: int = 3) -> tuple[Tensor, Tensor]:
    """uint8 images that look somewhat alike."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (n, channels, size, size), generator=generator)
    noise = torch.randint(-60, 61, x.shape, generator=generator)
    noise[0] = 0
    return x.to(torch.uint8), (x + noise).clamp(0, 255).to(torch.uint8)


def theirs(x: Tensor, y: Tensor) -> Tensor:
    """torchmetrics' map without its rim, which is of reflected pixels and not in Wang 2004."""
    _, places = structural_similarity_index_measure(
        x, y, data_range=1.0, reduction="none", return_full_image=True
    )
    return places[..., 5:-5, 5:-5].flatten(1).mean(1)


def test_by_hand() -> None:
    x = torch.zeros(1, 1, 2, 2, dtype=torch.uint8)
    y = torch.tensor([[[[0, 51], [255, 0]]]], dtype=torch.uint8)
    assert_close(mse(x, y), torch.tensor([(0.04 + 1) / 4], dtype=torch.float64))
    assert_close(l1(x, y), torch.tensor([1.2 / 4], dtype=torch.float64))
    assert_close(psnr(x, y), torch.tensor([-10 * math.log10(0.26)], dtype=torch.float64))


def test_each_image_has_its_own_figure() -> None:
    x, y = pair(16)
    for measure in (mse, l1, psnr, ssim):
        together = measure(x, y)
        assert together.shape == (3,) and together.dtype == torch.float64
        assert_close(torch.cat([measure(x[i : i + 1], y[i : i + 1]) for i in range(3)]), together)
        assert_close(measure(y, x), together)
    assert mse(x, y)[0] == 0 and l1(x, y)[0] == 0 and psnr(x, y)[0] == torch.inf
    assert_close(float(ssim(x, y)[0]), 1.0)


def test_floats_and_bytes_give_the_same() -> None:
    x, y = pair(16)
    for measure in (mse, l1, psnr, ssim):
        assert_close(measure(to_float(x), to_float(y)), measure(x, y), rtol=1e-5, atol=1e-6)


def test_ssim_equals_torchmetrics() -> None:
    expected = theirs(*(z.double() / 255 for z in pair(24)))
    assert_close(ssim(*pair(24)), expected, rtol=1e-9, atol=0)
    assert float(expected[1]) < 0.98


def test_ssim_of_opposites_is_negative() -> None:
    x, _ = pair(24)
    assert (ssim(x, 255 - x) < -0.5).all()


def test_ms_ssim_equals_torchmetrics() -> None:
    x, y = (z.double() / 255 for z in pair(176, channels=1, n=2))
    expected = torch.ones(2, dtype=torch.float64)
    for weight in (0.0448, 0.2856, 0.3001, 0.2363):
        _, structure = structural_similarity_index_measure(
            x, y, data_range=1.0, reduction="none", return_contrast_sensitivity=True
        )
        expected *= structure**weight
        x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
    expected *= theirs(x, y) ** 0.1333
    # the published weights add up to 1.0001
    assert_close(ms_ssim(*pair(176, channels=1, n=2)), expected ** (1 / 1.0001), rtol=1e-9, atol=0)
    assert float(expected[1]) < 0.99


def test_small_images_are_refused_and_fewer_scales_are_not() -> None:
    x, y = pair(160, 1, 1)
    with pytest.raises(UserError, match="161 pixels"):
        ms_ssim(x, y)
    assert ms_ssim(*pair(161, 1, 1)).shape == (1,)
    small = pair(32)
    with pytest.raises(UserError, match="41 pixels"):
        ms_ssim(*small, scales=3)
    assert 0 < float(ms_ssim(*small, scales=2)[1]) < 1
    assert_close(ms_ssim(*small, scales=1), ssim(*small), rtol=1e-9, atol=0)
    with pytest.raises(UserError, match="window of 11"):
        ssim(*pair(8))
    assert float(ssim(*pair(8), window=7)[1]) < 1


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(2, 3, 8, 8, dtype=torch.int64),
        torch.full((2, 3, 8, 8), torch.nan),
        torch.full((2, 3, 8, 8), 255.0),
    ],
)
def test_what_are_no_images_is_refused(x: Tensor) -> None:
    with pytest.raises(UserError, match="images"):
        mse(x, x)


def test_unlike_sizes_and_even_windows_are_refused() -> None:
    with pytest.raises(UserError, match="equal"):
        l1(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 9))
    with pytest.raises(UserError, match="odd"):
        ssim(*pair(16), window=8)
