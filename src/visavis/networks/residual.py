"""Residual generator and critic branch, mirrored, no normalisation; after R3GAN (Huang et al. 2024, sec. 3).

Stages from 4×4 (or ``base``) upward, each of ``blocks`` residual blocks; biases only in the activations; the
last convolution of each block starts at zero, so that the network starts shallow.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from visavis.core import Config, IntTuple, Shape
from visavis.errors import UserError
from visavis.networks.grouped import GroupedConv2d
from visavis.networks.layers import RESAMPLERS, init_fan_in
from visavis.networks.roles import Role
from visavis.networks.stages import stages_of, widths_of

SLOPE = 0.2
ACTIVATION_GAIN = (2 / (1 + SLOPE**2)) ** 0.5


class Residual(Config):
    """The stages that generator and branch share.

    ``width``: channels of the finest stage, doubled downward to at most ``widest``; the stages follow from
    the resolution (28 = 7·2·2).  ``widths``: channels per stage instead, from the coarsest, whose side is
    ``base``, to the finest.

    ``block``: "basic" is two 3×3 convolutions; "inverted" is 1×1 up by ``expansion``, 3×3 in groups of
    ``group_width`` channels, 1×1 down (R3GAN's).  ``resample``: "blur" is the [1, 2, 1] filter, "box" the
    cheap one.
    """

    width: PositiveInt = 16
    widest: PositiveInt = 128
    widths: IntTuple = ()
    blocks: PositiveInt = 1
    base: PositiveInt = 4
    block: Literal["basic", "inverted"] = "basic"
    expansion: PositiveInt = 2
    group_width: PositiveInt = 16
    resample: Literal["blur", "box"] = "blur"

    def fitted(self, shape: Shape) -> Self:
        """A copy with ``widths`` and ``base`` for these images; refuses a resolution that it cannot reach."""
        if not self.widths:
            base, stages = stages_of(shape.resolution)
            widths = widths_of(self.width, stages, max(self.widest, self.width))
            return self.model_copy(update={"base": base, "widths": widths})
        reached = self.base * 2 ** (len(self.widths) - 1)
        if shape.resolution != reached:
            raise UserError(
                f"resolution {shape.resolution} does not fit {len(self.widths)} stages "
                f"from {self.base}×{self.base}, which make {reached}; give --data.resolution {reached}, "
                "as many widths as stages, or --networks.….widths '' and a width"
            )
        return self

    def make_block(self, width: int) -> "ResidualBlock":
        """One block at ``width`` channels."""
        gain = ACTIVATION_GAIN * (len(self.widths) * self.blocks) ** -0.25
        if self.block == "basic":
            convs = [nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1, bias=False)]
        else:
            wide = width * self.expansion
            groups = max(wide // self.group_width, 1)
            if wide % groups:
                raise UserError(
                    f"width {width} times expansion {self.expansion} does not divide into groups of "
                    f"{self.group_width}; give widths so that it does, or --networks.….block basic"
                )
            convs = [
                nn.Conv2d(width, wide, 1),
                GroupedConv2d(wide, wide, 3, 1, 1, groups=groups),
                nn.Conv2d(wide, width, 1, bias=False),
            ]
        return ResidualBlock(convs, gain)

    def up(self) -> list[nn.Module]:
        """The stages upward: ``[N, widths[0], base, base] -> [N, widths[-1], R, R]``."""
        layers: list[nn.Module] = []
        for index, width in enumerate(self.widths):
            if index:
                layers.append(_transition(self.widths[index - 1], width, "up", self.resample))
            layers += [self.make_block(width) for _ in range(self.blocks)]
        return layers

    def down(self) -> list[nn.Module]:
        """The stages downward: ``[N, widths[-1], R, R] -> [N, widths[0], base, base]``."""
        widths = self.widths[::-1]
        layers: list[nn.Module] = []
        for index, width in enumerate(widths):
            if index:
                layers.append(_transition(widths[index - 1], width, "down", self.resample))
            layers += [self.make_block(width) for _ in range(self.blocks)]
        return layers


class ResidualBlock(nn.Module):
    """x + conv(act(… conv(x))); no activation follows the last convolution, which starts at zero."""

    def __init__(self, convs: list[nn.Conv2d], gain: float) -> None:
        super().__init__()
        for conv in convs[:-1]:
            init_fan_in(conv, gain)
        nn.init.zeros_(convs[-1].weight)
        layers: list[nn.Module] = []
        for conv in convs[:-1]:
            layers += [conv, nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, convs[-1])

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` -> the same shape."""
        y: Tensor = self.layers(x)
        return x + y


def _transition(width_in: int, width_out: int, mode: str, resample: str) -> nn.Module:
    """Change resolution by two, and the width by a 1×1 convolution, on the coarse side (cheaper)."""
    filter_ = RESAMPLERS[resample](mode)
    if width_in == width_out:
        return filter_
    conv = nn.Conv2d(width_in, width_out, 1, bias=False)
    init_fan_in(conv)
    return nn.Sequential(conv, filter_) if mode == "up" else nn.Sequential(filter_, conv)


class ResidualGenerator(Residual):
    """A learned base times a linear map of z (and class embedding), residual stages upward, 1×1 to RGB."""

    kind: Literal["residual"] = "residual"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 64
    class_dim: PositiveInt = 16

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        return ResidualG(self.fitted(shape), shape, classes)


class ResidualG(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]``, unbounded around [-1, 1]."""

    def __init__(self, config: ResidualGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.z_dim = config.z_dim
        first, last = config.widths[0], config.widths[-1]
        self.classes = nn.Embedding(classes, config.class_dim) if classes else None
        self.base = nn.Parameter(torch.randn(first, config.base, config.base))
        self.mapping = nn.Linear(config.z_dim + (config.class_dim if classes else 0), first, bias=False)
        init_fan_in(self.mapping)
        self.stages = nn.Sequential(*config.up())
        self.to_rgb = nn.Conv2d(last, shape.channels, 1)
        init_fan_in(self.to_rgb)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        if self.classes is not None:
            if labels is None:
                raise UserError("this generator is conditional: it needs labels")
            z = torch.cat([z, self.classes(labels)], dim=1)
        x = self.base * self.mapping(z)[:, :, None, None]
        rgb: Tensor = self.to_rgb(self.stages(x))
        return rgb


class ResidualBranch(Residual):
    """1×1 from RGB, residual stages downward, a depthwise convolution over the base, Linear to ``features``.

    ``widths`` go from the coarsest stage to the finest, as in the generator.
    """

    kind: Literal["residual"] = "residual"
    features: PositiveInt = 64

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, features]`` and the width of its features."""
        fitted = self.fitted(shape)
        coarsest = fitted.widths[0]
        from_rgb = nn.Conv2d(shape.channels, fitted.widths[-1], 1)
        init_fan_in(from_rgb)
        stages = fitted.down()
        pool = GroupedConv2d(coarsest, coarsest, fitted.base, groups=coarsest, bias=False)
        init_fan_in(pool)
        linear = nn.Linear(coarsest, self.features, bias=False)
        init_fan_in(linear)
        return nn.Sequential(from_rgb, *stages, pool, nn.Flatten(), linear), self.features
