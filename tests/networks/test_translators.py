"""The residual translator and the super-resolution net."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import ResnetTranslator, SuperResolver


def test_the_papers_generator_has_9_blocks_at_256_and_6_below() -> None:
    with torch.device("meta"):
        for resolution, blocks, parameters in ((256, 9, 11_378_179), (128, 6, 7_837_699)):
            net = ResnetTranslator().build(Shape(3, resolution), 0)
            residual = [m for m in net.layers if type(m).__name__ == "_Block"]
            assert len(residual) == blocks
            assert net(torch.zeros(1, 3, resolution, resolution)).shape == (1, 3, resolution, resolution)
            found = sum(p.numel() for p in net.parameters())
            norms = sum(
                p.numel() for n in net.modules() if isinstance(n, nn.GroupNorm) for p in n.parameters()
            )
            assert found - norms == parameters


@pytest.mark.parametrize("up", ["transposed", "resize"])
@pytest.mark.parametrize("halvings", [0, 1, 2])
def test_residual_translator_keeps_the_size_and_all_of_it_learns(up: str, halvings: int) -> None:
    torch.manual_seed(0)
    net = ResnetTranslator(width=4, halvings=halvings, blocks=2, up=up).build(Shape(3, 8), 0)
    assert (net.stride, net.scale, net.any_size) == (2**halvings, 1, True)
    y = net(torch.randn(2, 3, 8, 12))
    assert y.shape == (2, 3, 8, 12) and y.abs().max() <= 1
    (y * torch.randn_like(y)).sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all()


@pytest.mark.parametrize("scale", [2, 4])
def test_super_resolution_starts_as_pillows_bicubic_interpolation(scale: int) -> None:
    net = SuperResolver(scale=scale, width=8, blocks=2).build(Shape(3, 32), 0)
    assert net.scale == scale and net.stride == 1
    pixels = np.random.default_rng(0).random((1, 32 // scale, 40 // scale)).astype(np.float32)
    large = np.asarray(Image.fromarray(pixels[0], "F").resize((40, 32), Image.Resampling.BICUBIC))
    x = torch.from_numpy(pixels)[None].expand(2, 3, -1, -1)
    assert_close(net(x)[1, 2], torch.from_numpy(large.copy()), rtol=0, atol=1e-4)


def test_super_resolution_learns_with_all_its_layers() -> None:
    torch.manual_seed(0)
    net = SuperResolver(scale=4, width=8, blocks=2).build(Shape(3, 32), 0)
    nn.init.normal_(net.last.weight, 0, 0.1)
    net(torch.randn(2, 3, 8, 8)).square().sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0


def test_refusals_name_the_mend() -> None:
    with pytest.raises(UserError, match=r"resolution 30 does not fit 2 halvings; .*multiple of 4"):
        ResnetTranslator().build(Shape(3, 30), 0)
    with pytest.raises(UserError, match="resolution 30 is no multiple of the scale 4"):
        SuperResolver(scale=4).build(Shape(3, 30), 0)
    for config in (ResnetTranslator(), SuperResolver()):
        with pytest.raises(UserError, match="--conditional false"):
            config.build(Shape(3, 64), 10)
