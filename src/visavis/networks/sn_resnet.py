"""The residual networks of SNGAN (Miyato et al. 2018, table 4); with attention SAGAN's (Zhang et al. 2019).

At 32×32 they are the paper's; at other resolutions the generator has a block a doubling, the discriminator
one a halving down to 8 pixels or fewer, and two more.
"""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import relu

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.attention import SelfAttention
from visavis.networks.conditional import ClassBatchNorm2d, VectorBatchNorm2d, batch_norm
from visavis.networks.cpu import laid_out_like
from visavis.networks.layers import Resample, init_orthogonal
from visavis.networks.norms import SpectralConv2d, SpectralLinear
from visavis.networks.roles import Role
from visavis.networks.stages import stages_of

COARSEST = 8
"""Side, in pixels, down to which the discriminator halves."""


def conv(spectral: bool, inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size."""
    make = SpectralConv2d if spectral else nn.Conv2d
    return make(inputs, outputs, kernel, padding=kernel // 2)


def normed(norm: nn.Module, x: Tensor, condition: Tensor | None) -> Tensor:
    """``x`` normalised; ``condition``: what a conditional normalisation takes."""
    y: Tensor = norm(x, condition) if isinstance(norm, ClassBatchNorm2d | VectorBatchNorm2d) else norm(x)
    return y


class UpBlock(nn.Module):
    """Norm, ReLU, up, Conv3, norm, ReLU, Conv3, beside up and a 1×1; the norms may be conditional."""

    def __init__(self, width_in: int, width_out: int, norms: list[nn.Module], spectral: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = norms
        self.conv1 = conv(spectral, width_in, width_out)
        self.conv2 = conv(spectral, width_out, width_out)
        self.skip = conv(spectral, width_in, width_out, 1)
        self.up = Resample("up")

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """``[N, C, H, W] -> [N, D, 2H, 2W]``."""
        y = self.conv1(self.up(relu(normed(self.norm1, x, condition))))
        y = self.conv2(relu(normed(self.norm2, y, condition)))
        out: Tensor = self.up(self.skip(x)) + y  # a 1×1 before or after: the same, and here a quarter of it
        return out


class DownBlock(nn.Module):
    """ReLU, Conv3, ReLU, Conv3, down, beside a 1×1 and down; the ``first`` has no ReLU before it.

    A block that neither halves nor changes the width has the identity beside it.
    """

    def __init__(self, width_in: int, width_out: int, down: bool, first: bool = False) -> None:
        super().__init__()
        self.first = first
        self.conv1, self.conv2 = conv(True, width_in, width_out), conv(True, width_out, width_out)
        self.skip = conv(True, width_in, width_out, 1) if down or width_in != width_out else None
        self.down: nn.Module = Resample("down") if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, D, H/2, W/2]``, or ``[N, D, H, W]``."""
        y = self.down(self.conv2(relu(self.conv1(x if self.first else relu(x)))))
        # the mean of 2×2 and a 1×1 change places freely: the mean first is a quarter of the work
        skipped: Tensor = self.down(x)
        out: Tensor = (skipped if self.skip is None else self.skip(skipped)) + y
        return out


def init_xavier(module: nn.Module) -> None:
    """3×3 convolutions of blocks U with gain √2, everything else gain 1, biases 0 (the authors' choice)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for block in module.modules():
        if isinstance(block, UpBlock | DownBlock):
            nn.init.xavier_uniform_(block.conv1.weight, 2**0.5)
            nn.init.xavier_uniform_(block.conv2.weight, 2**0.5)


def check_attention(attention: int | None, sides: list[int]) -> None:
    """Raise :class:`UserError` unless attention stands at one of these sides of feature maps."""
    if attention is not None and attention not in sides:
        allowed = ", ".join(map(str, sides))
        raise UserError(
            f"attention at {attention}×{attention}, where no feature map is (allowed: {allowed}); "
            "give --networks.….attention one of these, or none"
        )


class SNResNetGenerator(Config):
    """z -> Linear to base×base -> blocks upward -> BatchNorm, ReLU, Conv3, tanh.

    Conditional: batch normalisations of each class.  ``spectral``: of every convolution and linear map
    (SAGAN); ``attention``: side of the feature map that has self-attention.
    """

    kind: Literal["sn-resnet"] = "sn-resnet"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 128
    width: PositiveInt = 256
    spectral: bool = False
    attention: PositiveInt | None = None

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        base, stages = stages_of(shape.resolution)
        check_attention(self.attention, [base * 2**k for k in range(1, stages)])
        return SNResNetG(self, shape, classes)


class SNResNetG(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1]."""

    def __init__(self, config: SNResNetGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.z_dim, width, spectral = config.z_dim, config.width, config.spectral
        base, stages = stages_of(shape.resolution)
        self.first = (width, base, base)
        self.start = (SpectralLinear if spectral else nn.Linear)(config.z_dim, width * base**2)
        layers: list[nn.Module] = []
        for stage in range(1, stages):
            norms = [batch_norm(width, classes) for _ in range(2)]
            layers.append(UpBlock(width, width, norms, spectral))
            if config.attention == base * 2**stage:
                layers.append(SelfAttention(width, spectral))
        self.layers = nn.ModuleList(layers)
        self.norm = batch_norm(width, 0)
        self.to_rgb = conv(spectral, width, shape.channels)
        init_xavier(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        x = laid_out_like(self.start(z).reshape(-1, *self.first), self.to_rgb.weight)
        for layer in self.layers:
            x = layer(x, labels) if isinstance(layer, UpBlock) else layer(x)
        return torch.tanh(self.to_rgb(relu(self.norm(x))))


class SNResNetBranch(Config):
    """Blocks downward, every weight with spectral normalisation, ReLU, the sum over places.

    ``attention``: side of the feature map that has self-attention; ``init``: "orthogonal" is BigGAN's.
    """

    kind: Literal["sn-resnet"] = "sn-resnet"
    width: PositiveInt = 128
    attention: PositiveInt | None = None
    init: Literal["xavier", "orthogonal"] = "xavier"

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, width]`` and the width of its features."""
        width, side, sides = self.width, shape.resolution // 2, [shape.resolution // 2]
        layers: list[nn.Module] = []

        def add(block: DownBlock) -> None:
            layers.append(block)
            if self.attention == side and not any(isinstance(layer, SelfAttention) for layer in layers):
                layers.append(SelfAttention(width))

        add(DownBlock(shape.channels, width, down=True, first=True))
        while side > COARSEST:
            side //= 2
            sides.append(side)
            add(DownBlock(width, width, down=True))
        check_attention(self.attention, sides)
        add(DownBlock(width, width, down=False))
        add(DownBlock(width, width, down=False))
        branch = nn.Sequential(*layers, SumOfPlaces())
        {"xavier": init_xavier, "orthogonal": init_orthogonal}[self.init](branch)
        return branch, width


class SumOfPlaces(nn.Module):
    """ReLU, then the sum over all places."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, C]``."""
        return relu(x).sum(dim=(2, 3))
