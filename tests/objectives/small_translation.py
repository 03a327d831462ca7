"""Networks and pairs small enough to look into."""

from typing import Any

import torch
from torch import nn

from visavis.core import Pairs, Phase, Shape
from visavis.data import PairsConfig
from visavis.data.filters import Invert, Shrink
from visavis.networks import PatchGAN, ResnetTranslator, UNet

SHAPE = Shape(3, 16)
N = 4


def make_nets(**critic: Any) -> dict[str, nn.Module]:
    """A translator and a critic of pairs, away from where they start."""
    torch.manual_seed(0)
    config = PatchGAN(width=4, widest=8, **({"spectral": False} | critic))
    nets = {"G": UNet(width=4, widest=8, dropout=0.0).build(SHAPE, 0), "D": config.build(SHAPE, 0)}
    return {name: _moved(net) for name, net in nets.items()}


def make_cycle_nets() -> dict[str, nn.Module]:
    """Two of each."""
    torch.manual_seed(0)
    translator = ResnetTranslator(width=4, halvings=1, blocks=1)
    critic = PatchGAN(width=4, widest=8, sees="image", spectral=False)
    nets = {name: translator.build(SHAPE, 0) for name in ("G_ab", "G_ba")}
    nets |= {name: critic.build(SHAPE, 0) for name in ("D_a", "D_b")}
    return {name: _moved(net) for name, net in nets.items()}


def _moved(net: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def make_pairs(parts: int = 1, small: int = 1) -> Pairs:
    """``parts`` batches of N pairs."""
    torch.manual_seed(1)
    side = SHAPE.resolution
    a = torch.rand(parts * N, 3, side // small, side // small) * 2 - 1
    return Pairs(a, torch.rand(parts * N, 3, side, side) * 2 - 1)


def gradients(nets: dict[str, nn.Module], phase: Phase, batch: Pairs) -> dict[str, list[torch.Tensor | None]]:
    """What a phase's loss gives every parameter, as the loop would ask for it."""
    for name, net in nets.items():
        net.requires_grad_(name in phase.trains)
        net.zero_grad()
    torch.manual_seed(4)
    phase.loss(nets, batch, 0)[0].backward()
    return {name: [p.grad for p in net.parameters()] for name, net in nets.items()}


def assert_trains_only_its_own(nets: dict[str, nn.Module], phase: Phase, batch: Pairs) -> None:
    """All of what a phase trains gets finite gradients, and nothing else gets any."""
    for name, found in gradients(nets, phase, batch).items():
        if name in phase.trains:
            assert all(g is not None and g.isfinite().all() for g in found), name
            assert any(g.abs().sum() > 0 for g in found if g is not None), name
        else:
            assert all(g is None for g in found), f"{name} is frozen and got gradients"


def pairs_data(factor: int) -> PairsConfig:
    """Pairs whose inputs are ``factor`` times smaller than their targets."""
    made_by = Invert() if factor == 1 else Shrink(factor=factor)
    return PairsConfig(source="digits", layout="made", made_by=made_by, resolution=8)
