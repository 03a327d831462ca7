"""Draws whose distribution is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

Normal = Callable[..., Tensor]


@pytest.fixture(scope="session")
def normal() -> Normal:
    """``normal(n, d, seed)``: standard normals, float64 [n, d]."""

    def draw(n: int, d: int, seed: int = 0) -> Tensor:
        return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    return draw
