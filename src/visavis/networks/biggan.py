"""BigGAN's generator (Brock et al. 2019, appendix B), for small images as its authors train CIFAR-10.

One embedding of the class is shared by all normalisations; each block also gets a part of z of its own.  The
discriminator is :class:`~visavis.networks.sn_resnet.SNResNetBranch` with an orthogonal start.
"""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import relu

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.attention import SelfAttention
from visavis.networks.conditional import VectorBatchNorm2d, needed
from visavis.networks.cpu import laid_out_like
from visavis.networks.layers import BatchNorm2d, init_orthogonal
from visavis.networks.norms import SpectralLinear
from visavis.networks.roles import Role
from visavis.networks.sn_resnet import UpBlock, check_attention, conv
from visavis.networks.stages import stages_of


class BigGANGenerator(Config):
    """The first part of z -> Linear to base×base -> blocks, each told the class and its part of z -> tanh.

    z is cut into one part for the start and one a block, the start's the longer where it does not divide.
    ``class_dim``: of the shared embedding; ``attention``: side of the feature map that has self-attention.
    """

    kind: Literal["biggan"] = "biggan"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 128
    width: PositiveInt = 256
    class_dim: PositiveInt = 128
    attention: PositiveInt | None = None

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        base, stages = stages_of(shape.resolution)
        if self.z_dim < stages:
            raise UserError(
                f"z of {self.z_dim} numbers does not divide into {stages} parts; give --networks.G.z_dim "
                f"{stages} or more"
            )
        check_attention(self.attention, [base * 2**k for k in range(1, stages)])
        return BigGANG(self, shape, classes)


class BigGANG(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1]."""

    def __init__(self, config: BigGANGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.z_dim, width = config.z_dim, config.width
        base, stages = stages_of(shape.resolution)
        part = config.z_dim // stages
        self.parts = [config.z_dim - part * (stages - 1), *[part] * (stages - 1)]
        self.shared = nn.Embedding(classes, config.class_dim) if classes else None
        vector = part + (config.class_dim if classes else 0)
        self.first = (width, base, base)
        self.start = SpectralLinear(self.parts[0], width * base**2)
        self.blocks = nn.ModuleList(
            UpBlock(width, width, [VectorBatchNorm2d(width, vector) for _ in range(2)], spectral=True)
            for _ in range(stages - 1)
        )
        self.attention = nn.ModuleDict()
        if config.attention is not None:
            self.attention[str(config.attention)] = SelfAttention(width)
        self.norm = BatchNorm2d(width)
        self.to_rgb = conv(True, width, shape.channels)
        init_orthogonal(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        start, *parts = torch.split(z, self.parts, dim=1)
        if self.shared is not None:
            of_class = self.shared(needed(labels))
            parts = [torch.cat([of_class, part], dim=1) for part in parts]
        x = laid_out_like(self.start(start).reshape(-1, *self.first), self.to_rgb.weight)
        for block, vector in zip(self.blocks, parts, strict=True):
            x = block(x, vector)
            if str(x.shape[2]) in self.attention:
                x = self.attention[str(x.shape[2])](x)
        return torch.tanh(self.to_rgb(relu(self.norm(x))))
