"""The critic on frozen features: what learns, what does not, and that gradients reach the image."""

import copy

import pytest
import torch

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import CriticConfig, ProjectedBranch
from visavis.networks.perceptual import load_feature_maps


@pytest.fixture
def critic() -> torch.nn.Module:
    torch.manual_seed(0)
    branch = ProjectedBranch(width=8, features=12)
    return CriticConfig(branch=branch, head="difference").build(Shape(3, 32), 0)


def test_only_its_readers_and_its_head_learn_whoever_asks(critic: torch.nn.Module) -> None:
    critic.requires_grad_(False).requires_grad_(True)
    names = {name.split(".")[1] for name, _ in critic.named_parameters() if name.startswith("branch")}
    assert names == {"readers"}
    state = critic.state_dict()
    assert not any("maps" in name for name in state)  # they are loaded again, and so not in snapshots
    assert any("mix" in name for name in state)


def test_the_maps_are_those_of_the_trained_network_in_training_too(critic: torch.nn.Module) -> None:
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    wanted = load_feature_maps("cifar10r")(x)
    critic.train()
    for _ in range(2):
        found = critic.branch.maps(x)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    twin = copy.deepcopy(critic).train()
    assert torch.equal(twin.branch.maps(x)[-1], wanted[-1])


def test_gradients_reach_the_image_twice(critic: torch.nn.Module) -> None:
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (slope,) = torch.autograd.grad(critic.embed(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    weights = critic.branch.readers[0].first.weight
    assert x.grad is not None and x.grad.abs().max() > 0 and weights.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("fields", "shape", "told"),
    [
        ({}, Shape(1, 32), "features cifar10r see 3 channels, the images have 1"),
        ({"features": 10}, Shape(3, 32), "are not shared by 3 scales"),
        ({"scales": 5, "features": 10}, Shape(3, 32), "scales 5 (allowed: 1 to 4"),
    ],
)
def test_what_does_not_fit_is_told(fields: dict[str, int], shape: Shape, told: str) -> None:
    with pytest.raises(UserError) as error:
        ProjectedBranch(**fields).build(shape, 0)
    assert told in str(error.value)
