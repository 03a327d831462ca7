"""Gradient penalties against closed forms."""

import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.losses.penalties import (
    finite_squares,
    interpolated,
    one_centred,
    path_lengths,
    squared_gradients,
)

SHAPE = (2, 3, 4)  # channels, height, width: all different, so that a norm over the wrong ones is seen


def images(n: int = 5) -> Tensor:
    return torch.randn(n, *SHAPE, dtype=torch.float64, requires_grad=True)


def test_a_linear_critic_has_the_squared_norm_of_its_weights_over_all_values() -> None:
    w, x = torch.randn(SHAPE, dtype=torch.float64), images()
    (found,) = squared_gradients((x * w).sum(dim=(1, 2, 3)), x)
    assert_close(found, w.square().sum().expand(5))


def test_a_quadratic_critic_has_four_times_each_images_squared_norm() -> None:
    x = images()
    (found,) = squared_gradients(x.square().sum(dim=(1, 2, 3)), x)
    assert_close(found, 4 * x.detach().square().sum(dim=(1, 2, 3)))


def test_one_call_serves_real_and_fake_images_each_by_itself() -> None:
    w, v, real, fake = torch.randn(SHAPE).double(), torch.randn(SHAPE).double(), images(), images()
    scores = (real * w).sum(dim=(1, 2, 3)) - 3 * (fake * v).sum(dim=(1, 2, 3))
    r1, r2 = squared_gradients(scores, real, fake)
    assert_close(r1, w.square().sum().expand(5))
    assert_close(r2, 9 * v.square().sum().expand(5))


def test_it_can_be_differentiated_again() -> None:
    """For scores c·|x|⁴/4 the penalty is c²|x|⁶, whose gradients are 2c|x|⁶ and 6c²|x|⁴x."""
    c = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x = images(3)
    squares = x.square().sum(dim=(1, 2, 3))
    (penalty,) = squared_gradients(c * squares.square() / 4, x)
    norm6 = squares.detach() ** 3
    by_c, by_x = torch.autograd.grad(penalty.sum(), (c, x))
    assert_close(by_c, (2 * 0.7 * norm6).sum())
    expected = 6 * 0.49 * (squares.detach() ** 2)[:, None, None, None] * x.detach()
    assert_close(by_x, expected)


def test_half_precision_is_summed_in_full() -> None:
    x = torch.full((1, 3, 40, 40), 0.5, dtype=torch.bfloat16, requires_grad=True)
    (found,) = squared_gradients(x.sum(dim=(1, 2, 3)), x)
    assert_close(found, torch.tensor([4800.0]))


def test_gradcheck_through_a_small_network() -> None:
    torch.manual_seed(0)
    first = torch.randn(24, 4, dtype=torch.float64, requires_grad=True)
    last = torch.randn(4, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, *SHAPE, dtype=torch.float64, requires_grad=True)

    def penalty(first: Tensor, last: Tensor, x: Tensor) -> Tensor:
        scores = torch.tanh(x.flatten(1) @ first) @ last
        (squares,) = squared_gradients(scores, x)
        return squares

    assert torch.autograd.gradcheck(penalty, (first, last, x))


def test_one_centred_is_zero_at_one_on_either_side_positive_and_finite_at_zero() -> None:
    assert_close(one_centred(torch.tensor([1.0])), torch.tensor(0.0))
    assert_close(one_centred(torch.tensor([4.0, 0.25])), torch.tensor((1 + 0.25) / 2))
    zero = torch.zeros(2, requires_grad=True)
    one_centred(zero).backward()
    assert zero.grad is not None and zero.grad.isfinite().all()


def test_interpolates_lie_between_and_are_leaves() -> None:
    real, fake = torch.ones(3, *SHAPE), torch.full((3, *SHAPE), -1.0)
    between = interpolated(real, fake, torch.tensor([0.0, 1.0, 0.25]))
    assert between.is_leaf and between.requires_grad
    assert between[:, 0, 0, 0].tolist() == [-1.0, 1.0, -0.5]
    assert (between == between[:, :1, :1, :1]).all()


def test_finite_differences_of_a_linear_critic_have_the_mean_of_its_squared_norm() -> None:
    """((w·σε) / σ)² is ‖w‖² times the square of a standard normal number, whose variance is 2."""
    torch.manual_seed(0)
    w, x = torch.randn(SHAPE).double(), torch.randn(20_000, *SHAPE).double()
    near = ((x + 0.1 * torch.randn_like(x)) * w).sum(dim=(1, 2, 3))
    found = finite_squares(near.float(), (x * w).sum(dim=(1, 2, 3)).float(), 0.1)
    norm = w.square().sum().float()
    assert_close(found.mean(), norm, rtol=0.04, atol=0)  # 4 standard deviations
    assert_close(found.var(), 2 * norm.square(), rtol=0.2, atol=0)


def test_the_path_length_of_a_linear_generator_is_that_of_noise_through_its_transpose() -> None:
    """Images A (w₁ + 2 w₂): a step of w moves them by 3 A, so that Jᵀy = 3 Aᵀy."""
    a, w = torch.randn(24, 7), torch.randn(5, 2, 7, requires_grad=True)
    made = ((w[:, 0] + 2 * w[:, 1]) @ a.T).reshape(5, *SHAPE)
    noise = torch.randn(5, *SHAPE)
    found = path_lengths(made, w, noise)
    assert_close(found, 3 * (noise.reshape(5, 24) @ a).norm(dim=1) / 12**0.5)


def test_the_path_length_can_be_differentiated_again() -> None:
    """Images c·w²/2 have Jᵀy = c·w·y, of one value: its length falls with c as |w·y|."""
    c, w = torch.tensor(3.0, requires_grad=True), torch.tensor([[[2.0]], [[-1.0]]], requires_grad=True)
    made = (c * w.square() / 2)[..., None]
    path_lengths(made, w, torch.tensor([1.0, -5.0]).reshape(2, 1, 1, 1)).sum().backward()
    assert_close(c.grad, torch.tensor(2.0 + 5.0))
