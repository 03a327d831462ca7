"""Drifting: hand-worked fields, the signs of exchange, the loss's slope, and that it leads to the data."""

import math

import pytest
import torch
from small_game import make_batch, make_nets
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Images, Shape
from visavis.losses.drifting import affinities, field
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


@pytest.mark.parametrize("classes", [0, 2])
def test_the_losses_slope_is_the_field(classes: int) -> None:
    game, batch = Drifting(), make_batch(classes=classes)
    fake = Images((torch.rand_like(batch.x) * 2 - 1).requires_grad_(), batch.y)
    x = fake.x.flatten(1)
    drift = game.drift(x.detach(), fake, batch)
    (x - (x + drift).detach()).square().mean().backward()
    assert_close(fake.x.grad.flatten(1), -2 * drift / drift.numel())
    loss, scalars = game.loss(make_nets(classes=classes), batch, 0)
    assert loss.isfinite() and scalars["drift/length"] > 0


def test_images_of_another_class_do_not_count() -> None:
    game, x = Drifting(), torch.rand(4, 1, 2, 2)
    labels = torch.tensor([0, 0, 1, 1])
    fake, real = Images(x, labels), Images(torch.rand(4, 1, 2, 2), labels)
    before = game.drift(x.flatten(1), fake, real)
    moved = real.x.clone()
    moved[2:] = moved[2:].flip(0)  # class 1 in another order: the same set, for class 0 nothing
    assert_close(game.drift(x.flatten(1), fake, Images(moved, labels)), before)
    alone = Images(x, torch.tensor([0, 1, 2, 3]))
    assert game.drift(x.flatten(1), alone, real).abs().max() == 0  # none of its like, so none to compare


def test_a_small_generator_finds_two_kinds_of_pictures() -> None:
    torch.manual_seed(0)
    kinds = torch.stack([torch.full((1, 2, 2), -0.6), torch.full((1, 2, 2), 0.6)])
    g, game = MLPGenerator(z_dim=2, widths=(16,), norm="none").build(Shape(1, 2), 0), Drifting()
    adam = torch.optim.Adam(g.parameters(), 1e-2)
    for _ in range(500):
        loss, _ = game.loss({"G": g}, Images(kinds.repeat(32, 1, 1, 1)), 0)
        adam.zero_grad()
        loss.backward()
        adam.step()
    made = g(torch.randn(500, 2)).mean((1, 2, 3))
    assert ((made.abs() - 0.6).abs() < 0.2).float().mean() > 0.7
    assert 0.3 < (made > 0).float().mean() < 0.7
