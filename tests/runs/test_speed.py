"""Operations of a step, counted by hand."""

import torch
from torch import nn

from visavis.runs.speed import flops_of


def test_a_penalty_on_the_gradient_at_a_leaf_is_counted() -> None:
    """4 images of 3 values through 3 × 2 weights: 2·4·3·2 operations, and as many for the gradient."""
    net, x = nn.Sequential(nn.Linear(3, 2)), torch.randn(4, 3, requires_grad=True)
    assert flops_of(lambda: net(x)) == 48
    assert flops_of(lambda: torch.autograd.grad(net(x).sum(), x, create_graph=True)) == 96
