"""StyleGAN2: modulation, noise, mixing, truncation, sizes."""

import torch
from torch.nn.functional import conv2d
from torch.testing import assert_close

from visavis.core import Shape
from visavis.networks import CriticConfig, StyleGAN2Branch, StyleGAN2Generator, parameters
from visavis.networks.stylegan2 import modulate

SMALL = {"width": 6, "widest": 8, "z_dim": 5, "w_dim": 7, "mapping": 2}
SHAPE = Shape(1, 16)


def generator(**more: object):
    torch.manual_seed(0)
    return StyleGAN2Generator(**SMALL, **more).build(SHAPE, 0)


def test_modulation_is_a_weight_of_each_images_own_with_unit_rows() -> None:
    torch.manual_seed(0)
    x, weight, style = torch.randn(3, 4, 5, 5), torch.randn(6, 4, 3, 3), torch.rand(3, 4) + 0.5
    y = modulate(x, weight, style, demodulate=True)
    for i in range(3):
        own = weight * style[i][None, :, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        assert_close(own.square().sum((1, 2, 3)), torch.ones(6))
        assert_close(y[i : i + 1], conv2d(x[i : i + 1], own, padding=1), rtol=1e-4, atol=1e-5)


def test_demodulation_keeps_unit_variance() -> None:
    torch.manual_seed(0)
    y = modulate(torch.randn(8, 16, 32, 32), torch.randn(16, 16, 3, 3), 9 * torch.rand(8, 16), True)
    assert_close(y[..., 1:-1, 1:-1].var(), torch.tensor(1.0), rtol=0.05, atol=0)


def test_training_draws_noise_and_mixes_and_later_neither() -> None:
    net, z = generator(mixing=1.0), torch.randn(40, 5)
    for conv in net.synthesis.convs:
        torch.nn.init.ones_(conv.strength)
    assert not torch.equal(net(z), net(z))
    w = net.styles(z)
    changes = (w[:, 1:] != w[:, :-1]).any(2)
    assert (changes.sum(1) == 1).all() and changes.any(0).all()  # one cut an image, at every layer
    net.eval()
    assert torch.equal(net(z), net(z))
    assert not (net.styles(z)[:, 1:] != net.styles(z)[:, :-1]).any()


def test_truncation_draws_w_to_its_running_mean() -> None:
    net, z = generator(truncation=0.0), torch.randn(3, 5)
    net.train()(torch.randn(64, 5))
    net.eval()
    assert net.w_mean.abs().max() > 0
    assert_close(net.styles(z), net.w_mean.expand(3, net.synthesis.layers, -1))
    net.truncation = 0.5
    assert_close(net.styles(z)[:, 0], (net.mapping(z, None) + net.w_mean) / 2)


def test_adain_sets_each_maps_moments() -> None:
    net = generator(style="adain", noise=False).eval()
    z, first = torch.randn(2, 5), net.synthesis.convs[0]
    seen: list[torch.Tensor] = []
    first.register_forward_hook(lambda _, given, out: seen.append(out))
    net(z)
    gain, shift = first.style(net.mapping(z, None)).chunk(2, dim=1)
    assert_close(seen[0].mean((2, 3)), shift, rtol=1e-4, atol=1e-5)
    assert_close(seen[0].std((2, 3), unbiased=False), gain.abs(), rtol=1e-2, atol=1e-3)


def test_at_1024_they_have_the_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        net = StyleGAN2Generator(width=32).build(Shape(3, 1024), 0)
        critic = CriticConfig(branch=StyleGAN2Branch(width=32), head="single").build(Shape(3, 1024), 0)
    assert parameters(net) == 30_370_060
    assert parameters(critic) == 29_012_513
