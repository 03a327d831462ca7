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
from visavis.networks.heads import Single
from visavis.networks.patch import PatchCritic

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


class Scorer(nn.Module):
    """Images to the logits "real" of a critic that sees them one by one; one that packs sees several as one.

    ``label`` is an input where the critic is conditional.
    """

    def __init__(self, critic: PairCritic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        """``images: [pack · n, C, R, R]``, ``label: [pack · n] -> [n]``."""
        return self.critic.embed(images, label)


@dataclass(frozen=True)
class Part:
    """One network for elsewhere: what it is, its function, and the names of what goes in and comes out."""

    role: str
    """generator, critic, encoder, translator; of a game that learned both ways translator-back, critic-a and
    critic-b too.
    """
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


def all_parts(model: Model) -> list[Part]:
    """Those, and the critics that give a model no ability: of single images, and of translations."""
    network = model.networks.get("D")
    alone = isinstance(network, PairCritic) and isinstance(network.head, Single)
    return parts_of(model) + ([_single_critic(model)] if alone else _patch_critics(model))


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
    images = _made(generator, 1)
    labels = bool(description.condition_classes) and _needs_labels(comparer, images, images)

    def examples(n: int) -> Tensors:
        images = _made(generator, n)
        return {"a": images, "b": images.roll(1, 0)} | (_labels(description, n) if labels else {})

    kind = "margin" if network.head.antisymmetric else "similarity"
    return Part("critic", comparer, tuple(examples(1)), ("score",), examples, {"kind": kind})


def _single_critic(model: Model) -> Part:
    description, network, generator = model.description, model.networks["D"], _generator(model)
    assert isinstance(network, PairCritic)
    scorer, pack = Scorer(network), network.pack
    labels = bool(description.condition_classes) and _needs_labels(scorer, _made(generator, pack))

    def examples(n: int) -> Tensors:
        images = _made(generator, n * pack)
        return {"images": images} | (_labels(description, len(images)) if labels else {})

    about = {"kind": "logit", "pack": pack, "range": [-1, 1]}
    return Part("critic", scorer, tuple(examples(1)), ("score",), examples, about)


def _needs_labels(critic: nn.Module, *images: Tensor) -> bool:
    """Whether the critic looks at the class; one that only tells it does not."""
    try:
        critic(*images)
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


def _patch_critics(model: Model) -> list[Part]:
    """Critics of what a translator makes, and of its inputs where it learned both ways."""
    roles = {"D": "critic", "D_a": "critic-a", "D_b": "critic-b"}
    return [
        _patch_critic(role, network, model)
        for name, role in roles.items()
        if isinstance(network := model.networks.get(name), PatchCritic)
    ]


def _patch_critic(role: str, network: PatchCritic, model: Model) -> Part:
    channels, resolution = model.shape
    scale = int(getattr(model.networks.get("G"), "scale", 1))
    source = Shape(channels, resolution // scale)

    def examples(n: int) -> Tensors:
        images = smooth(n, model.shape)
        return {"images": images} | ({"source": smooth(n, source).roll(1, 0)} if network.sees_pairs else {})

    about = {"kind": "logit", "range": [-1, 1], "resolution": resolution, "scale": scale}
    return Part(role, network, tuple(examples(1)), ("score",), examples, about)


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
