"""Two more translators: CycleGAN's residual generator, and a net for super-resolution."""

from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn, tanh
from torch.nn.functional import interpolate

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.layers import Resample
from visavis.networks.norms import NormName, init_convs, make_norm
from visavis.networks.roles import Role
from visavis.networks.unet import refuse_classes


class ResnetTranslator(Config):
    """A convolution, halvings, residual blocks, doublings, a convolution, tanh; reflected borders, ReLU.

    Johnson et al. 2016, as Zhu et al. 2017 ("Unpaired image-to-image translation using cycle-consistent
    adversarial networks", section 7.2) use it.  ``width``: channels at full resolution; a halving doubles
    them.  ``blocks``: None takes the paper's 9 from 256 pixels on, else 6.  ``outer``: side of the kernels of
    the first and the last convolution.  ``up``: "resize" is nearest neighbour and Conv 3×3.
    """

    kind: Literal["resnet"] = "resnet"
    role: ClassVar[Role] = "translator"
    scale: ClassVar[int] = 1
    width: PositiveInt = 64
    halvings: NonNegativeInt = 2
    blocks: PositiveInt | None = None
    outer: Literal[3, 5, 7] = 7
    norm: NormName = "instance"
    up: Literal["transposed", "resize"] = "transposed"

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; the resolution must be a multiple of 2^halvings, with 8 pixels or more."""
        refuse_classes(classes, "residual translator")
        stride = 2**self.halvings
        if shape.resolution % stride or shape.resolution < max(8, 2 * stride):
            raise UserError(
                f"resolution {shape.resolution} does not fit {self.halvings} halvings; give "
                f"--data.resolution a multiple of {stride}, {max(8, 2 * stride)} or more"
            )
        blocks = self.blocks or (9 if shape.resolution >= 256 else 6)
        return ResidualTranslator(self, shape.channels, blocks)


class _Block(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3×3, without an activation after the sum."""

    def __init__(self, width: int, norm: NormName) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, padding_mode="reflect"),
            make_norm(norm, width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, padding_mode="reflect"),
            make_norm(norm, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]`` -> the same shape."""
        out: Tensor = x + self.layers(x)
        return out


class ResidualTranslator(nn.Module):
    """``[N, C, H, W] -> [N, C, H, W]`` in [-1, 1]; sides are multiples of ``stride``."""

    scale = 1
    any_size = True

    def __init__(self, config: ResnetTranslator, channels: int, blocks: int) -> None:
        super().__init__()
        self.stride = 2**config.halvings
        widths = [config.width * 2**index for index in range(config.halvings + 1)]

        def block(conv: nn.Module, width: int) -> list[nn.Module]:
            return [conv, make_norm(config.norm, width), nn.ReLU()]

        outer, padding = config.outer, config.outer // 2
        first = nn.Conv2d(channels, widths[0], outer, 1, padding, padding_mode="reflect")
        layers = block(first, widths[0])
        for inputs, width in pairwise(widths):
            layers += block(nn.Conv2d(inputs, width, 3, 2, 1), width)
        layers += [_Block(widths[-1], config.norm) for _ in range(blocks)]
        for inputs, width in pairwise(widths[::-1]):
            layers += block(_doubling(config.up, inputs, width), width)
        last = nn.Conv2d(widths[0], channels, outer, 1, padding, padding_mode="reflect")
        self.layers = nn.Sequential(*layers, last)
        init_convs(self, config.norm != "none")

    def forward(self, x: Tensor) -> Tensor:
        """Inputs to images."""
        y: Tensor = self.layers(x)
        return tanh(y.float())


def _doubling(up: str, inputs: int, outputs: int) -> nn.Module:
    if up == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
    return nn.Sequential(Resample("up"), nn.Conv2d(inputs, outputs, 3, 1, 1))


class SuperResolver(Config):
    """Residual blocks without normalisation at the low resolution, then pixel shuffle; added to bicubic.

    Lim et al. 2017, "Enhanced deep residual networks for single image super-resolution" (EDSR), small.  The
    last layer starts at zero, so that training starts from bicubic interpolation.
    """

    kind: Literal["super-resolver"] = "super-resolver"
    role: ClassVar[Role] = "translator"
    scale: Literal[2, 4, 8] = 2
    width: PositiveInt = 64
    blocks: PositiveInt = 8

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; ``shape`` is that of the enlarged images."""
        refuse_classes(classes, "super-resolution net")
        if shape.resolution % self.scale:
            raise UserError(
                f"resolution {shape.resolution} is no multiple of the scale {self.scale}; "
                f"give --data.resolution one, or another --networks.G.scale"
            )
        return UpscalingNetwork(self, shape.channels)


class UpscalingNetwork(nn.Module):
    """``[N, C, h, w] -> [N, C, scale·h, scale·w]``, about [-1, 1]: nothing cuts it there."""

    stride = 1
    any_size = True

    def __init__(self, config: SuperResolver, channels: int) -> None:
        super().__init__()
        self.scale: int = config.scale
        width = config.width
        self.first = nn.Conv2d(channels, width, 3, 1, 1)
        self.blocks = nn.Sequential(
            *(_PlainBlock(width) for _ in range(config.blocks)), nn.Conv2d(width, width, 3, 1, 1)
        )
        doublings = self.scale.bit_length() - 1
        up: list[nn.Module] = []
        for _ in range(doublings):
            up += [nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2)]
        self.up = nn.Sequential(*up)
        self.last = nn.Conv2d(width, channels, 3, 1, 1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Small images to large ones."""
        h = self.first(x)
        detail: Tensor = self.last(self.up(h + self.blocks(h)))
        return enlarged(x, self.scale) + detail.float()


def enlarged(x: Tensor, scale: int) -> Tensor:
    """``[N, C, h, w] -> [N, C, scale·h, scale·w]`` by bicubic interpolation: Pillow's, hence "antialias"."""
    size = (scale * x.shape[-2], scale * x.shape[-1])
    return interpolate(x.float(), size, mode="bicubic", antialias=True)


class _PlainBlock(nn.Module):
    """x + conv(relu(conv(x))), 3×3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]`` -> the same shape."""
        out: Tensor = x + self.layers(x)
        return out
