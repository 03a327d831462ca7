"""SNGAN's residual networks, SAGAN's attention and BigGAN's generator, against their tables."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import (
    BigGANGenerator,
    CriticConfig,
    SNResNetBranch,
    SNResNetGenerator,
    parameters,
)
from visavis.networks.attention import SelfAttention
from visavis.networks.norms import Spectral
from visavis.networks.sn_resnet import DownBlock, UpBlock

CIFAR = Shape(3, 32)


def conv(a: int, b: int, k: int = 3) -> int:
    return a * b * k * k + b


def test_at_32_they_are_the_papers_table_4() -> None:
    with torch.device("meta"):
        generator = SNResNetGenerator().build(CIFAR, 0)
        critic = CriticConfig(branch=SNResNetBranch(), head="single").build(CIFAR, 0)
    up = 2 * conv(256, 256) + conv(256, 256, 1) + 2 * 2 * 256
    assert parameters(generator) == 128 * 4096 + 4096 + 3 * up + 512 + conv(256, 3) == 4_276_739
    first = conv(3, 128) + conv(128, 128) + conv(3, 128, 1)
    second, plain = 2 * conv(128, 128) + conv(128, 128, 1), 2 * conv(128, 128)
    assert parameters(critic) == first + second + 2 * plain + 129 == 1_053_825


@pytest.mark.parametrize(("resolution", "downs"), [(8, 1), (28, 2), (32, 2), (64, 3)])
def test_halvings_follow_from_the_resolution(resolution: int, downs: int) -> None:
    branch, _ = SNResNetBranch(width=8).build(Shape(1, resolution), 0)
    blocks = [m for m in branch.modules() if isinstance(m, DownBlock)]
    assert [m.down.__class__.__name__ for m in blocks] == ["Resample"] * downs + ["Identity"] * 2
    assert branch(torch.randn(2, 1, resolution, resolution)).shape == (2, 8)


def test_every_weight_of_the_discriminator_is_spectral() -> None:
    config = CriticConfig(branch=SNResNetBranch(width=8, attention=8), head="single", spectral=True)
    critic = config.build(Shape(3, 16), 3)
    plain = [
        name
        for name, module in critic.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding) and not isinstance(module, Spectral)
    ]
    assert plain == []


def test_a_skip_commutes_with_the_resampling() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, 6)
    up = UpBlock(4, 5, [nn.Identity(), nn.Identity()], spectral=False)
    down = DownBlock(4, 5, down=True).eval()
    for block in (up, down):
        nn.init.zeros_(block.conv2.weight)
        nn.init.zeros_(block.conv2.bias)
    assert_close(up(x, None), up.skip(up.up(x)))
    assert_close(down(x), down.down(down.skip(x)))


def test_attention_starts_as_the_identity_and_is_a_weighted_mean_of_values() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(8, spectral=False), torch.randn(2, 8, 4, 4)
    assert torch.equal(layer(x), x)
    nn.init.ones_(layer.gain)
    nn.init.zeros_(layer.query.weight)  # every key weighs the same
    mean = torch.nn.functional.max_pool2d(layer.value(x), 2).mean((2, 3), keepdim=True)
    assert_close(layer(x), x + layer.out(mean.expand(-1, -1, 4, 4)))
    with pytest.raises(UserError, match=r"attention at 5×5.*allowed: 8, 16"):
        SNResNetGenerator(attention=5).build(Shape(3, 16), 0)


def test_biggan_cuts_z_shares_one_embedding_and_starts_orthogonal() -> None:
    generator = BigGANGenerator(width=16, class_dim=5, z_dim=14).build(CIFAR, 10)
    assert generator.parts == [5, 3, 3, 3]
    assert generator.shared.weight.shape == (10, 5)
    for block in generator.blocks:
        assert block.norm1.gain.weight.shape == block.norm2.shift.weight.shape == (16, 8)
    rows = generator.blocks[0].conv1.weight.flatten(1)
    assert_close(rows @ rows.T, torch.eye(16), atol=1e-5, rtol=0)
    assert isinstance(generator.start, Spectral)
    generator = generator.eval()
    z = torch.randn(1, 14)
    moved = z.clone()
    moved[:, -1] += 1  # the last block's part alone
    y = torch.tensor([3])
    seen = []
    generator.blocks[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert (generator(z, y) - generator(moved, y)).abs().max() > 0
    assert torch.equal(seen[0], seen[1])


def test_biggans_sizes_at_32() -> None:
    with torch.device("meta"):
        generator = BigGANGenerator().build(CIFAR, 10)
    vector = 128 + 32
    block = 2 * conv(256, 256) + conv(256, 256, 1) + 2 * 2 * vector * 256
    expected = 10 * 128 + 32 * 4096 + 4096 + 3 * block + 512 + conv(256, 3)
    assert parameters(generator) == expected == 4_373_251
    with pytest.raises(UserError, match="z of 3 numbers"):
        BigGANGenerator(z_dim=3).build(CIFAR, 0)
