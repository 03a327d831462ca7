"""Networks, one architecture a file, its frozen configuration beside it.

A configuration builds its network from an image shape and a number of classes (0: unconditional).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, TypeAdapter, ValidationError, model_validator
from torch import nn

from visavis.core import Config, IntTuple, Shape
from visavis.errors import UserError, in_plain_words
from visavis.networks.autoencoder import ConvDecoder, ConvEncoder, ResidualDecoder, ResidualEncoder
from visavis.networks.biggan import BigGANGenerator
from visavis.networks.critic import LabelMap, PairCritic
from visavis.networks.dcgan import DCGANBranch, DCGANGenerator
from visavis.networks.ensemble import EnsembleGenerator
from visavis.networks.heads import HEADS, Concat, Difference, Head, Single
from visavis.networks.minibatch import MinibatchDiscrimination, MinibatchStddev
from visavis.networks.mlp import MLPBranch, MLPGenerator
from visavis.networks.patch import PatchGAN
from visavis.networks.progan import ProGANBranch, ProGANGenerator
from visavis.networks.projected import ProjectedBranch
from visavis.networks.r3gan import R3GANBranch, R3GANGenerator
from visavis.networks.residual import ResidualBranch, ResidualGenerator
from visavis.networks.roles import Role
from visavis.networks.siamese import SiameseBranch, SiameseGenerator
from visavis.networks.sn_resnet import SNResNetBranch, SNResNetGenerator
from visavis.networks.stylegan2 import StyleGAN2Branch, StyleGAN2Generator
from visavis.networks.translators import ResnetTranslator, SuperResolver
from visavis.networks.unet import UNet
from visavis.networks.upsampling import StridedBranch, UpsamplingGenerator

__all__ = [
    "BigGANGenerator",
    "BranchConfig",
    "ConvDecoder",
    "ConvEncoder",
    "CriticConfig",
    "DCGANBranch",
    "DCGANGenerator",
    "EnsembleGenerator",
    "GeneratorConfig",
    "MLPBranch",
    "MLPGenerator",
    "NetworkConfig",
    "PairCritic",
    "PatchGAN",
    "ProGANBranch",
    "ProGANGenerator",
    "ProjectedBranch",
    "R3GANBranch",
    "R3GANGenerator",
    "ResidualBranch",
    "ResidualDecoder",
    "ResidualEncoder",
    "ResidualGenerator",
    "ResnetTranslator",
    "SNResNetBranch",
    "SNResNetGenerator",
    "SiameseBranch",
    "SiameseGenerator",
    "StridedBranch",
    "StyleGAN2Branch",
    "StyleGAN2Generator",
    "SuperResolver",
    "UNet",
    "UpsamplingGenerator",
    "build",
    "parameters",
]

GeneratorConfig = Annotated[
    SiameseGenerator
    | ResidualGenerator
    | MLPGenerator
    | DCGANGenerator
    | UpsamplingGenerator
    | SNResNetGenerator
    | BigGANGenerator
    | R3GANGenerator
    | ProGANGenerator
    | StyleGAN2Generator
    | EnsembleGenerator,
    Field(discriminator="kind"),
]
BranchConfig = Annotated[
    SiameseBranch
    | ResidualBranch
    | MLPBranch
    | DCGANBranch
    | StridedBranch
    | SNResNetBranch
    | R3GANBranch
    | ProGANBranch
    | StyleGAN2Branch
    | ProjectedBranch,
    Field(discriminator="kind"),
]


HERE = "networks.…"
"""What stands in a network's complaints for its own place, which only who builds it knows."""


@contextmanager
def _placed(inside: str) -> Iterator[None]:
    """Complaints of a part of a network name the part: ``networks.….base -> networks.….branch.base``."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(HERE, f"{HERE}.{inside}")) from error


Across = Literal["norm", "stddev", "discrimination"]
"""How one image's score comes to depend on the others of its batch."""

NORMED: dict[str, Callable[[Any], bool]] = {
    "dcgan": lambda branch: branch.norm == "batch",
    "siamese": lambda branch: "norm" in branch.order,
    "strided": lambda branch: True,
}
"""Branches that may normalise over the batch, and when they do."""
COMPARED = ("progan", "stylegan2")
"""Branches that see the batch's deviation."""
SPECTRAL: dict[str, Callable[[Any], bool]] = {
    "dcgan": lambda branch: branch.norm == "spectral",
    "sn-resnet": lambda branch: True,
    "projected": lambda branch: True,
}
"""Branches whose slope spectral normalisation may bound, and when it does; of the head alone it does not."""


class CriticConfig(Config):
    """A pair critic: its branch, its head and, for the concat head, the layers of its MLP.

    ``conditioning``: how a conditional critic knows the class.  "projection": (w + e_y)·f, "embedding": e_y·f
    (both in the difference and the single head); "map": a learned map of the class beside the image's
    channels; "classifier": it does not, and tells the class itself; "none": it does not.  ``head_init``: how
    the head's weights start; ``spectral``: with spectral normalisation; ``logit_slope``: see
    :class:`~visavis.networks.heads.Single`.  ``minibatch``: let the branch's features see the batch, whose
    images must then be all real or all generated (``--objective.joint false``).  ``pack``: how many images
    one input holds (PacGAN); a batch must be a multiple of it.
    """

    kind: Literal["pair"] = "pair"
    role: ClassVar[Role] = "critic"
    branch: BranchConfig
    head: Literal["concat", "difference", "distance", "cosine", "single"] = "difference"
    minibatch: Literal["none", "stddev", "discrimination"] = "none"
    conditioning: Literal["projection", "embedding", "map", "classifier", "none"] = "projection"
    hidden: IntTuple = (256,)
    slope: float = 0.2
    dropout: float = 0.0
    random_order: bool = False
    head_init: Literal["unit", "dcgan", "torch"] = "unit"
    spectral: bool = False
    logit_slope: float = 1.0
    pack: PositiveInt = 1

    @model_validator(mode="after")
    def _fields_fit_head(self) -> "CriticConfig":
        if self.random_order and self.head != "concat":
            raise ValueError(f"random_order is for the concat head, not for '{self.head}'")
        if self.logit_slope != 1 and self.head != "single":
            raise ValueError(f"logit_slope is for the single head, not for '{self.head}'")
        if (self.spectral or self.head_init != "unit") and not HEADS[self.head].conditional:
            raise ValueError(f"spectral and head_init are for a linear head, not for '{self.head}'")
        return self

    @property
    def across(self) -> frozenset[Across]:
        """What lets a score depend on the batch's other images (a pack is one input, and none of these)."""
        found: set[Across] = set() if self.minibatch == "none" else {self.minibatch}
        kind = self.branch.kind
        if kind in NORMED and NORMED[kind](self.branch):
            found.add("norm")
        if kind in COMPARED:
            found.add("stddev")
        return frozenset(found)

    @property
    def bounded(self) -> bool:
        """Whether spectral normalisation holds the slope of its branch."""
        kind = self.branch.kind
        return kind in SPECTRAL and SPECTRAL[kind](self.branch)

    def build(self, shape: Shape, classes: int) -> PairCritic:
        """The critic; for ``classes`` above 0 it is class-conditional, in the way of ``conditioning``."""
        mapped = bool(classes) and self.conditioning == "map"
        told = bool(classes) and self.conditioning == "classifier"
        if classes and self.pack > 1 and not mapped:
            raise UserError(
                f"{self.pack} images in one input have no one class; give --conditional false, or "
                "--networks.D.conditioning map"
            )
        seen = shape._replace(channels=(shape.channels + mapped) * self.pack)
        with _placed("branch"):
            built = self.branch.build(seen, classes)
        branch, features = self._with_minibatch(*built)
        return PairCritic(
            branch,
            self._head(features, classes),
            LabelMap(classes, shape.resolution) if mapped else None,
            nn.Linear(features, classes) if told else None,
            self.pack,
            conditional=bool(classes),
        )

    def _with_minibatch(self, branch: nn.Module, features: int) -> tuple[nn.Module, int]:
        if self.minibatch == "stddev":
            return nn.Sequential(branch, MinibatchStddev()), features + 1
        if self.minibatch == "discrimination":
            layer = MinibatchDiscrimination(features)
            return nn.Sequential(branch, layer), features + layer.kernels
        return branch, features

    def _head(self, features: int, classes: int) -> Head:
        head = HEADS[self.head]
        known = classes if self.conditioning in ("projection", "embedding") else 0
        if known and not head.conditional:
            allowed = ", ".join(name for name, each in HEADS.items() if each.conditional)
            raise UserError(
                f"the {self.head} head cannot be conditional; allowed: {allowed}, "
                "or another --networks.D.conditioning"
            )
        common = self.conditioning != "embedding"
        if issubclass(head, Single):
            return head(features, known, common, self.head_init, self.spectral, self.logit_slope)
        if issubclass(head, Difference):
            return head(features, known, common, self.head_init, self.spectral)
        if issubclass(head, Concat):
            return head(features, 0, self.hidden, self.slope, self.dropout, self.random_order)
        return head(features)


NetworkConfig = Annotated[
    SiameseGenerator
    | ResidualGenerator
    | MLPGenerator
    | DCGANGenerator
    | UpsamplingGenerator
    | SNResNetGenerator
    | BigGANGenerator
    | R3GANGenerator
    | ProGANGenerator
    | StyleGAN2Generator
    | EnsembleGenerator
    | ConvEncoder
    | ConvDecoder
    | ResidualEncoder
    | ResidualDecoder
    | UNet
    | ResnetTranslator
    | SuperResolver
    | PatchGAN
    | CriticConfig,
    Field(discriminator="kind"),
]


def build(networks: Mapping[str, Any], shape: Shape, classes: int) -> dict[str, nn.Module]:
    """Networks from their configurations (or from the JSON of these).

    Raises :class:`UserError` for a configuration that cannot be built, such as one with a width below 0.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(NetworkConfig)
    built = {}
    for name, given in networks.items():
        try:
            config = adapter.validate_python(given)
            built[name] = config.build(shape, classes)
        except UserError as error:
            place = f"networks.{name}.member" if "member" in type(config).model_fields else f"networks.{name}"
            raise UserError(str(error).replace(HERE, place)) from error
        except ValidationError as error:
            why = in_plain_words(error.errors()[0], f"networks.{name}")
            raise UserError(f"cannot build network {name}: {why}; mend --networks.{name}") from error
        except (ValueError, RuntimeError) as error:  # torch's complaints
            raise UserError(f"cannot build network {name}: {error}; mend --networks.{name}") from error
    return built


def parameters(network: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in network.parameters())
