"""The U-Net: its depth, its skips, its noise."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import UNet
from visavis.networks.layers import Dropout
from visavis.networks.norms import InstanceNorm2d


def test_eight_down_and_eight_up_with_a_512_wide_bottleneck_at_256() -> None:
    with torch.device("meta"):
        net = UNet().build(Shape(3, 256), 0)
        widths = [block[0].out_channels for block in net.down]
        assert widths == [64, 128, 256, 512, 512, 512, 512, 512]
        up = [*(block[0] for block in net.up), net.last]
        assert [(layer.in_channels, layer.out_channels) for layer in up] == [
            (512, 512),
            (1024, 512),
            (1024, 512),
            (1024, 512),
            (1024, 256),
            (512, 128),
            (256, 64),
            (128, 3),
        ]
        assert net(torch.zeros(2, 3, 256, 256)).shape == (2, 3, 256, 256)
    assert (net.stride, net.scale, net.any_size) == (256, 1, True)


def test_dropout_in_three_doublings_and_norm_everywhere_but_at_both_ends() -> None:
    net = UNet(width=4, widest=8).build(Shape(3, 64), 0)
    assert [m.p for m in net.modules() if isinstance(m, Dropout)] == [0.5, 0.5, 0.5, 0.0, 0.0]
    normed = [isinstance(block[1], InstanceNorm2d) for block in [*net.down, *net.up]]
    assert normed == [False, True, True, True, True, False] + [True] * 5


@pytest.mark.parametrize(
    ("resolution", "blocks", "depth"),
    [(64, None, 6), (8, None, 3), (96, None, 5), (64, 3, 3), (512, None, 8)],
)
def test_depth_follows_the_resolution(resolution: int, blocks: int | None, depth: int) -> None:
    with torch.device("meta"):
        net = UNet(width=2, widest=4, blocks=blocks).build(Shape(1, resolution), 0)
        assert len(net.down) == depth == len(net.up) + 1 and net.stride == 2**depth
        assert net(torch.zeros(1, 1, resolution, resolution)).shape == (1, 1, resolution, resolution)


@pytest.mark.parametrize("up", ["transposed", "resize"])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_all_parameters_get_gradients_and_the_output_is_an_image(up: str, norm: str) -> None:
    torch.manual_seed(0)
    net = UNet(width=4, widest=8, up=up, norm=norm).build(Shape(3, 16), 0)
    y = net(torch.randn(3, 3, 16, 16))
    assert y.abs().max() <= 1 and y.dtype == torch.float32
    (y * torch.randn_like(y)).sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all()


def test_every_doubling_sees_the_skip_of_its_size_beside_the_one_before() -> None:
    torch.manual_seed(0)
    net = UNet(width=4, widest=8, norm="none").build(Shape(1, 16), 0).eval()
    skips: list[torch.Tensor] = []
    inputs: list[torch.Tensor] = []
    for down in net.down:
        down.register_forward_hook(lambda _, __, out: skips.append(out))
    for layer in [*net.up[1:], net.last]:
        layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    y = net(torch.randn(1, 1, 16, 16))
    gradients = torch.autograd.grad(y.sum(), inputs)
    assert len(inputs) == 3
    for given, gradient, skip in zip(inputs, gradients, skips[-2::-1], strict=True):
        before, beside = given.split([given.shape[1] - skip.shape[1], skip.shape[1]], dim=1)
        assert torch.equal(beside, skip) and before.shape[1] > 0
        assert gradient[:, -skip.shape[1] :].abs().sum() > 0 and gradient[:, 0].abs().sum() > 0


def test_dropout_is_noise_in_training_and_silent_after_it() -> None:
    torch.manual_seed(0)
    net = UNet(width=4, widest=8).build(Shape(3, 16), 0)
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    x = torch.randn(2, 3, 16, 16)
    assert not torch.equal(net(x), net(x))
    torch.manual_seed(1)
    one = net(x)
    torch.manual_seed(1)
    assert torch.equal(net(x), one)
    net.eval()
    assert torch.equal(net(x), net(x))
    assert_close(net(x)[:1], net(x[:1]))


def test_it_takes_other_sizes_that_are_multiples_of_its_stride() -> None:
    net = UNet(width=4, widest=8, blocks=3).build(Shape(1, 32), 0).eval()
    assert net(torch.zeros(1, 1, 40, 64)).shape == (1, 1, 40, 64)


def test_refusals_name_the_mend() -> None:
    with pytest.raises(UserError, match=r"resolution 48 cannot be halved 5 times; .*multiple of 32"):
        UNet(blocks=5).build(Shape(3, 48), 0)
    with pytest.raises(UserError, match="resolution 33 cannot be halved 2 times"):
        UNet().build(Shape(3, 33), 0)
    with pytest.raises(UserError, match="--conditional false"):
        UNet().build(Shape(3, 64), 10)
