"""Losses of an ordinary discriminator against hand-worked values."""

from math import exp, log

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.testing import assert_close

from visavis.losses.adversarial import ADVERSARIAL_LOSSES, TARGETED

REAL, FAKE = torch.tensor([2.0, -0.5]), torch.tensor([-3.0, 1.0])


def softplus(x: float) -> float:
    return log(1 + exp(x))


LOGISTIC = (softplus(-2) + softplus(0.5)) / 2 + (softplus(-3) + softplus(1)) / 2


@pytest.mark.parametrize(
    ("name", "d", "g"),
    [
        ("nonsaturating", LOGISTIC, (softplus(3) + softplus(-1)) / 2),
        ("minimax", LOGISTIC, -(softplus(-3) + softplus(1)) / 2),
        ("hinge", (0 + 1.5) / 2 + (0 + 2) / 2, 1.0),
        ("wasserstein", -1.0 - 0.75, 1.0),
        ("least-squares", ((1 + 2.25) / 2 + (9 + 1) / 2) / 2, (16 + 0) / 2 / 2),
    ],
)
def test_hand_worked_values(name: str, d: float, g: float) -> None:
    loss = ADVERSARIAL_LOSSES[name]
    assert_close(loss.d(REAL, FAKE), torch.tensor(d))
    assert_close(loss.g(FAKE), torch.tensor(g))


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_d_raises_real_and_lowers_fake_and_g_raises_fake(name: str) -> None:
    loss = ADVERSARIAL_LOSSES[name]
    real, fake = torch.full((3,), 0.5, requires_grad=True), torch.full((3,), 0.5, requires_grad=True)
    on_real, on_fake = torch.autograd.grad(loss.d(real, fake), (real, fake))
    assert (on_real < 0).all() and (on_fake > 0).all()
    (for_g,) = torch.autograd.grad(loss.g(fake), fake)
    assert (for_g < 0).all()


def test_smoothed_targets_are_the_cross_entropy_with_them() -> None:
    found = TARGETED["nonsaturating"](REAL, FAKE, 0.9, 0.1)
    real = binary_cross_entropy_with_logits(REAL, torch.full((2,), 0.9))
    fake = binary_cross_entropy_with_logits(FAKE, torch.full((2,), 0.1))
    assert_close(found, real + fake)
    assert_close(TARGETED["least-squares"](REAL, FAKE, 0.9, 0.1), torch.tensor((3.17 / 2 + 10.42 / 2) / 2))


@pytest.mark.parametrize("name", TARGETED)
def test_targets_one_and_zero_are_the_plain_loss(name: str) -> None:
    assert_close(TARGETED[name](REAL, FAKE, 1.0, 0.0), ADVERSARIAL_LOSSES[name].d(REAL, FAKE))
