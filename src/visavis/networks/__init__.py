"""Networks, one architecture a file, its frozen configuration beside it.

A configuration builds its network from an image shape and a number of classes (0: unconditional).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator
from torch import nn

from visavis.core import Config, IntTuple, Shape
from visavis.errors import UserError
from visavis.networks.autoencoder import ConvDecoder, ConvEncoder, ResidualDecoder, ResidualEncoder
from visavis.networks.critic import PairCritic
from visavis.networks.heads import HEADS, Concat
from visavis.networks.patch import PatchGAN
from visavis.networks.residual import ResidualBranch, ResidualGenerator
from visavis.networks.siamese import SiameseBranch, SiameseGenerator
from visavis.networks.translators import ResnetTranslator, SuperResolver
from visavis.networks.unet import UNet

__all__ = [
    "BranchConfig",
    "ConvDecoder",
    "ConvEncoder",
    "CriticConfig",
    "GeneratorConfig",
    "NetworkConfig",
    "PairCritic",
    "PatchGAN",
    "ResidualBranch",
    "ResidualDecoder",
    "ResidualEncoder",
    "ResidualGenerator",
    "ResnetTranslator",
    "SiameseBranch",
    "SiameseGenerator",
    "SuperResolver",
    "UNet",
    "build",
    "parameters",
]

GeneratorConfig = Annotated[SiameseGenerator | ResidualGenerator, Field(discriminator="kind")]
BranchConfig = Annotated[SiameseBranch | ResidualBranch, Field(discriminator="kind")]


class CriticConfig(Config):
    """A pair critic: its branch, its head and, for the concat head, the layers of its MLP."""

    kind: Literal["pair"] = "pair"
    branch: BranchConfig
    head: Literal["concat", "difference", "distance", "cosine", "single"] = "difference"
    hidden: IntTuple = (256,)
    slope: float = 0.2
    dropout: float = 0.0
    random_order: bool = False

    @model_validator(mode="after")
    def _concat_only(self) -> "CriticConfig":
        if self.random_order and self.head != "concat":
            raise ValueError(f"random_order is for the concat head, not for '{self.head}'")
        return self

    def build(self, shape: Shape, classes: int) -> PairCritic:
        """The critic; class-conditional for ``classes`` above 0, which difference and single heads can be."""
        branch, features = self.branch.build(shape, classes)
        head = HEADS[self.head]
        if classes and not head.conditional:
            allowed = ", ".join(name for name, each in HEADS.items() if each.conditional)
            raise UserError(f"the {self.head} head cannot be conditional; allowed: {allowed}")
        if head is Concat:
            return PairCritic(
                branch, Concat(features, 0, self.hidden, self.slope, self.dropout, self.random_order)
            )
        return PairCritic(branch, head(features, classes))


NetworkConfig = Annotated[
    SiameseGenerator
    | ResidualGenerator
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
    for name, config in networks.items():
        try:
            built[name] = adapter.validate_python(config).build(shape, classes)
        except (ValueError, RuntimeError) as error:  # pydantic's and torch's complaints
            if isinstance(error, UserError):
                raise
            raise UserError(f"cannot build network {name}: {error}; mend --networks.{name}") from error
    return built


def parameters(network: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in network.parameters())
