"""Progressive growing: the stages in time, the fade, equalised layers."""

import re
from pathlib import Path

import pytest
import torch
from tiny import Cli
from torch.nn.functional import avg_pool2d, interpolate
from torch.testing import assert_close

from visavis.core import Shape
from visavis.networks import CriticConfig, ProGANBranch, ProGANGenerator, parameters
from visavis.networks.equalised import EqualConv2d, EqualLinear, PixelNorm

TIMES = {"stage_images": 10, "fade_images": 20}
SHAPE = Shape(1, 28)


def test_stages_come_in_their_turn() -> None:
    config = ProGANGenerator(**TIMES)
    expected = {0: (0, 1.0), 9: (0, 1.0), 10: (1, 0.0), 15: (1, 0.25), 30: (1, 1.0), 45: (2, 0.25)}
    assert {images: config.at(images, 3) for images in expected} == expected
    assert config.at(10**9, 3) == (2, 1.0)


def test_a_fade_at_0_is_the_stage_below_enlarged_and_at_1_the_stage_itself() -> None:
    torch.manual_seed(0)
    net, z = ProGANGenerator(width=4, z_dim=6, **TIMES).build(SHAPE, 0), torch.randn(2, 6)
    net.set_progress(0)
    below = net(z)
    assert_close(below, interpolate(avg_pool2d(below, 4), scale_factor=4.0))  # 7×7, enlarged
    net.set_progress(10)
    assert_close(net(z), below)
    net.set_progress(20)
    half = net(z)
    net.set_progress(30)
    assert_close(half, (below + net(z)) / 2)


def test_the_discriminators_fade_is_the_same() -> None:
    torch.manual_seed(0)
    net, _ = ProGANBranch(width=4, **TIMES).build(SHAPE, 0)
    x = torch.randn(3, 1, 28, 28)
    net.set_progress(0)
    below = net(x)
    net.set_progress(10)
    assert_close(net(x), below)
    net.set_progress(30)
    assert (net(x) - below).abs().max() > 1e-3


def test_at_1024_both_have_the_papers_23_million_parameters() -> None:
    with torch.device("meta"):
        generator = ProGANGenerator(width=16).build(Shape(3, 1024), 0)
        critic = CriticConfig(branch=ProGANBranch(width=16), head="single").build(Shape(3, 1024), 0)
    for net in (generator, critic):
        assert abs(parameters(net) - 23.1e6) < 5e4


def test_equalised_weights_are_scaled_when_used_and_pixels_normed() -> None:
    torch.manual_seed(0)
    conv, linear = EqualConv2d(5, 4, 3, 1, gain=2**0.5), EqualLinear(6, 3, bias=1.0, rate=0.01)
    assert abs(conv.weight.std() - 1) < 0.2
    x = torch.randn(2, 5, 4, 4)
    expected = torch.nn.functional.conv2d(x, conv.weight * (2 / 45) ** 0.5, padding=1)
    assert_close(conv(x), expected)
    y = torch.randn(2, 6)
    assert_close(linear(y), y @ linear.weight.T * 0.01 / 6**0.5 + 1)
    assert_close(PixelNorm()(x).square().mean(1), torch.ones(2, 4, 4), atol=1e-4, rtol=0)


@pytest.mark.parametrize("recipe", ["progan-mnist", "stylegan2-mnist", "stylegan-mnist"])
def test_a_resolution_that_stages_do_not_reach_is_refused_before_training_and_the_advice_works(
    recipe: str, cli: Cli, tmp_path: Path
) -> None:
    words = ("train", recipe, "--data", "digits", "--images", 32, "--dry-run", "--out", tmp_path / "run")
    refused = cli(*words, "--resolution", 18)
    assert (refused.status, refused.err.count("\n")) == (2, 1) and "no doubling" in refused.err, refused.err
    advice = re.search(r"give --data\.resolution (\d+)", refused.err)
    assert advice and not (tmp_path / "run").exists()
    assert cli(*words, "--batch-size", 4, "--resolution", advice[1]).status == 0
