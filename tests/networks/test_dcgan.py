"""DCGAN: the layers of S7's listing, and what follows from the resolution."""

import pytest
import torch
from torch import nn

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import DCGANBranch, DCGANGenerator, parameters
from visavis.networks.layers import BatchNorm2d
from visavis.networks.norms import SpectralConv2d


def test_at_64_it_is_s7s_listing_to_the_parameter() -> None:
    with torch.device("meta"):
        generator = DCGANGenerator(widest=512).build(Shape(3, 64), 0)
        branch, features = DCGANBranch(widest=512).build(Shape(3, 64), 0)
    transposed = [(100, 512), (512, 256), (256, 128), (128, 64)]
    expected = sum(16 * a * b + 2 * b for a, b in transposed) + 16 * 64 * 3
    assert parameters(generator) == expected == 3_576_704
    last = nn.Conv2d(512, 1, 4, 1, 0, bias=False).weight.numel()  # the head's linear map
    assert features == last
    halvings = 16 * 3 * 64 + sum(16 * a * b + 2 * b for a, b in [(64, 128), (128, 256), (256, 512)])
    assert parameters(branch) == halvings
    assert halvings + last == 2_765_568
    assert not any(
        isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and m.bias is not None
        for net in (generator, branch)
        for m in net.modules()
    )


@pytest.mark.parametrize(
    ("resolution", "base", "widths"),
    [
        (8, 4, (64,)),
        (28, 7, (128, 64)),
        (32, 4, (256, 128, 64)),
        (64, 4, (512, 256, 128, 64)),
        (128, 4, (1024, 512, 256, 128, 64)),
    ],
)
def test_stages_follow_from_the_resolution(resolution: int, base: int, widths: tuple[int, ...]) -> None:
    assert DCGANGenerator().stages(Shape(1, resolution)) == (base, widths)
    with torch.device("meta"):
        net = DCGANGenerator().build(Shape(1, resolution), 0).eval()
        assert net(torch.zeros(2, 100)).shape == (2, 1, resolution, resolution)


def test_s5s_four_doublings_start_at_two_pixels() -> None:
    assert DCGANGenerator(base=2).stages(Shape(3, 32)) == (2, (512, 256, 128, 64))


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_further_convolutions_stand_at_the_coarsest_stage(norm: str) -> None:
    branch, features = DCGANBranch.model_validate({"width": 4, "widest": 8, "coarse": 2, "norm": norm}).build(
        Shape(1, 28), 0
    )
    convs = [m for m in branch.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.kernel_size[0], m.out_channels) for m in convs] == [(4, 4), (4, 8), (3, 8), (3, 8)]
    assert branch(torch.zeros(2, 1, 28, 28)).shape == (2, features) == (2, 8 * 7 * 7)
    normed = [m for m in branch.modules() if isinstance(m, BatchNorm2d)]
    assert len(normed) == (3 if norm == "batch" else 0)  # after all but the first
    generator = DCGANGenerator(width=4, widest=8, coarse=2, z_dim=5).build(Shape(1, 28), 0)
    plain = DCGANGenerator(width=4, widest=8, z_dim=5).build(Shape(1, 28), 0)
    assert parameters(generator) - parameters(plain) == 2 * (9 * 8 * 8 + 2 * 8)
    assert generator(torch.zeros(2, 5)).shape == (2, 1, 28, 28)


def test_it_starts_as_the_paper_says() -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(width=32).build(Shape(3, 32), 0)
    for module in generator.modules():
        if isinstance(module, nn.ConvTranspose2d | nn.Linear):
            assert abs(module.weight.std() - 0.02) < 0.002
        elif isinstance(module, BatchNorm2d):
            assert abs(module.weight.mean() - 1) < 0.02


def test_spectral_branches_have_no_batch_normalisation() -> None:
    branch, _ = DCGANBranch(width=4, norm="spectral").build(Shape(3, 16), 0)
    assert sum(isinstance(m, SpectralConv2d) for m in branch.modules()) == 2
    assert not any(isinstance(m, BatchNorm2d) for m in branch.modules())


def test_resolutions_without_a_stage_and_bases_that_do_not_reach_are_refused() -> None:
    with pytest.raises(UserError, match="resolution 4 leaves"):
        DCGANGenerator().build(Shape(3, 4), 0)
    with pytest.raises(UserError, match="resolution 32 is no doubling of the base 3"):
        DCGANBranch(base=3).build(Shape(3, 32), 0)
