"""R3GAN's networks, by their published counts and by their start."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.networks import CriticConfig, R3GANBranch, R3GANGenerator, parameters
from visavis.networks.residual import ResidualBlock

CRITIC = CriticConfig(branch=R3GANBranch(), head="difference", conditioning="embedding")


@pytest.mark.parametrize(
    ("classes", "of_generator", "of_critic"), [(10, 20_781_952, 21_280_512), (0, 20_732_160, 20_683_776)]
)
def test_at_32_they_have_the_published_numbers_of_parameters(
    classes: int, of_generator: int, of_critic: int
) -> None:
    with torch.device("meta"):
        generator = R3GANGenerator().build(Shape(3, 32), classes)
        critic = CRITIC.build(Shape(3, 32), classes)
    assert (parameters(generator), parameters(critic)) == (of_generator, of_critic)


def test_blocks_are_inverted_with_groups_of_16_and_start_at_the_identity() -> None:
    torch.manual_seed(0)
    generator = R3GANGenerator(width=64).build(Shape(1, 28), 10)
    assert generator.base.shape == (64, 7, 7)
    blocks = [m for m in generator.modules() if isinstance(m, ResidualBlock)]
    assert len(blocks) == 3 * 2
    for block in blocks:
        one, three, last = (m for m in block.layers if isinstance(m, nn.Conv2d))
        assert (one.out_channels, three.groups, last.bias) == (128, 8, None)
        assert not last.weight.any()
        gain = (2 / 1.04) ** 0.5 * len(blocks) ** -0.25
        assert_close(one.weight.std(), torch.tensor(gain / 64**0.5), rtol=0.05, atol=0)
        assert_close(three.weight.std(), torch.tensor(gain / (16 * 9) ** 0.5), rtol=0.05, atol=0)


def test_the_class_embeddings_start_as_linear_maps_of_one_hot_classes() -> None:
    torch.manual_seed(0)
    generator = R3GANGenerator(width=16).build(Shape(1, 8), 500)
    critic = CriticConfig(branch=R3GANBranch(width=16), conditioning="embedding").build(Shape(1, 8), 500)
    assert_close(generator.classes.weight.std(), torch.tensor(500**-0.5), rtol=0.05, atol=0)
    assert_close(critic.head.classes.weight.std(), torch.tensor((16 * 500) ** -0.5), rtol=0.05, atol=0)
    assert critic.head.weight is None
