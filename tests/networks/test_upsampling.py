"""S3's pair as it was written."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import CriticConfig, StridedBranch, UpsamplingGenerator, parameters

SHAPE = Shape(3, 32)


def test_the_generator_is_s3s_listing() -> None:
    net = UpsamplingGenerator(conditioning="number").build(SHAPE, 10)
    assert parameters(net) == sum(
        p.numel()
        for layer in (
            nn.Linear(101, 512 * 8 * 8),
            *(
                nn.Sequential(nn.Conv2d(a, b, 3), nn.BatchNorm2d(b))
                for a, b in [(512, 512), (512, 256), (256, 128), (128, 64)]
            ),
            nn.Conv2d(64, 3, 3),
        )
        for p in layer.parameters()
    )
    names = [type(layer).__name__ for layer in net.layers]
    assert [names[i] for i in (0, 10)] == ["Resample", "Resample"]


def test_the_label_is_one_number_of_a_tenth() -> None:
    net = UpsamplingGenerator(z_dim=4, widths=(4, 4, 4, 4, 4), conditioning="number").build(SHAPE, 10).eval()
    seen = []
    net.start.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(torch.zeros(2, 4), torch.tensor([7, 0]))
    assert_close(seen[0], torch.tensor([[0.0, 0, 0, 0, 0.7], [0, 0, 0, 0, 0]]))


def test_images_in_0_to_1_are_converted_at_the_edge() -> None:
    net = UpsamplingGenerator(widths=(4, 4, 4, 4, 4)).build(SHAPE, 0).eval()
    nn.init.zeros_(net.layers[-1].weight)
    nn.init.constant_(net.layers[-1].bias, 1.0)
    assert_close(net(torch.randn(1, 100)), torch.full((1, 3, 32, 32), 2 * torch.tensor(1.0).sigmoid() - 1))
    branch, width = StridedBranch().build(SHAPE, 0)
    assert width == 2048
    assert_close(branch[0](torch.tensor([-1.0, 0, 1])), torch.tensor([0.0, 0.5, 1]))


def test_the_discriminator_has_s3s_layers_and_a_leaky_logit() -> None:
    config = CriticConfig(
        branch=StridedBranch(), head="single", conditioning="none", head_init="torch", logit_slope=0.01
    )
    critic = config.build(SHAPE, 10)
    convolutions = [(3, 64), (64, 128), (128, 256), (256, 512)]
    assert parameters(critic) == sum(9 * a * b + b + 2 * b for a, b in convolutions) + 2049
    x = torch.randn(9, 3, 32, 32)
    logits = critic.features(x) @ critic.head.weight + critic.head.bias
    assert_close(
        critic.embed(x, torch.zeros(9)), nn.functional.leaky_relu(logits, 0.01), rtol=1e-3, atol=1e-5
    )


def test_sides_that_are_no_multiple_of_four_are_refused() -> None:
    with pytest.raises(UserError, match=r"30 is no multiple of 4.*--data.resolution 32"):
        UpsamplingGenerator().build(Shape(1, 30), 0)
    with pytest.raises(UserError, match="allowed: 5"):
        UpsamplingGenerator(widths=(8,)).build(SHAPE, 0)
