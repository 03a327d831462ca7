"""Drifting: hand-worked fields, the signs of exchange, the loss's slope, and that it leads to the data."""

import math

import pytest
import torch
from small_game import make_batch, make_nets
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Images, Shape
from visavis.errors import UserError
from visavis.judge.made import trained_in
from visavis.losses.drifting import affinities, field, plan
from visavis.networks import MLPGenerator
from visavis.objectives import Drifting


def everyone(x: Tensor, others: Tensor) -> Tensor:
    return torch.ones(len(x), len(others), dtype=torch.bool)


def plain(x: Tensor, real: Tensor, made: Tensor, temperature: float = 1.0) -> Tensor:
    return field(x, real, made, temperature, everyone(x, real), everyone(x, made))


def test_affinities_by_hand_and_of_nobody() -> None:
    distances = torch.tensor([[0.0, math.log(3)], [math.log(3), 0.0], [1.0, 1.0]])
    allowed = torch.tensor([[True, True], [True, False], [False, False]])
    root = math.sqrt(0.75 * 0.75), math.sqrt(0.25 * 1), math.sqrt(1 * 0.25)
    expected = torch.tensor([[root[0], root[1]], [root[2], 0.0], [0.0, 0.0]])
    assert_close(affinities(distances, allowed, 1.0), expected)


def test_field_by_hand() -> None:
    x, real, made = torch.tensor([[0.0]]), torch.tensor([[3.0]]), torch.tensor([[-1.0]])
    a, b = 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))  # distances 3 and 1, their mean 2, temperature 0.5
    assert_close(plain(x, real, made, 0.5), torch.tensor([[math.sqrt(a * b) * (3 + 1)]]))


def test_no_field_at_the_data_and_opposite_fields_of_exchanged_sets() -> None:
    torch.manual_seed(0)
    x, a = torch.randn(5, 3), torch.randn(7, 3)
    assert_close(plain(x, a, a), torch.zeros(5, 3))
    b = torch.randn(4, 3)
    assert_close(plain(x, a, b), -plain(x, b, a))


def test_who_has_no_partner_stays() -> None:
    x, real = torch.zeros(2, 1), torch.ones(2, 1)
    to_real, to_made = torch.eye(2).bool(), torch.tensor([[False, False], [True, False]])
    v = field(x, real, x, 1.0, to_real, to_made)
    assert v[0] == 0 and v[1] > 0


@pytest.mark.parametrize("coupling", ["softmax", "sinkhorn"])
@pytest.mark.parametrize("classes", [0, 2])
def test_the_losses_slope_is_the_field(classes: int, coupling: str) -> None:
    game, batch = Drifting(coupling=coupling), make_batch(classes=classes)
    fake = (torch.rand_like(batch.x) * 2 - 1).requires_grad_()
    x = fake.flatten(1)
    drift = game.drift(x.detach(), batch.x.flatten(1), batch.y, batch.y)
    (x - (x + drift).detach()).square().mean().backward()
    assert_close(fake.grad.flatten(1), -2 * drift / drift.numel())
    loss, scalars = game.loss(make_nets(classes=classes), batch, 0)
    assert loss.isfinite() and scalars["drift/length"] > 0


@pytest.mark.parametrize("coupling", ["softmax", "sinkhorn"])
def test_images_of_another_class_do_not_count(coupling: str) -> None:
    game, x, to = Drifting(coupling=coupling), torch.rand(4, 4), torch.rand(4, 4)
    labels = torch.tensor([0, 0, 1, 1])
    before = game.drift(x, to, labels, labels)
    moved = to.clone()
    moved[2:] = moved[2:].flip(0)  # class 1 in another order: the same set, for class 0 nothing
    assert_close(game.drift(x, moved, labels, labels), before)
    moved[2:] += 1
    after = game.drift(x, moved, labels, labels)
    assert (after[:2] * before[:2]).sum() > 0 and not torch.equal(after[2:], before[2:])


def test_an_image_that_is_alone_in_its_class_is_pushed_by_no_other() -> None:
    x, to, labels = torch.rand(4, 4), torch.rand(4, 4), torch.arange(4)
    assert Drifting().drift(x, to, labels, labels).abs().max() == 0  # none of its like, so none to compare
    assert_close(Drifting(coupling="sinkhorn", temperatures=(1.0,)).drift(x, to, labels, labels), to - x)


def test_a_plan_by_hand_and_its_sums() -> None:
    far = math.log(3)
    allowed = torch.ones(2, 2, dtype=torch.bool)
    even = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    assert_close(plan(torch.tensor([[0.0, far], [far, 0.0]]), allowed, 1.0), even)
    assert_close(plan(torch.tensor([[5.0, 5 + far], [far + 7, 7.0]]), allowed, 1.0), even)  # f takes 5 and 7
    torch.manual_seed(0)
    allowed = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]).bool()
    made = plan(torch.rand(4, 5), allowed, 0.5)
    assert_close(made.sum(1), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    assert_close(made.sum(0), torch.tensor([2 / 3, 2 / 3, 2 / 3, 0.5, 0.5]), atol=1e-4, rtol=0)
    assert (made[~allowed] == 0).all()


def test_the_sinkhorn_field_by_hand() -> None:
    """One real image: all go there; two made ones, coupled with themselves."""
    x, real = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0]])
    scale = 0.5 * (1 + 1 + 0 + 2 + 2 + 0) / 6
    other = 1 / (1 + math.exp(2 / scale))  # what each gives to the other made one
    wanted = torch.tensor([[1 - 2 * other], [1 - 2 * (1 - other)]])
    v = field(x, real, x, 0.5, everyone(x, real), everyone(x, x), "sinkhorn")
    assert_close(v, wanted)
    same = field(real, real, real, 0.5, everyone(real, real), everyone(real, real), "sinkhorn")
    assert same.abs().max() == 0


@pytest.mark.parametrize("features", ["pixels", "digitsr"])
def test_no_field_where_the_images_are_the_real_ones(features: str) -> None:
    """With the plans, whose self-coupling holds the image itself; and only there."""
    game, x = Drifting(features=features, coupling="sinkhorn"), torch.rand(6, 1, 8, 8)
    for seen in game.seen(game.state(), x):
        assert_close(game.drift(seen, seen.flip(0), None, None), torch.zeros_like(seen), atol=1e-4, rtol=0)
        assert game.drift(seen, seen + 1, None, None).norm(dim=1).min() > 0.1


def test_features_teach_g_alone_and_stand_among_what_was_trained_in() -> None:
    game = Drifting(features="digitsr", coupling="sinkhorn")
    g = MLPGenerator(z_dim=2, widths=(16,), norm="none").build(Shape(1, 8), 0)
    nets = {"G": g, **game.state()}
    x = torch.rand(8, 1, 8, 8, requires_grad=True)
    loss, scalars = game.loss(nets, Images(x), 0)
    loss.backward()
    assert loss > 0 and scalars["drift/length"] > 0 and x.grad is None
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in g.parameters())
    assert all(p.grad is None and not p.requires_grad for p in nets["features"].parameters())
    assert trained_in({"objective": game.model_dump()}) == {"digitsr"}
    assert trained_in({"objective": Drifting().model_dump()}) == set()


def test_a_maps_share_of_the_loss_does_not_depend_on_its_scale() -> None:
    game, to = Drifting(features="digitsr"), torch.rand(5, 3)
    assert_close(game.unit(10 * to), 100 * game.unit(to))
    assert Drifting().unit(to) == 1


def test_features_of_other_channels_are_refused_with_the_mend() -> None:
    game = Drifting(features="digitsr")
    with pytest.raises(UserError, match=r"digitsr, which see 1; give other --objective.features, or pixels"):
        game.seen(game.state(), torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize("coupling", ["softmax", "sinkhorn"])
def test_a_small_generator_finds_two_kinds_of_pictures(coupling: str) -> None:
    torch.manual_seed(0)
    kinds = torch.stack([torch.full((1, 2, 2), -0.6), torch.full((1, 2, 2), 0.6)])
    g = MLPGenerator(z_dim=2, widths=(16,), norm="none").build(Shape(1, 2), 0)
    game, adam = Drifting(coupling=coupling), torch.optim.Adam(g.parameters(), 1e-2)
    for _ in range(400):
        loss, _ = game.loss({"G": g}, Images(kinds.repeat(16, 1, 1, 1)), 0)
        adam.zero_grad()
        loss.backward()
        adam.step()
    made = g(torch.randn(500, 2)).mean((1, 2, 3))
    assert ((made.abs() - 0.6).abs() < 0.2).float().mean() > 0.7
    assert 0.3 < (made > 0).float().mean() < 0.7
