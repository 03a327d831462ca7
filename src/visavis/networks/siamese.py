"""The networks of the Siamese GAN (S1) and its second version (S2), for 32×32 images and doublings of it."""

from itertools import pairwise
from typing import ClassVar, Literal

from torch import Tensor, nn

from visavis.core import Config, IntTuple, Shape
from visavis.errors import UserError
from visavis.networks.cpu import Doubling, Flatten, Halving, Linear, laid_out_like
from visavis.networks.layers import BatchNorm2d, init_dcgan
from visavis.networks.roles import Role


class SiameseGenerator(Config):
    """z -> Linear to widths[0]·4·4, BatchNorm, ReLU -> ConvTranspose 4/2/1, BatchNorm, ReLU … -> tanh."""

    kind: Literal["siamese"] = "siamese"
    role: ClassVar[Role] = "generator"
    z_dim: int = 128
    widths: IntTuple = (512, 256, 128)

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; the resolution must be 4·2^len(widths)."""
        _check(shape, len(self.widths))
        if classes:
            raise UserError(
                "the siamese generator cannot be conditional; allowed: the kind residual; "
                "or give --conditional false"
            )
        return ConvTransposeGenerator(self, shape)


class ConvTransposeGenerator(nn.Module):
    """``z: [N, z_dim] -> [N, C, R, R]`` in [-1, 1]."""

    def __init__(self, config: SiameseGenerator, shape: Shape) -> None:
        super().__init__()
        self.z_dim = config.z_dim
        widths = config.widths
        layers: list[nn.Module] = [
            Linear(config.z_dim, widths[0] * 16),
            nn.Unflatten(1, (widths[0], 4, 4)),
            BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for width_in, width_out in pairwise(widths):
            layers += [Doubling(width_in, width_out), BatchNorm2d(width_out), nn.ReLU(inplace=True)]
        layers += [Doubling(widths[-1], shape.channels), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        init_dcgan(self)

    @property
    def first(self) -> Doubling:
        """The first doubling."""
        return next(layer for layer in self.layers if isinstance(layer, Doubling))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents to images; labels are ignored."""
        start, rest = self.layers[:2], self.layers[2:]
        x: Tensor = rest(laid_out_like(start(z), self.first.weight))
        return x


class SiameseBranch(Config):
    """Conv 4/2/1 blocks, flatten, then Linear to ``features`` (S1), or nothing more (None, S2).

    ``order``: "norm-act" is Conv, BatchNorm, LeakyReLU (S1); "act-norm" is Conv, ReLU, BatchNorm (S2); "act"
    has no normalisation, which gradient penalties want (a score must not depend on the batch's other images).
    """

    kind: Literal["siamese"] = "siamese"
    widths: IntTuple = (64, 128, 256)
    features: int | None = 512
    slope: float = 0.2
    order: Literal["norm-act", "act-norm", "act"] = "norm-act"

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch and the width of its features; the resolution must be 4·2^len(widths)."""
        _check(shape, len(self.widths))
        layers: list[nn.Module] = []
        for width_in, width_out in zip((shape.channels, *self.widths), self.widths, strict=False):
            block: list[nn.Module] = [
                BatchNorm2d(width_out) if part == "norm" else nn.LeakyReLU(self.slope, inplace=True)
                for part in self.order.split("-")
            ]
            layers += [Halving(width_in, width_out), *block]
        layers.append(Flatten())
        flat = self.widths[-1] * 16
        if self.features is not None:
            layers.append(Linear(flat, self.features))
        branch = nn.Sequential(*layers)
        init_dcgan(branch)
        return branch, self.features or flat


def _check(shape: Shape, blocks: int) -> None:
    wanted = 4 * 2**blocks
    if shape.resolution != wanted:
        raise UserError(
            f"resolution {shape.resolution} does not fit a network of {blocks} doublings from 4×4, "
            f"which takes {wanted}; give --data.resolution {wanted}, or as many widths as doublings"
        )
