"""The residual generator and branch."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import ResidualBranch, ResidualGenerator
from visavis.networks.residual import ResidualBlock

SHAPE = Shape(3, 16)
KINDS = [
    {"block": block, "resample": resample} for block in ("basic", "inverted") for resample in ("blur", "box")
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_shapes_and_finite_gradients_for_all_parameters(kind) -> None:
    generator = ResidualGenerator(widths=(16, 8, 8), z_dim=5, **kind).build(SHAPE, 0)
    branch, features = ResidualBranch(widths=(16, 8, 8), features=7, **kind).build(SHAPE, 0)
    x = generator(torch.randn(3, 5))
    assert x.shape == (3, 3, 16, 16)
    y = branch(x)
    assert y.shape == (3, features) == (3, 7)
    y.square().sum().backward()
    for parameter in [*generator.parameters(), *branch.parameters()]:
        assert parameter.grad is not None and parameter.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_blocks_start_as_the_identity(kind) -> None:
    generator = ResidualGenerator(widths=(16, 8), blocks=2, **kind).build(Shape(3, 8), 0)
    blocks = [m for m in generator.modules() if isinstance(m, ResidualBlock)]
    assert len(blocks) == 4
    for block in blocks:
        x = torch.randn(2, next(block.parameters()).shape[1], 4, 4)
        assert torch.equal(block(x), x)


def test_generator_and_branch_are_mirrored() -> None:
    config = {"widths": (16, 12, 8), "blocks": 2}
    generator = ResidualGenerator(**config).build(SHAPE, 0)
    branch, _ = ResidualBranch(**config).build(SHAPE, 0)

    def widths(net: nn.Module) -> list[int]:
        return [next(m.parameters()).shape[1] for m in net.modules() if isinstance(m, ResidualBlock)]

    assert widths(generator) == [16, 16, 12, 12, 8, 8]
    assert widths(branch) == widths(generator)[::-1]


def test_resamplers_keep_a_constant_image_inside() -> None:
    from visavis.networks.layers import RESAMPLERS

    x = torch.full((1, 2, 8, 8), 3.0)
    for make in RESAMPLERS.values():
        up, down = make("up")(x), make("down")(x)
        assert up.shape == (1, 2, 16, 16) and down.shape == (1, 2, 4, 4)
        assert_close(up[..., 1:-1, 1:-1], torch.full((1, 2, 14, 14), 3.0))
        assert_close(down[..., 1:, 1:], torch.full((1, 2, 3, 3), 3.0))


def test_resolution_that_the_stages_do_not_reach_is_refused_with_the_mend() -> None:
    for config in (ResidualGenerator(widths=(8, 8)), ResidualBranch(widths=(8, 8))):
        with pytest.raises(UserError, match=r"resolution 16 does not fit 2 stages .* --data.resolution 8"):
            config.build(SHAPE, 0)


def test_widths_that_do_not_divide_into_groups_are_refused() -> None:
    with pytest.raises(UserError, match="28"):
        ResidualGenerator(widths=(28,), block="inverted").build(Shape(3, 4), 0)


def test_a_conditional_generator_makes_another_image_for_another_class_and_needs_labels() -> None:
    generator = ResidualGenerator(widths=(8, 8)).build(Shape(1, 8), 3)
    z = torch.randn(1, 64).expand(2, -1)
    a, b = generator(z, torch.tensor([0, 2]))
    assert (a - b).abs().max() > 1e-3
    with pytest.raises(UserError, match="labels"):
        generator(z)


def test_no_image_depends_on_the_others_of_its_batch() -> None:
    generator = ResidualGenerator(widths=(16, 8, 8)).build(SHAPE, 0)
    branch, _ = ResidualBranch(widths=(16, 8, 8)).build(SHAPE, 0)
    z = torch.randn(5, 64)
    x = generator(z)
    assert_close(generator(z[:2]), x[:2])
    assert_close(branch(x[3:]), branch(x)[3:])


def test_features_start_at_a_reasonable_scale() -> None:
    torch.manual_seed(0)
    generator = ResidualGenerator(widths=(32, 32, 32)).build(SHAPE, 0)
    branch, _ = ResidualBranch(widths=(32, 32, 32), features=64).build(SHAPE, 0)
    x = generator(torch.randn(32, 64))
    assert 0.2 < x.std() < 3
    assert 0.05 < branch(x).std() < 5


@pytest.mark.parametrize("resolution", [8, 28, 32, 48, 64, 96])
def test_stages_follow_from_the_resolution(resolution: int) -> None:
    shape = Shape(1, resolution)
    generator = ResidualGenerator(z_dim=4, width=4, widest=8).build(shape, 0)
    branch, _ = ResidualBranch(features=6, width=4, widest=8).build(shape, 0)
    x = generator(torch.zeros(1, 4))
    assert x.shape == (1, 1, resolution, resolution)
    assert branch(x).shape == (1, 6)


def test_explicit_widths_are_the_same_network_as_derived_ones() -> None:
    derived = ResidualGenerator(z_dim=4, width=4, widest=16).fitted(Shape(1, 28))
    assert (derived.base, derived.widths) == (7, (16, 8, 4))
    assert ResidualGenerator(base=7, widths=(16, 8, 4)).fitted(Shape(1, 28)).widths == (16, 8, 4)
    with pytest.raises(UserError, match="resolution 30"):
        ResidualGenerator().fitted(Shape(1, 30))
