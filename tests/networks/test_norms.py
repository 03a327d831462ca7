"""Instance normalisation, spectral normalisation, initialisation."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.networks.norms import InstanceNorm2d, SpectralConv2d, init_convs, make_conv, make_norm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_instance_norm_is_torchs_and_keeps_the_layout(layout) -> None:
    torch.manual_seed(0)
    x = (3 * torch.randn(2, 5, 4, 6) + 1).contiguous(memory_format=layout)
    ours, theirs = InstanceNorm2d(5), nn.InstanceNorm2d(5, affine=True)
    with torch.no_grad():
        ours.weight.copy_(torch.arange(1.0, 6.0))
        ours.bias.fill_(0.5)
    theirs.load_state_dict(ours.state_dict())
    y = ours(x)
    assert y.is_contiguous(memory_format=layout)
    assert_close(y, theirs(x))


def test_norms_by_name() -> None:
    x = torch.randn(4, 3, 5, 5)
    assert torch.equal(make_norm("none", 3)(x), x)
    batch = make_norm("batch", 3)(x)
    assert_close(batch.mean((0, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    assert batch.mean((2, 3)).abs().max() > 0.01  # not of each image
    assert_close(make_norm("instance", 3)(x).mean((2, 3)), torch.zeros(4, 3), atol=1e-6, rtol=0)


def test_power_iteration_finds_the_largest_singular_value_and_divides_by_it() -> None:
    torch.manual_seed(0)
    conv = SpectralConv2d(3, 6, 4, 2, 1)
    largest = torch.linalg.svdvals(conv.weight.detach().flatten(1))[0]
    x = torch.randn(2, 3, 8, 8)
    for _ in range(200):
        y = conv(x)
    assert_close(conv.sigma(), largest, rtol=1e-5, atol=0)
    plain = nn.functional.conv2d(x, conv.weight / largest, conv.bias, 2, 1)
    assert_close(y, plain, rtol=1e-4, atol=1e-5)


def test_its_gradient_is_that_of_the_quotient() -> None:
    torch.manual_seed(0)
    conv = SpectralConv2d(2, 3, 2)
    x = torch.randn(1, 2, 3, 3)
    for _ in range(100):
        conv(x)
    conv(x).square().sum().backward()
    weight = conv.weight.detach().clone().requires_grad_()
    sigma = torch.linalg.svdvals(weight.flatten(1))[0]
    nn.functional.conv2d(x, weight / sigma, conv.bias.detach()).square().sum().backward()
    assert_close(conv.weight.grad, weight.grad, rtol=1e-3, atol=1e-5)


def test_the_iteration_moves_in_training_only_and_its_vector_is_saved() -> None:
    conv = SpectralConv2d(3, 6, 4)
    x = torch.randn(1, 3, 4, 4)
    before = conv.u.clone()
    conv.eval()(x)
    assert torch.equal(conv.u, before)
    conv.train()(x)
    assert not torch.equal(conv.u, before)
    twin = deepcopy(conv)
    fresh = SpectralConv2d(3, 6, 4)
    fresh.load_state_dict(conv.state_dict())
    for other in (twin, fresh):
        assert torch.equal(other(x), deepcopy(conv)(x))


def test_bf16_does_not_reach_the_iteration() -> None:
    conv = SpectralConv2d(3, 6, 4)
    twin = deepcopy(conv)
    x = torch.randn(1, 3, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16
    twin(x)
    assert torch.equal(conv.u, twin.u)


def test_a_convolution_by_choice_and_its_start() -> None:
    torch.manual_seed(0)
    assert isinstance(make_conv(1, 2, 4, 1, 1, spectral=True), SpectralConv2d)
    plain = make_conv(64, 64, 4, 1, 1)
    assert type(plain) is nn.Conv2d
    init_convs(plain, normed=False)
    assert_close(plain.weight.std(), torch.tensor((2 / 1024) ** 0.5), rtol=0.02, atol=0)
    init_convs(plain, normed=True)
    assert_close(plain.weight.std(), torch.tensor(0.02), rtol=0.02, atol=0)
    assert plain.bias is not None and not plain.bias.any()
