"""An ensemble: z tells the member, all work equally often, a member learns from its own images only."""

import pytest
import torch
from torch.testing import assert_close

from visavis.core import Shape
from visavis.networks import EnsembleGenerator, MLPGenerator, build, parameters
from visavis.networks.ensemble import Ensemble

MEMBER = MLPGenerator(z_dim=3, widths=(8,), norm="none")


def made(members: int, classes: int = 0) -> Ensemble:
    torch.manual_seed(0)
    net = EnsembleGenerator(member=MEMBER, members=members).build(Shape(1, 4), classes)
    assert isinstance(net, Ensemble)
    return net


def test_one_member_is_the_member() -> None:
    net, z = made(1), torch.randn(5, 3)
    assert_close(net(z), net.members[0](z), rtol=0, atol=0)


def test_the_quartiles_of_the_normal_distribution_part_the_work() -> None:
    net = made(4)
    z = torch.zeros(6, 3)
    z[:, 0] = torch.tensor([-40.0, -0.6746, -0.6744, 0.6744, 0.6746, 40.0])  # quartiles: ±0.67449
    assert net.member(z).tolist() == [0, 0, 1, 2, 3, 3]
    shares = torch.bincount(net.member(torch.randn(40_000, 3))) / 40_000
    assert_close(shares, torch.full((4,), 0.25), rtol=0, atol=0.01)


@pytest.mark.parametrize("classes", [0, 2])
def test_an_image_is_its_members_and_teaches_it_alone(classes: int) -> None:
    net, z = made(3, classes), torch.randn(6, 3)
    labels = torch.arange(6) % 2 if classes else None
    x, who = net(z, labels), net.member(z)
    for i, k in enumerate(who.tolist()):
        assert_close(x[i], net.members[k](z, labels)[i])
    x[who == 1].square().sum().backward()
    moved = [sum(float(p.grad.abs().sum()) for p in each.parameters()) > 0 for each in net.members]
    assert moved == [False, True, False]


def test_members_are_begun_apart_and_counted() -> None:
    net = made(3)
    assert parameters(net) == 3 * parameters(MEMBER.build(Shape(1, 4), 0))
    weights = [next(each.parameters()) for each in net.members]
    assert not torch.equal(weights[0], weights[1])


def test_it_comes_back_from_its_json() -> None:
    config = EnsembleGenerator(member=MEMBER, members=2).model_dump(mode="json")
    net = build({"G": config}, Shape(1, 4), 0)["G"]
    assert net(torch.zeros(1, 3)).shape == (1, 1, 4, 4)
