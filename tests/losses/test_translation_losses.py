"""Losses between images against hand-worked values."""

import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.losses.translation import cycle_consistency, feature_distance, identity, l1


def image(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def test_l1_is_the_mean_of_absolute_differences() -> None:
    assert_close(l1(image(1, -1), image(0.5, 0)), torch.tensor(0.75))
    assert l1(image(1).bfloat16(), image(0.2)).dtype == torch.float32


def test_feature_distance_is_the_mean_over_layers_and_leaves_the_wanted_alone() -> None:
    maps = [image(1, 3).requires_grad_(), image(0, 0, 0, 4).requires_grad_()]
    wanted = [image(0, 0).requires_grad_(), image(0, 0, 0, 0).requires_grad_()]
    loss = feature_distance(maps, wanted)
    assert_close(loss, torch.tensor((2 + 1) / 2))
    loss.backward()
    assert all(m.grad is not None for m in maps) and all(w.grad is None for w in wanted)
    assert_close(maps[0].grad, image(0.25, 0.25))


def test_cycle_and_identity_add_both_directions() -> None:
    a, b = image(0, 1), image(-1, -1, 0.5)
    assert_close(cycle_consistency(a, image(0, 0), b, image(-1, 0, 0)), torch.tensor(0.5 + 0.5))
    assert_close(identity(a, image(1, 1), b, b), torch.tensor(0.5))
