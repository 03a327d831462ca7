"""Progressive growing (Karras et al. 2018): networks that start with few pixels and fade finer stages in.

Outside they speak the data's resolution from the first image on: the generator enlarges what it makes by
nearest neighbours, the discriminator takes means of pixels, and each is exact for the other.  The paper also
fades the detail of the real images in; here the discriminator's own fade does that.
"""

from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from visavis.core import Config, Shape
from visavis.networks.conditional import Latent
from visavis.networks.equalised import Activation, EqualConv2d, EqualLinear, PixelNorm
from visavis.networks.growth import Growing
from visavis.networks.minibatch import MinibatchStddev
from visavis.networks.roles import Role
from visavis.networks.stages import stages_of, widths_of

GAIN = 2**0.5


class _Progressive(Config):
    """``width``: channels of the finest stage, doubled at each below it, at most ``widest``.

    Each stage trains for ``stage_images`` images, then the next one fades in over ``fade_images``.  G and D
    must agree in both.
    """

    width: PositiveInt = 64
    widest: PositiveInt = 512
    stage_images: PositiveInt = 600_000
    fade_images: PositiveInt = 600_000

    def widths(self, shape: Shape) -> tuple[int, tuple[int, ...]]:
        """The side of the coarsest stage, and the widths of all, the coarsest first."""
        base, stages = stages_of(shape.resolution)
        return base, widths_of(self.width, stages, self.widest)

    def at(self, images: int, stages: int) -> tuple[int, float]:
        """The finest stage in use after ``images`` images, and how far it has faded in, in [0, 1]."""
        if images < self.stage_images:
            return 0, 1.0
        done, since = divmod(images - self.stage_images, self.fade_images + self.stage_images)
        if done + 1 >= stages:
            return stages - 1, 1.0
        return done + 1, min(since / self.fade_images, 1.0)


class ProGANGenerator(_Progressive):
    """z (and the class's embedding), pixel norm -> stages of two Conv3, each pixel-normed -> 1×1 to RGB."""

    kind: Literal["progan"] = "progan"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 512
    class_dim: PositiveInt = 16

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        return ProGANG(self, shape, classes)


class ProGANG(Growing):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]``, unbounded around [-1, 1]."""

    def __init__(self, config: ProGANGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.config, self.z_dim = config, config.z_dim
        base, widths = config.widths(shape)
        self.latent = Latent(config.z_dim, classes, config.class_dim)
        self.first = (widths[0], base, base)
        self.norm = PixelNorm()
        self.start = EqualLinear(self.latent.width, widths[0] * base**2, gain=GAIN / base)
        blocks = [nn.Sequential(Activation(), PixelNorm(), *_conv(widths[0], widths[0]))]
        for width_in, width_out in pairwise(widths):
            blocks.append(nn.Sequential(*_conv(width_in, width_out), *_conv(width_out, width_out)))
        self.blocks = nn.ModuleList(blocks)
        self.to_rgb = nn.ModuleList(EqualConv2d(width, shape.channels, 1) for width in widths)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images of the data's resolution, whatever the stage."""
        level, fade = self.config.at(self.progress(), len(self.blocks))
        x = self.start(self.norm(self.latent(z, labels))).reshape(-1, *self.first)
        below = x
        for index in range(level + 1):
            below = x
            x = self.blocks[index](_larger(x) if index else x)
        rgb: Tensor = self.to_rgb[level](x)
        if fade < 1:
            rgb = torch.lerp(_larger(self.to_rgb[level - 1](below)), rgb, fade)
        return _larger(rgb, 2 ** (len(self.blocks) - 1 - level))


class ProGANBranch(_Progressive):
    """1×1 from RGB, stages of two Conv3 and a mean of 2×2, the batch's deviation, Conv3, all of the base."""

    kind: Literal["progan"] = "progan"

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, F]`` and the width of its features."""
        net = ProGANB(self, shape)
        return net, net.features


class ProGANB(Growing):
    """``[N, C, R, R] -> [N, F]``, looking at what the stage in use sees."""

    def __init__(self, config: ProGANBranch, shape: Shape) -> None:
        super().__init__()
        self.config = config
        base, widths = config.widths(shape)
        self.features = widths[0]
        self.from_rgb = nn.ModuleList(
            nn.Sequential(EqualConv2d(shape.channels, width, 1, gain=GAIN), Activation()) for width in widths
        )
        blocks: list[nn.Module] = [nn.Identity()]  # the coarsest stage is the end
        for width_out, width_in in pairwise(widths):
            halved = [*_act(width_in, width_in), *_act(width_in, width_out), nn.AvgPool2d(2)]
            blocks.append(nn.Sequential(*halved))
        self.blocks = nn.ModuleList(blocks)
        self.end = nn.Sequential(
            MinibatchStddev(),
            *_act(widths[0] + 1, widths[0]),
            EqualConv2d(widths[0], widths[0], base, gain=GAIN),
            Activation(),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images of the data's resolution to features."""
        level, fade = self.config.at(self.progress(), len(self.blocks))
        x = _smaller(x, 2 ** (len(self.blocks) - 1 - level))
        y = self.from_rgb[level](x)
        for index in range(level, 0, -1):
            y = self.blocks[index](y)
            if index == level and fade < 1:
                y = torch.lerp(self.from_rgb[level - 1](_smaller(x)), y, fade)
        features: Tensor = self.end(y)
        return features


def _act(width_in: int, width_out: int) -> list[nn.Module]:
    return [EqualConv2d(width_in, width_out, 3, 1, gain=GAIN), Activation()]


def _conv(width_in: int, width_out: int) -> list[nn.Module]:
    return [*_act(width_in, width_out), PixelNorm()]


def _larger(x: Tensor, times: int = 2) -> Tensor:
    return interpolate(x, scale_factor=float(times), mode="nearest") if times > 1 else x


def _smaller(x: Tensor, times: int = 2) -> Tensor:
    return avg_pool2d(x, times) if times > 1 else x
