"""StyleGAN2 (Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN") in plain PyTorch.

A mapping network makes w of z; every convolution is modulated by an affine map of w and demodulated; noise is
added; RGB is summed over the resolutions; the discriminator is residual.  ``style`` "adain" is the form of
injection that StyleGAN had (Karras et al. 2019): each map normalised, then scaled and shifted by w.
"""

import math
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import conv2d, instance_norm

from visavis.core import Config, Shape
from visavis.networks.conditional import needed
from visavis.networks.equalised import Activation, EqualConv2d, EqualLinear, PixelNorm
from visavis.networks.layers import Blur
from visavis.networks.minibatch import MinibatchStddev
from visavis.networks.roles import Role
from visavis.networks.stages import stages_of, widths_of
from visavis.training import parallel

GAIN = 2**0.5
"""Of every activation; weights are scaled by 1 / √fan_in alone."""
W_DECAY = 0.995
"""Of the running mean of w, to which truncation draws."""
MAPPING_RATE = 0.01
"""The mapping network's learning rate as a part of the others'."""


class _StyleGAN2(Config):
    """``width``: channels of the finest stage, doubled at each below it, at most ``widest``."""

    width: PositiveInt = 64
    widest: PositiveInt = 512

    def widths(self, shape: Shape) -> tuple[int, tuple[int, ...]]:
        """The side of the coarsest stage, and the widths of all, the coarsest first."""
        base, stages = stages_of(shape.resolution)
        return base, widths_of(self.width, stages, self.widest)


class StyleGAN2Generator(_StyleGAN2):
    """z -> mapping network -> w -> a learned constant through modulated stages, RGB summed over them.

    ``mixing``: share of the training images whose finer layers get the w of another z.  ``truncation``: after
    training w is drawn towards its mean, to this part of its distance (1: not; lower: safer, less varied).
    """

    kind: Literal["stylegan2"] = "stylegan2"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 512
    w_dim: PositiveInt = 512
    mapping: PositiveInt = 8
    style: Literal["demodulation", "adain"] = "demodulation"
    noise: bool = True
    mixing: float = Field(0.9, ge=0, le=1)
    truncation: float = Field(1.0, ge=0, le=1)

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        return StyleGAN2G(self, shape, classes)


class StyleGAN2G(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]``, unbounded around [-1, 1].

    It is :meth:`styles`, then :meth:`synthesis`; what is between them is what a path length penalty asks for.
    """

    w_mean: Tensor

    def __init__(self, config: StyleGAN2Generator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.config, self.z_dim = config, config.z_dim
        self.truncation = config.truncation
        self.mapping = Mapping(config, classes)
        self.synthesis = Synthesis(config, shape)
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """The w of every layer, ``[N, layers, w_dim]``: mixed in training, truncated after it."""
        w: Tensor = self.mapping(z, labels)
        if self.training:
            with torch.no_grad():
                self.w_mean.lerp_(parallel.mean(w.detach().float().mean(0)), 1 - W_DECAY)
            return self._mixed(w, z, labels)
        if self.truncation != 1:
            w = torch.lerp(self.w_mean, w, self.truncation)
        return w[:, None].expand(-1, self.synthesis.layers, -1)

    def _mixed(self, w: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        layers = self.synthesis.layers
        if self.config.mixing == 0:
            return w[:, None].expand(-1, layers, -1)
        other: Tensor = self.mapping(parallel.randn(*z.shape, device=z.device), labels)
        draws = parallel.rand(len(z), 2, device=z.device)
        cut = 1 + (draws[:, 0] * (layers - 1)).floor()  # the first layer that gets the other w
        cut = torch.where(draws[:, 1] < self.config.mixing, cut, layers)
        later = torch.arange(layers, device=z.device) >= cut[:, None]  # [N, layers]
        return torch.where(later[..., None], other[:, None], w[:, None])

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        image: Tensor = self.synthesis(self.styles(z, labels))
        return image


class Mapping(nn.Module):
    """z (and the class's embedding), each of mean square 1 -> w, through ``mapping`` layers."""

    def __init__(self, config: StyleGAN2Generator, classes: int) -> None:
        super().__init__()
        self.norm = PixelNorm()
        self.classes = nn.Embedding(classes, config.z_dim) if classes else None
        layers: list[nn.Module] = []
        width = config.z_dim * (2 if classes else 1)
        for _ in range(config.mapping):
            layers += [EqualLinear(width, config.w_dim, rate=MAPPING_RATE), Activation(GAIN)]
            width = config.w_dim
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """``[N, z_dim]``, ``[N]`` -> ``[N, w_dim]``."""
        x = self.norm(z)
        if self.classes is not None:
            x = torch.cat([x, self.norm(self.classes(needed(labels)))], dim=1)
        w: Tensor = self.layers(x)
        return w


class Synthesis(nn.Module):
    """``[N, layers, w_dim] -> [N, C, R, R]``; a stage's RGB has the w of the layer that follows it."""

    def __init__(self, config: StyleGAN2Generator, shape: Shape) -> None:
        super().__init__()
        base, widths = config.widths(shape)
        self.constant = nn.Parameter(torch.randn(1, widths[0], base, base))
        convs = [StyledConv(config, widths[0], widths[0], base)]
        for index, (width_in, width_out) in enumerate(pairwise(widths), start=1):
            side = base * 2**index
            convs.append(StyledConv(config, width_in, width_out, side, up=True))
            convs.append(StyledConv(config, width_out, width_out, side))
        self.convs = nn.ModuleList(convs)
        self.to_rgb = nn.ModuleList(ToRGB(config, width, shape.channels) for width in widths)
        self.up = Blur("up")
        self.layers = len(convs) + 1

    def forward(self, w: Tensor) -> Tensor:
        """The w of every layer to images."""
        x = self.convs[0](self.constant.expand(w.shape[0], -1, -1, -1), w[:, 0])
        rgb: Tensor = self.to_rgb[0](x, w[:, 1])
        for stage in range(1, len(self.to_rgb)):
            first = 2 * stage - 1
            x = self.convs[first](x, w[:, first])
            x = self.convs[first + 1](x, w[:, first + 1])
            rgb = self.up(rgb) + self.to_rgb[stage](x, w[:, first + 2])
        return rgb


def modulate(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool) -> Tensor:
    """A convolution with a weight of each image's own, weight · style, to unit variance if ``demodulate``.

    ``x: [N, C, H, W]``, ``weight: [D, C, k, k]``, ``style: [N, C]`` -> ``[N, D, H, W]``; equations 1 and 3.
    Scaling the input and then the output is the same as scaling each image's weight, and is one convolution.
    """
    y = conv2d(x * style[:, :, None, None], weight, padding=weight.shape[2] // 2)
    if demodulate:
        squares = style.square() @ weight.square().sum((2, 3)).t()  # [N, D]
        y = y * (squares + 1e-8).rsqrt()[:, :, None, None]
    return y


class StyledConv(nn.Module):
    """Conv3 in the style of w, after doubling if ``up``; noise, bias, leaky ReLU."""

    noise: Tensor

    def __init__(
        self, config: StyleGAN2Generator, width_in: int, width_out: int, side: int, up: bool = False
    ) -> None:
        super().__init__()
        self.adain = config.style == "adain"
        self.weight = nn.Parameter(torch.randn(width_out, width_in, 3, 3))
        self.scale = 1 / math.sqrt(9 * width_in)
        self.style = EqualLinear(config.w_dim, 2 * width_out if self.adain else width_in, bias=1.0)
        if self.adain:
            nn.init.zeros_(self.style.bias[width_out:])
        self.up = Blur("up") if up else None
        self.bias = nn.Parameter(torch.zeros(width_out))
        self.strength = nn.Parameter(torch.zeros(())) if config.noise else None
        if config.noise:  # what every image gets once training is over
            self.register_buffer("noise", torch.randn(1, 1, side, side))
        self.act = Activation(GAIN)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``[N, C, H, W]``, ``[N, w_dim]`` -> ``[N, D, H, W]`` or twice that side."""
        style: Tensor = self.style(w)
        weight = self.weight * self.scale
        if self.up is not None:
            x = self.up(x)
        y = conv2d(x, weight, padding=1) if self.adain else modulate(x, weight, style, demodulate=True)
        out: Tensor = self.act(self._noisy(y) + self.bias[:, None, None])
        if self.adain:
            gain, shift = style[:, :, None, None].chunk(2, dim=1)
            out = instance_norm(out) * gain + shift
        return out

    def _noisy(self, x: Tensor) -> Tensor:
        if self.strength is None:
            return x
        fresh = self.training
        noise = parallel.randn(len(x), 1, *x.shape[2:], device=x.device) if fresh else self.noise
        return x + self.strength * noise


class ToRGB(nn.Module):
    """A modulated 1×1 to RGB, not demodulated."""

    def __init__(self, config: StyleGAN2Generator, width: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, width, 1, 1))
        self.scale = 1 / math.sqrt(width)
        self.style = EqualLinear(config.w_dim, width, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``[N, width, H, W]``, ``[N, w_dim]`` -> ``[N, C, H, W]``."""
        rgb = modulate(x, self.weight * self.scale, self.style(w), demodulate=False)
        return rgb + self.bias[:, None, None]


class StyleGAN2Branch(_StyleGAN2):
    """1×1 from RGB, residual blocks downward, the batch's deviation, Conv3, Linear."""

    kind: Literal["stylegan2"] = "stylegan2"

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, F]`` and the width of its features."""
        base, widths = self.widths(shape)
        layers: list[nn.Module] = [EqualConv2d(shape.channels, widths[-1], 1), Activation(GAIN)]
        for width_out, width_in in reversed(list(pairwise(widths))):
            layers.append(ResidualDown(width_in, width_out))
        coarsest = widths[0]
        layers += [MinibatchStddev(), EqualConv2d(coarsest + 1, coarsest, 3, 1), Activation(GAIN)]
        layers += [nn.Flatten(), EqualLinear(coarsest * base**2, coarsest), Activation(GAIN)]
        return nn.Sequential(*layers), coarsest


class ResidualDown(nn.Module):
    """Two Conv3, the second halving, beside a halving 1×1; the sum keeps its variance."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.down = Blur("down")
        self.conv1 = EqualConv2d(width_in, width_in, 3, 1)
        self.conv2 = EqualConv2d(width_in, width_out, 3, 1)
        self.skip = EqualConv2d(width_in, width_out, 1, bias=False)
        self.act = Activation(GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, D, H/2, W/2]``."""
        y = self.act(self.conv1(x))
        y = self.act(self.down(self.conv2(y)))
        out: Tensor = (y + self.skip(self.down(x))) / GAIN
        return out
