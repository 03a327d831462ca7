"""The two layers through which a discriminator sees its batch."""

import torch
from torch.testing import assert_close

from visavis.core import Shape
from visavis.networks import CriticConfig, MLPBranch
from visavis.networks.minibatch import MinibatchDiscrimination, MinibatchStddev


def test_the_deviation_adds_one_channel_and_is_0_of_images_that_are_alike() -> None:
    x = torch.randn(1, 3, 4, 4).expand(5, -1, -1, -1)
    y = MinibatchStddev()(x)
    assert y.shape == (5, 4, 4, 4)
    assert torch.equal(y[:, :3], x)
    assert_close(y[:, 3], torch.zeros(5, 4, 4), atol=1e-6, rtol=0)


def test_the_deviation_is_the_mean_over_all_values() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 2, 3, 3)
    expected = x.std(0, unbiased=False).mean()
    assert_close(MinibatchStddev()(x)[:, 2], expected.expand(6, 3, 3), rtol=1e-3, atol=1e-4)
    x.requires_grad_()
    MinibatchStddev()(x[:1].expand(4, -1, -1, -1)).sum().backward()
    assert x.grad.isfinite().all()


def test_discrimination_is_salimans_sum_over_the_batch() -> None:
    torch.manual_seed(0)
    layer = MinibatchDiscrimination(4, kernels=3, depth=2)
    x = torch.randn(5, 4)
    y = layer(x)
    m = layer.directions(x).reshape(5, 3, 2)
    expected = torch.stack([sum(torch.exp(-(m[i] - m[j]).abs().sum(1)) for j in range(5)) for i in range(5)])
    assert torch.equal(y[:, :4], x)
    assert_close(y[:, 4:], expected)
    assert_close(layer(x[:1].expand(5, -1))[:, 4:], torch.full((5, 3), 5.0))


def test_any_branch_takes_them() -> None:
    for name, more in (("stddev", 1), ("discrimination", 32)):
        critic = CriticConfig(branch=MLPBranch(widths=(6,)), head="single", minibatch=name)
        assert critic.build(Shape(1, 4), 0).features(torch.randn(3, 1, 4, 4)).shape == (3, 6 + more)
