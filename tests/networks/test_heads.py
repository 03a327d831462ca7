"""Heads of a pair critic: what each promises of a pair of features."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import CriticConfig, ResidualBranch
from visavis.networks.heads import HEADS, Concat, Cosine, Difference, Distance, Head, Single

F = 6


def score(head: Head, a: Tensor, b: Tensor, labels: Tensor | None = None) -> Tensor:
    return head.score(head.embed(a, labels), head.embed(b, labels))


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(7, F), torch.randn(7, F)


def test_difference_is_antisymmetric_zero_with_itself_and_w_times_the_difference(pair) -> None:
    a, b = pair
    head = Difference(F)
    assert_close(score(head, a, b), (a - b) @ head.weight)
    assert_close(score(head, a, b), -score(head, b, a), rtol=0, atol=0)
    assert torch.equal(score(head, a, a), torch.zeros(7))


def test_conditional_difference_adds_the_classs_weights(pair) -> None:
    a, b = pair
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 2])
    head = Difference(F, classes=3)
    assert head.classes is not None
    w = head.weight + head.classes.weight[labels]
    assert_close(score(head, a, b, labels), ((a - b) * w).sum(1))
    with pytest.raises(UserError, match="labels"):
        head.embed(a)


@pytest.mark.parametrize("make", [Distance, Cosine])
def test_distance_and_cosine_are_symmetric_and_highest_with_itself(make, pair) -> None:
    a, b = pair
    head = make(F)
    assert_close(score(head, a, b), score(head, b, a), rtol=0, atol=0)
    assert (score(head, a, a) > score(head, a, b)).all()


def test_distance_and_cosine_values() -> None:
    a, b = torch.tensor([[3.0, 0, 0, 0]]), torch.tensor([[0.0, 4, 0, 0]])
    distance, cosine = Distance(4), Cosine(4)
    with torch.no_grad():
        distance.bias.fill_(0.25)
        cosine.bias.fill_(0.25)
    assert_close(score(distance, a, b), torch.tensor([0.25 - 0.5 * 5]))
    assert_close(score(cosine, a, b), torch.tensor([0.25]))
    assert_close(score(cosine, a, 7 * a), torch.tensor([5.25]))
    assert_close(score(cosine, a, -a), torch.tensor([-4.75]))


def test_gradients_are_finite_where_both_members_are_one_image_or_nothing() -> None:
    for make in (Distance, Cosine):
        x = torch.zeros(3, F, requires_grad=True)
        score(make(F), x, x).sum().backward()
        assert x.grad is not None and x.grad.isfinite().all()


def test_single_ignores_the_first_member(pair) -> None:
    a, b = pair
    head = Single(F)
    with torch.no_grad():
        head.bias.fill_(0.5)
    assert_close(score(head, a, b), b @ head.weight + 0.5)
    assert torch.equal(score(head, a, b), score(head, -a, b))
    embedded = head.embed(b)
    assert head.score(head.embed(a)[:, None], embedded[None]).shape == (7, 7)
    assert_close(head.score(head.embed(a)[:, None], embedded[None]), embedded.expand(7, 7))


def test_concat_equals_a_plain_mlp_on_the_concatenation_and_ignores_neither(pair) -> None:
    a, b = pair
    a.requires_grad_(), b.requires_grad_()
    head = Concat(F, hidden=(8, 5), slope=0.2)
    plain = nn.Sequential(
        nn.Linear(2 * F, 8), nn.LeakyReLU(0.2), nn.Linear(8, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1)
    )
    with torch.no_grad():
        for ours, theirs in zip(plain.parameters(), head.parameters(), strict=True):
            ours.copy_(theirs)
    expected = plain(torch.cat([a, b], 1)).squeeze(1)
    found = score(head, a, b)
    assert_close(found, expected)
    ours = torch.autograd.grad(found.square().sum(), [*head.parameters(), a, b])
    theirs = torch.autograd.grad(expected.square().sum(), [*plain.parameters(), a, b])
    assert_close(ours, theirs)
    assert all(g.abs().sum() > 0 for g in ours[-2:])


def test_concat_dropout_follows_each_hidden_layer_and_only_in_training(pair) -> None:
    a, b = pair
    head = Concat(F, hidden=(64,), dropout=0.5)
    assert not torch.equal(score(head, a, b), score(head, a, b))
    head.eval()
    assert torch.equal(score(head, a, b), score(head, a, b))


def test_random_order_swaps_some_pairs_in_training_and_none_afterwards() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(200, F), torch.randn(200, F)
    plain, swapping = Concat(F), Concat(F, random_order=True)
    swapping.load_state_dict(plain.state_dict())
    straight, swapped, mixed = score(plain, a, b), score(plain, b, a), score(swapping, a, b)
    is_straight = torch.isclose(mixed, straight, atol=1e-6)
    is_swapped = torch.isclose(mixed, swapped, atol=1e-6)
    assert (is_straight | is_swapped).all()
    assert 60 < is_swapped.sum() < 140
    swapping.eval()
    assert_close(score(swapping, a, b), straight)


@pytest.mark.parametrize("name", HEADS)
def test_embeddings_broadcast_to_all_pairs(name: str, pair) -> None:
    a, b = pair
    head = HEADS[name](F).eval()
    both = head.embed(a), head.embed(b)
    grid = head.score(both[0][:, None], both[1][None])
    assert grid.shape == (7, 7)
    assert_close(grid.diagonal(), head.score(*both))
    assert_close(grid[2, 5], score(head, a[2:3], b[5:6])[0])


def test_only_difference_and_single_critics_can_be_conditional() -> None:
    shape, branch = Shape(3, 8), ResidualBranch(widths=(4, 4), features=F)
    for name, head in HEADS.items():
        config = CriticConfig(branch=branch, head=name)
        if head.conditional:
            critic = config.build(shape, 3)
            assert critic(torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8), torch.tensor([0, 2])).shape == (
                2,
            )
        else:
            with pytest.raises(UserError, match=f"{name} head cannot be conditional"):
                config.build(shape, 3)


def test_scores_of_similar_images_keep_full_precision_under_bf16() -> None:
    head = Difference(F)
    a, b = torch.randn(50, F).add(30).bfloat16(), torch.randn(50, F).add(30).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = score(head, a, b)
    assert_close(found, (a.float() - b.float()) @ head.weight, rtol=1e-4, atol=1e-4)
