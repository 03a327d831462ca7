"""Losses on pairs against hand-worked values."""

from math import exp, log

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.testing import assert_close

from visavis.losses.pairwise import PAIR_LOSSES, bce, hinge, infonce, margin, relativistic, wasserstein

UP = torch.tensor([[2.0, 0.0], [-1.0, 1.0]])  # means 1 and 0
DOWN = torch.tensor([[-1.0], [3.0]])


def softplus(x: float) -> float:
    return log(1 + exp(x))


@pytest.mark.parametrize(
    ("loss", "both", "up", "down"),
    [
        (
            bce,
            (softplus(-2) + softplus(0) + softplus(1) + softplus(-1)) / 4 + (softplus(-1) + softplus(3)) / 2,
            (softplus(-2) + softplus(0) + softplus(1) + softplus(-1)) / 4,
            (softplus(-1) + softplus(3)) / 2,
        ),
        (
            relativistic,
            (softplus(-2) + softplus(3)) / 2,
            (softplus(-2) + softplus(0) + softplus(1) + softplus(-1)) / 4,
            (softplus(-1) + softplus(3)) / 2,
        ),
        (hinge, (0 + 1 + 2 + 0) / 4 + (0 + 4) / 2, (0 + 1 + 2 + 0) / 4, (0 + 4) / 2),
        (margin, (0 + 4) / 2, (0 + 1 + 2 + 0) / 4, (0 + 4) / 2),
        (wasserstein, -(2 - 3) / 2, -(2 + 0 - 1 + 1) / 4, (-1 + 3) / 2),
        (
            infonce,
            (log(1 + exp(-2)) + log(1 + exp(3))) / 2,
            (log(1 + exp(-2) + 1) + log(1 + exp(1) + exp(-1))) / 2,
            (log(1 + exp(-1)) + log(1 + exp(3))) / 2,
        ),
    ],
)
def test_hand_worked_values_with_both_sides_and_either(loss, both: float, up: float, down: float) -> None:
    assert_close(loss(UP, DOWN), torch.tensor(both))
    assert_close(loss(UP, None), torch.tensor(up))
    assert_close(loss(None, DOWN), torch.tensor(down))


@pytest.mark.parametrize("loss", PAIR_LOSSES.values(), ids=PAIR_LOSSES)
def test_gradients_raise_up_and_lower_down(loss) -> None:
    up, down = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 4, requires_grad=True)
    loss(up, down).backward()
    assert up.grad is not None and (up.grad < 0).all()
    assert down.grad is not None and (down.grad > 0).all()


def test_smoothed_bce_is_torchs_with_targets_nine_and_one_tenth() -> None:
    expected_up = binary_cross_entropy_with_logits(UP, torch.full_like(UP, 0.9))
    expected_down = binary_cross_entropy_with_logits(DOWN, torch.full_like(DOWN, 0.1))
    assert_close(bce(UP, None, 0.1), expected_up)
    assert_close(bce(None, DOWN, 0.1), expected_down)
    assert_close(bce(UP, DOWN, 0.1), expected_up + expected_down)


def test_infonce_with_one_partner_is_relativistic() -> None:
    up, down = torch.randn(5, 3), torch.randn(5, 1)
    assert_close(infonce(up, down), relativistic(up, down))
    assert_close(infonce(up[:, :1], None), relativistic(up[:, :1], None))


def test_infonce_counts_every_partner() -> None:
    """With K equal scores on both sides it is log(1 + K)."""
    assert_close(infonce(torch.zeros(2, 1), torch.zeros(2, 7)), torch.tensor(log(8)))


def test_far_scores_stay_finite() -> None:
    far = torch.tensor([[1e4], [-1e4]])
    for loss in PAIR_LOSSES.values():
        assert loss(far, -far).isfinite() and loss(-far, far).isfinite()
