"""An ensemble of generators that share one game: each image is the work of one member, told by z.

MGAN (Hoang et al. 2018) trains k generators as a mixture, so that each may keep to a part of the data; here
the mixture is one generator, since which member works is a function of z.  The members share no weights.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from visavis.core import Config, Shape
from visavis.networks.dcgan import DCGANGenerator
from visavis.networks.mlp import MLPGenerator
from visavis.networks.residual import ResidualGenerator
from visavis.networks.roles import Role

MemberConfig = Annotated[MLPGenerator | DCGANGenerator | ResidualGenerator, Field(discriminator="kind")]


class EnsembleGenerator(Config):
    """``members`` generators of one configuration, each begun at weights of its own.

    A step costs ``members`` times one of them: all make the whole batch, of which one image each is taken, so
    that a member's batch normalisation sees the batch and the exported graph has no branch.
    """

    kind: Literal["ensemble"] = "ensemble"
    role: ClassVar[Role] = "generator"
    member: MemberConfig = DCGANGenerator()
    members: PositiveInt = 4

    @property
    def z_dim(self) -> int:
        """The members'."""
        return self.member.z_dim

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        return Ensemble([self.member.build(shape, classes) for _ in range(self.members)])


class Ensemble(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1]."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.z_dim = members[0].z_dim

    def member(self, z: Tensor) -> Tensor:
        """Who makes each image, ``[N]``: the k-th part of the normal distribution of z's first number, all
        parts being of one size, so that every member makes as many.
        """
        parts = (0.5 * (1 + torch.erf(z[:, 0] / 2**0.5)) * len(self.members)).long()
        return parts.clamp(max=len(self.members) - 1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        made = torch.stack([member(z, labels) for member in self.members])
        theirs = self.member(z) == torch.arange(len(self.members), device=z.device)[:, None]
        return torch.where(theirs[:, :, None, None, None], made, 0).sum(0)
