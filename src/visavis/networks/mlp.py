"""The networks of the original GAN (Goodfellow et al. 2014) and of the conditional one (Mirza and Osindero
2014): perceptrons of the pixels.
"""

import math
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor, nn, tanh

from visavis.core import Config, IntTuple, Shape
from visavis.networks.conditional import Latent
from visavis.networks.cpu import Linear
from visavis.networks.layers import BatchNorm1d, Dropout
from visavis.networks.roles import Role


class MLPGenerator(Config):
    """z (and the class's embedding) -> Linear, leaky ReLU … -> pixels, tanh.

    ``norm`` "batch": before the activation of every hidden layer but the first (S7's conditional GAN).
    """

    kind: Literal["mlp"] = "mlp"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 100
    widths: IntTuple = (128, 256, 512)
    slope: float = 0.2
    norm: Literal["batch", "none"] = "batch"
    class_dim: PositiveInt = 10

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        return MLPG(self, shape, classes)


class MLPG(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1]."""

    def __init__(self, config: MLPGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.z_dim = config.z_dim
        self.size = (shape.channels, shape.resolution, shape.resolution)
        self.latent = Latent(config.z_dim, classes, config.class_dim)
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise((self.latent.width, *config.widths)):
            layers.append(Linear(width_in, width_out))
            if config.norm == "batch" and len(layers) > 1:
                layers.append(BatchNorm1d(width_out))
            layers.append(nn.LeakyReLU(config.slope))
        self.layers = nn.Sequential(*layers, Linear(config.widths[-1], math.prod(self.size)))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        pixels: Tensor = self.layers(self.latent(z, labels))
        return tanh(pixels).reshape(-1, *self.size)


class Maxout(nn.Module):
    """The largest of ``pieces`` linear maps (Goodfellow et al. 2013)."""

    def __init__(self, width_in: int, width_out: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = Linear(width_in, width_out * pieces)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width_in] -> [N, width_out]``."""
        y: Tensor = self.linear(x)
        return y.reshape(y.shape[0], -1, self.pieces).amax(2)


class MLPBranch(Config):
    """Pixels -> Linear, leaky ReLU, dropout …; with ``pieces`` above 1 maxout units instead, as in 2014."""

    kind: Literal["mlp"] = "mlp"
    widths: IntTuple = (512, 256)
    slope: float = 0.2
    pieces: PositiveInt = 1
    dropout: float = 0.0

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, widths[-1]]`` and the width of its features."""
        layers: list[nn.Module] = [nn.Flatten()]
        for width_in, width_out in pairwise((shape.channels * shape.resolution**2, *self.widths)):
            if self.pieces > 1:
                layers.append(Maxout(width_in, width_out, self.pieces))
            else:
                layers += [Linear(width_in, width_out), nn.LeakyReLU(self.slope)]
            layers.append(Dropout(self.dropout))
        return nn.Sequential(*layers), self.widths[-1]
