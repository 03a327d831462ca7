"""Networks that were never trained, small, with a description: what exports need of a run."""

import torch
from torch import nn

from visavis.core import Shape
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description
from visavis.networks import build
from visavis.networks.conditional import ClassBatchNorm2d
from visavis.networks.stylegan2 import StyledConv, StyleGAN2G


def made(networks: dict[str, object], shape: Shape, task: str, classes: tuple[str, ...] = ()) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build(networks, shape, len(classes))
    for network in built.values():
        network.eval().requires_grad_(False)
    about = Description(networks, shape, classes or ("a",), bool(classes), 5, {"name": "small"}, "0", task)
    return model_of(built, about)


def generator_and_critic() -> Model:
    residual = {"kind": "residual", "widths": [8, 8]}
    networks: dict[str, object] = {
        "G": residual | {"z_dim": 8},
        "D": {"kind": "pair", "head": "difference", "branch": residual | {"features": 8}},
    }
    return made(networks, Shape(1, 8), "generate", ("zero", "one", "two"))


def autoencoder() -> Model:
    conv = {"widths": [8], "z_dim": 6, "norm": "none"}
    networks: dict[str, object] = {"E": conv | {"kind": "conv-encoder"}, "G": conv | {"kind": "conv-decoder"}}
    return made(networks, Shape(3, 8), "reconstruct")


def super_resolver() -> Model:
    return made({"G": {"kind": "super-resolver", "width": 8, "blocks": 1}}, Shape(1, 16), "translate")


def both_ways() -> Model:
    resnet = {"kind": "resnet", "width": 4, "halvings": 1, "blocks": 1, "outer": 3}
    return made({"G_ab": resnet, "G_ba": resnet}, Shape(3, 8), "translate")


@torch.no_grad()
def leave_the_start(network: nn.Module) -> None:
    """Give a value to what an export could leave out of a fresh network without any difference."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, ClassBatchNorm2d):
            module.gain.weight.uniform_(0.5, 1.5)
            module.shift.weight.normal_()
        elif isinstance(module, StyledConv) and module.strength is not None:
            module.strength.fill_(1)
        elif isinstance(module, StyleGAN2G):
            module.w_mean.normal_()
