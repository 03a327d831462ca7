"""What every generator and every branch of the catalogue promises, whatever its architecture."""

from copy import deepcopy
from typing import get_args

import pytest
import torch
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import BranchConfig, CriticConfig, GeneratorConfig
from visavis.networks.growth import set_progress

SMALL = {
    "siamese": {"widths": (8, 8)},
    "residual": {"widths": (8, 8, 8)},
    "mlp": {"widths": (12, 10)},
    "dcgan": {"width": 6, "widest": 8},
    "upsampling": {"widths": (8, 8, 6, 6, 6)},
    "strided": {"widths": (6, 8)},
    "sn-resnet": {"width": 8, "attention": 8},
    "r3gan": {"width": 16, "blocks": 1},
    "progan": {"width": 6, "widest": 8, "stage_images": 10, "fade_images": 10},
    "stylegan2": {"width": 6, "widest": 8},
    "biggan": {"width": 8, "attention": 8},
    "projected": {"width": 6, "features": 6},
    "ensemble": {"member": {"kind": "dcgan", "z_dim": 6, "width": 6, "widest": 8}, "members": 2},
}
"""Settings with which a kind is small; some networks take 16×16 images only with them."""
SHAPE = Shape(3, 16)
PROGRESS = (0, 15, 25, 35, 10**9)
"""Images seen at which a growing network of three stages uses every part of itself."""
CLASSES = 3


def members(union: object) -> dict[str, type]:
    found = {each.model_fields["kind"].default: each for each in get_args(get_args(union)[0])}
    assert found.keys() <= SMALL.keys(), "a new kind: say how it is made small"
    return found


GENERATORS, BRANCHES = members(GeneratorConfig), members(BranchConfig)
CONDITIONAL = [
    (kind, way)
    for kind, config in GENERATORS.items()
    if kind != "siamese"
    for way in (
        get_args(config.model_fields["conditioning"].annotation)
        if "conditioning" in config.model_fields
        else ("own",)
    )
]


def generator(kind: str, classes: int = 0, **more: object) -> torch.nn.Module:
    torch.manual_seed(0)
    own = {} if kind == "ensemble" else {"z_dim": 6}  # its members'
    net = GENERATORS[kind](**own, **SMALL[kind], **more).build(SHAPE, classes)
    set_progress(net, 10**9)
    return net


def moved(net: torch.nn.Module) -> torch.nn.Module:
    """The network with every number shifted, so that nothing that starts at 0 hides."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_makes_images_and_trains_all_its_parameters(kind: str) -> None:
    net = moved(generator(kind)).train()
    for images in PROGRESS:
        set_progress(net, images)
        x = net(torch.randn(5, net.z_dim))
        assert x.shape == (5, *SHAPE[:1], 16, 16) and x.dtype == torch.float32
        (x * torch.randn_like(x)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", GENERATORS)
def test_after_training_no_image_depends_on_its_batch_or_on_a_draw(kind: str) -> None:
    net = moved(generator(kind)).train()
    for _ in range(3):
        net(torch.randn(8, net.z_dim))
    net.eval()
    z = torch.randn(4, net.z_dim)
    with torch.no_grad():
        x = net(z)
        assert torch.equal(net(z), x)
        assert_close(net(z[1:3]), x[1:3], rtol=1e-4, atol=1e-5)
        assert (x[0] - x[1]).abs().max() > 1e-3


@pytest.mark.parametrize(("kind", "way"), CONDITIONAL)
def test_a_conditional_generator_obeys_the_label_and_needs_it(kind: str, way: str) -> None:
    more = {} if way == "own" else {"conditioning": way}
    net = moved(generator(kind, CLASSES, **more)).eval()
    z = torch.randn(1, net.z_dim).expand(2, -1)
    with torch.no_grad():
        one, other = net(z, torch.tensor([0, 2]))
        assert (one - other).abs().max() > 1e-4
        with pytest.raises(UserError, match="needs labels"):
            net(z)


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_copy_and_a_reloaded_state_make_the_same_images(kind: str) -> None:
    net = moved(generator(kind)).train()
    net(torch.randn(8, net.z_dim))
    net.eval().requires_grad_(False)
    again = generator(kind).eval()
    again.load_state_dict(net.state_dict())
    z = torch.randn(2, net.z_dim)
    expected = net(z)
    assert torch.equal(deepcopy(net)(z), expected)
    assert torch.equal(again(z), expected)


@pytest.mark.parametrize("head", ["single", "difference", "distance", "cosine", "concat"])
@pytest.mark.parametrize("kind", BRANCHES)
def test_every_branch_goes_with_every_head(kind: str, head: str) -> None:
    torch.manual_seed(0)
    critic = CriticConfig(branch=BRANCHES[kind](**SMALL[kind]), head=head).build(SHAPE, 0)
    set_progress(critic, 10**9)
    a, b = torch.randn(2, 4, 3, 16, 16)
    features = critic.features(a)
    assert features.shape[0] == 4 and features.dim() == 2
    moved(critic)
    for images in PROGRESS:
        set_progress(critic, images)
        scores = critic(a, b)
        assert scores.shape == (4,) and scores.dtype == torch.float32
        scores.square().sum().backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("kind", BRANCHES)
def test_the_gradient_penalty_reaches_every_weight_of_a_branch(kind: str) -> None:
    torch.manual_seed(0)
    critic = CriticConfig(branch=BRANCHES[kind](**SMALL[kind]), head="single").build(SHAPE, 0)
    moved(critic)
    for images in PROGRESS:
        set_progress(critic, images)
        x = torch.randn(4, 3, 16, 16, requires_grad=True)
        (gradient,) = torch.autograd.grad(critic.embed(x).sum(), x, create_graph=True)
        gradient.square().sum().backward()
    for name, parameter in critic.named_parameters():
        assert name.endswith("bias") or (parameter.grad is not None and parameter.grad.isfinite().all()), name
