"""Networks and batches that are small enough for brute force."""

from typing import Any

import torch
from torch import nn

from visavis.core import Images, Shape
from visavis.networks import CriticConfig, ResidualBranch, ResidualGenerator

SHAPE = Shape(3, 8)
N = 6


def make_nets(head: str = "difference", classes: int = 0, **critic: Any) -> dict[str, nn.Module]:
    """Tiny networks, moved from where they start (at zero in places) to where gradients live."""
    torch.manual_seed(0)
    generator = ResidualGenerator(widths=(6, 4), z_dim=3)
    config = CriticConfig(branch=ResidualBranch(widths=(6, 4), features=5), head=head, **critic)
    nets = {"G": generator.build(SHAPE, classes), "D": config.build(SHAPE, classes)}
    with torch.no_grad():
        for net in nets.values():
            for parameter in net.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return nets


def make_batch(parts: int = 1, classes: int = 0) -> Images:
    """``parts`` real batches of N images."""
    torch.manual_seed(1)
    x = torch.rand(parts * N, SHAPE.channels, SHAPE.resolution, SHAPE.resolution) * 2 - 1
    return Images(x, torch.randint(classes, (len(x),)) if classes else None)
