"""What of a trained model is exported: each network as a function from named tensors to named tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from visavis.core import Shape
from visavis.errors import UserError
from visavis.models.generator import latents
from visavis.models.model import Model
from visavis.models.snapshot import Description
from visavis.models.translate.translator import DIRECTIONS
from visavis.networks import PairCritic

Tensors = dict[str, Tensor]
Network = Callable[..., Tensor | tuple[Tensor, ...]]


class Sampler(nn.Module):
    """Latents (and labels) to images."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """``z: [n, z_dim]``, ``label: [n] -> [n, C, R, R]``."""
        made: Tensor = self.generator(z, label)
        return made


class Comparer(nn.Module):
    """Two images to what :meth:`visavis.Model.compare` says of them; both orders' mean unless antisymmetric.

    ``label`` is an input where the critic is conditional.
    """

    def __init__(self, critic: PairCritic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, a: Tensor, b: Tensor, label: Tensor | None = None) -> Tensor:
        """``a, b: [n, C, R, R]``, ``label: [n] -> [n]``."""
        of_a, of_b = self.critic.embed(a, label), self.critic.embed(b, label)
        score = self.critic.score(of_a, of_b)
        if self.critic.head.antisymmetric:
            return score
        return (score + self.critic.score(of_b, of_a)) / 2


@dataclass(frozen=True)
class Part:
    """One network for elsewhere: what it is, its function, and the names of what goes in and comes out."""

    role: str
    """generator, critic, encoder, translator, or translator-back of one that learned both ways."""
    network: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    examples: Callable[[int], Tensors]
    """Inputs of n rows, row i a function of i: what the export is traced with and checked on."""
    about: Mapping[str, Any]
    """What a caller must know: sizes, ranges, classes."""
    any_size: bool = False
    """Whether images of any size, in multiples of ``about["stride"]``, go in."""


def parts_of(model: Model) -> list[Part]:
    """The networks of a model that are of use elsewhere, the main one first: a few for each ability."""
    return [part for ability in MAKERS if ability in model.abilities for part in MAKERS[ability](model)]


def _labels(description: Description, n: int) -> Tensors:
    """Classes in turn, where the networks know any."""
    count = description.condition_classes
    return {"label": torch.arange(n) % count} if count else {}


def _generator(model: Model) -> Part:
    description, network, z_dim = model.description, model.networks["G"], model.z_dim

    def examples(n: int) -> Tensors:
        z = torch.cat([latents(seed, 0, 1, z_dim) for seed in range(n)])
        return {"z": z} | _labels(description, n)

    about = {"z_dim": z_dim, "range": [-1, 1]}
    return Part("generator", Sampler(network), tuple(examples(1)), ("images",), examples, about)


def _encoder(model: Model) -> Part:
    generator = _generator(model)

    def examples(n: int) -> Tensors:
        return {"images": _made(generator, n)}

    about = {"range": [-1, 1]}
    return Part("encoder", model.networks["E"], ("images",), ("mean", "log_variance"), examples, about)


def _critic(model: Model) -> Part:
    description, network, generator = model.description, model.networks["D"], _generator(model)
    assert isinstance(network, PairCritic)
    comparer = Comparer(network)
    labels = bool(description.condition_classes) and _needs_labels(comparer, _made(generator, 1))

    def examples(n: int) -> Tensors:
        images = _made(generator, n)
        return {"a": images, "b": images.roll(1, 0)} | (_labels(description, n) if labels else {})

    kind = "margin" if network.head.antisymmetric else "similarity"
    return Part("critic", comparer, tuple(examples(1)), ("score",), examples, {"kind": kind})


def _needs_labels(comparer: Comparer, images: Tensor) -> bool:
    """Whether the critic looks at the class; one that only tells it does not."""
    try:
        comparer(images, images)
    except UserError:
        return True
    return False


def _made(generator: Part, n: int) -> Tensor:
    """What the generator makes of its own examples: ``[n, C, R, R]``."""
    with torch.no_grad():
        made: Tensor = generator.network(*generator.examples(n).values())
    return made


def _translators(model: Model) -> list[Part]:
    networks, description = model.networks, model.description
    if "G" in networks:
        return [_translator("translator", networks["G"], description)]
    roles = zip(("translator", "translator-back"), DIRECTIONS.values(), strict=True)
    return [_translator(role, networks[name], description) for role, name in roles if name in networks]


def _translator(role: str, network: nn.Module, description: Description) -> Part:
    scale, stride = int(getattr(network, "scale", 1)), int(getattr(network, "stride", 1))
    channels, resolution = description.shape
    shape = Shape(channels, resolution // scale)

    def examples(n: int) -> Tensors:
        return {"images": smooth(n, shape)}

    about = {"range": [-1, 1], "scale": scale, "stride": stride, "resolution": shape.resolution}
    any_size = bool(getattr(network, "any_size", False))
    return Part(role, network, ("images",), ("translated",), examples, about, any_size)


def smooth(n: int, shape: Shape) -> Tensor:
    """Images of soft blots, ``[n, C, R, R]`` in [-1, 1]: image i has a seed of its own."""
    blots = [
        torch.rand(shape.channels, 4, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(n)
    ]
    size = (shape.resolution, shape.resolution)
    return interpolate(torch.stack(blots) * 2 - 1, size, mode="bilinear", align_corners=True)


MAKERS: dict[str, Callable[[Model], list[Part]]] = {
    "translate": _translators,
    "sample": lambda model: [_generator(model)],
    "reconstruct": lambda model: [_encoder(model)],
    "compare": lambda model: [_critic(model)],
}
"""Ability -> the networks that it needs, those of the first ability of a model first."""
