"""The Siamese GAN's networks, layer by layer against systems.md."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import CriticConfig, SiameseBranch, SiameseGenerator, parameters

SHAPE = Shape(3, 32)


def plain_generator() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(128, 512 * 4 * 4),
        nn.Unflatten(1, (512, 4, 4)),
        nn.BatchNorm2d(512),
        nn.ReLU(),
        nn.ConvTranspose2d(512, 256, 4, 2, 1),
        nn.BatchNorm2d(256),
        nn.ReLU(),
        nn.ConvTranspose2d(256, 128, 4, 2, 1),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 3, 4, 2, 1),
        nn.Tanh(),
    )


def plain_branch() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 64, 4, 2, 1),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 256, 4, 2, 1),
        nn.BatchNorm2d(256),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(4096, 512),
    )


def plain_head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(1024, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(256, 1))


def take_weights(plain: nn.Module, ours: nn.Module) -> None:
    """Copy in order; shapes and the number of tensors must agree."""
    theirs, mine = plain.state_dict(), ours.state_dict()
    assert [v.shape for v in theirs.values()] == [v.shape for v in mine.values()]
    plain.load_state_dict(dict(zip(theirs, mine.values(), strict=True)))


@pytest.fixture(scope="module")
def generator() -> nn.Module:
    torch.manual_seed(0)
    return SiameseGenerator().build(SHAPE, 0)


@pytest.fixture(scope="module")
def critic():
    torch.manual_seed(0)
    config = CriticConfig(branch=SiameseBranch(), head="concat", hidden=(256,), slope=0.2, dropout=0.3)
    return config.build(SHAPE, 0)


def test_parameter_counts_are_those_of_the_layers_as_listed(generator, critic) -> None:
    assert parameters(generator) == 3_686_531
    assert parameters(critic) == 3_020_097


@pytest.mark.parametrize("train", [True, False])
def test_the_generator_is_the_plain_stack_of_layers(generator, train: bool) -> None:
    plain = plain_generator().train(train)
    take_weights(plain, generator)
    z = torch.randn(4, 128)
    assert_close(generator.train(train)(z), plain(z))
    assert generator(z).shape == (4, 3, 32, 32)


@pytest.mark.parametrize("train", [True, False])
def test_the_critic_is_the_plain_stack_of_layers(critic, train: bool) -> None:
    branch, head = plain_branch().train(train), plain_head().eval()
    take_weights(branch, critic.branch)
    take_weights(head, critic.head)
    critic.train(train)
    critic.head.eval()  # its dropout is tested with the heads
    a, b = torch.randn(4, 3, 32, 32), torch.randn(4, 3, 32, 32)
    expected = head(torch.cat([branch(a), branch(b)], 1)).squeeze(1)
    assert_close(critic(a, b), expected)


def test_dropout_has_the_rate_of_the_recipe(critic) -> None:
    assert [m.p for m in critic.modules() if type(m).__name__ == "Dropout"] == [0.3]


def test_dcgan_initialisation(generator, critic) -> None:
    for net in (generator, critic.branch):
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                n = layer.weight.numel()
                assert_close(layer.weight.std().item(), 0.02, rtol=4 / (2 * n) ** 0.5, atol=0)
                assert abs(layer.weight.mean().item()) < 5 * 0.02 / n**0.5
            elif isinstance(layer, nn.BatchNorm2d):
                n = layer.weight.numel()
                fresh = layer.weight
                assert_close(fresh.mean().item(), 1.0, rtol=0, atol=5 * 0.02 / n**0.5)
                assert_close(fresh.std().item(), 0.02, rtol=5 / (2 * n) ** 0.5, atol=0)
                assert torch.equal(layer.bias, torch.zeros_like(layer.bias))
    first = critic.head.first.weight  # linear layers keep torch's: uniform to 1/√fan_in
    assert 0.99 / 1024**0.5 < first.abs().max() <= 1 / 1024**0.5


def test_s2_branch_is_conv_relu_norm_flattened() -> None:
    branch, features = SiameseBranch(features=None, order="act-norm", slope=0.0).build(SHAPE, 0)
    assert features == 4096
    names = [type(layer).__name__ for layer in branch]
    assert names == ["Halving", "LeakyReLU", "BatchNorm2d"] * 3 + ["Flatten"]
    assert branch(torch.randn(2, 3, 32, 32)).shape == (2, 4096)


def test_a_branch_without_normalisation_scores_each_image_by_itself() -> None:
    branch, _ = SiameseBranch(widths=(4, 8, 8), features=16, order="act").build(SHAPE, 0)
    x = torch.randn(4, 3, 32, 32)
    assert_close(branch(x)[:2], branch(x[:2]))


def test_another_resolution_is_refused_with_the_mend_and_one_more_width_takes_64() -> None:
    for config in (SiameseGenerator(), SiameseBranch()):
        with pytest.raises(UserError, match=r"resolution 28 .* --data.resolution 32"):
            config.build(Shape(3, 28), 0)
    generator = SiameseGenerator(widths=(16, 8, 8, 8)).build(Shape(1, 64), 0)
    assert generator(torch.randn(2, 128)).shape == (2, 1, 64, 64)


def test_the_generator_refuses_to_be_conditional() -> None:
    with pytest.raises(UserError, match="conditional"):
        SiameseGenerator().build(SHAPE, 2)
