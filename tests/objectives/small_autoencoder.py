"""Autoencoders that are small enough to check by hand."""

import torch
from torch import nn

from visavis.core import Images, Shape
from visavis.networks import ConvDecoder, ConvEncoder, CriticConfig, ResidualBranch

SHAPE = Shape(1, 8)
N = 6


def make_nets(head: str = "difference", classes: int = 0) -> dict[str, nn.Module]:
    """E, G and D; without BatchNorm, so that an image stands for itself."""
    torch.manual_seed(0)
    sizes = {"z_dim": 3, "widths": (6, 4), "base": 2, "norm": "none"}
    critic = CriticConfig(branch=ResidualBranch(widths=(6, 4), features=5), head=head)
    nets = {
        "E": ConvEncoder(**sizes).build(SHAPE, classes),
        "G": ConvDecoder(**sizes).build(SHAPE, classes),
        "D": critic.build(SHAPE, classes),
    }
    with torch.no_grad():
        for parameter in nets["D"].parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return nets


def make_batch(parts: int = 1, classes: int = 0) -> Images:
    """``parts`` real batches of N images."""
    torch.manual_seed(1)
    x = torch.rand(parts * N, 1, 8, 8) * 2 - 1
    return Images(x, torch.randint(classes, (len(x),)) if classes else None)
