"""The U-Net of pix2pix: halvings down to the bottleneck, as many doublings up, skip connections between them.

Isola et al. 2017, "Image-to-image translation with conditional adversarial networks", section 6.1.1.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.cpu import Doubling
from visavis.networks.layers import Dropout, Resample
from visavis.networks.norms import NormName, init_convs, make_norm
from visavis.networks.roles import Role

DEEPEST = 8
"""Halvings of the paper's net, from 256×256 to 1×1."""
DROPOUTS = 3
"""Doublings after the innermost ones of the paper that have dropout."""


class UNet(Config):
    """Conv 4/2/1, norm, LeakyReLU 0.2 on the way down; ConvTranspose 4/2/1, norm, ReLU up; tanh.

    ``width``: channels of the first halving; they double with each, up to ``widest``.  ``blocks``: halvings,
    and as many doublings; None takes as many as the resolution can be halved, up to 8 (at 256: 256 to 1).
    ``norm``: not on the first layer, nor on the innermost, whose 1×1 image has no variance of its own.
    ``dropout``: of the three innermost doublings after the first; the paper's noise.  It is drawn while
    training only, so a trained net translates an image always in the same way (the paper leaves it on).
    ``up``: "resize" is nearest neighbour and Conv 3×3, which leaves no checkerboard (Odena et al. 2016).
    """

    kind: Literal["unet"] = "unet"
    role: ClassVar[Role] = "translator"
    scale: ClassVar[int] = 1
    width: PositiveInt = 64
    widest: PositiveInt = 512
    blocks: PositiveInt | None = None
    norm: NormName = "instance"
    dropout: float = Field(0.5, ge=0, lt=1)
    up: Literal["transposed", "resize"] = "transposed"

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; the resolution must be a multiple of 2^blocks."""
        refuse_classes(classes, "U-Net")
        resolution = shape.resolution
        halvings = (resolution & -resolution).bit_length() - 1  # 2^halvings divides the resolution
        blocks = min(halvings, DEEPEST) if self.blocks is None else self.blocks
        if blocks < 2 or blocks > halvings:
            raise UserError(
                f"resolution {resolution} cannot be halved {max(blocks, 2)} times; give --data.resolution a "
                f"multiple of {2 ** max(blocks, 2)}, or fewer --networks.G.blocks (2 or more)"
            )
        widths = [min(self.width * 2**index, self.widest) for index in range(blocks)]
        return SkipNetwork(self, shape.channels, widths)


def refuse_classes(classes: int, what: str) -> None:
    """A translator is given an image, not a class."""
    if classes:
        raise UserError(f"the {what} cannot be conditional on classes; give --conditional false")


class SkipNetwork(nn.Module):
    """``[N, C, H, W] -> [N, C, H, W]`` in [-1, 1]; sides are multiples of ``stride``."""

    scale = 1
    any_size = True

    def __init__(self, config: UNet, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.stride = 2 ** len(widths)
        innermost = len(widths) - 1
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, width, 4, 2, 1),
                make_norm("none" if index in (0, innermost) else config.norm, width),
                nn.LeakyReLU(0.2),
            )
            for index, (inputs, width) in enumerate(zip([channels, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList()
        for index in range(innermost, 0, -1):
            inputs = widths[index] * (1 if index == innermost else 2)
            self.up.append(
                nn.Sequential(
                    _doubling(config.up, inputs, widths[index - 1]),
                    make_norm(config.norm, widths[index - 1]),
                    Dropout(config.dropout if len(self.up) < DROPOUTS else 0.0),
                    nn.ReLU(),
                )
            )
        self.last = _doubling(config.up, 2 * widths[0], channels)
        init_convs(self, config.norm != "none")

    def forward(self, x: Tensor) -> Tensor:
        """Inputs to images."""
        seen: list[Tensor] = []
        for down in self.down:
            x = down(x)
            seen.append(x)
        for up, skip in zip(self.up, seen[-2::-1], strict=True):
            x = torch.cat([up(x), skip], dim=1)
        y: Tensor = self.last(x)
        return torch.tanh(y.float())


def _doubling(up: str, inputs: int, outputs: int) -> nn.Module:
    if up == "transposed":
        return Doubling(inputs, outputs)
    return nn.Sequential(Resample("up"), nn.Conv2d(inputs, outputs, 3, 1, 1))
