"""The networks of S3: nearest-neighbour upsampling and 3×3 convolutions, two doublings up and four halvings
down.

Their sides are written for images in [0, 1]; the conversion stands at the networks' own edge.
"""

from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor, cat, nn, sigmoid
from torch.nn.functional import relu

from visavis.core import Config, IntTuple, Shape
from visavis.errors import UserError
from visavis.networks.conditional import Latent, batch_norm, needed, run
from visavis.networks.cpu import Flatten, Linear, laid_out_like
from visavis.networks.layers import BatchNorm2d, Resample
from visavis.networks.roles import Role

SCALE = 10
"""What S3 divides the label by."""


class UpsamplingGenerator(Config):
    """z and the class -> Linear, ReLU to a quarter of the resolution -> up, Conv3 … -> up, Conv3, Conv3,
    sigmoid.

    ``conditioning``: "number" appends label / 10 to z as one number, as S3 does (near to useless: the classes
    get an order and a distance, and D never sees them); "concat" an embedding; "norm" gives every batch
    normalisation the class's own gain and shift.  ``widths``: of the first map and after each convolution.
    """

    kind: Literal["upsampling"] = "upsampling"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 100
    widths: IntTuple = (512, 512, 256, 128, 64)
    conditioning: Literal["number", "concat", "norm"] = "concat"
    class_dim: PositiveInt = 50

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        if len(self.widths) != 5:
            raise UserError(
                f"{len(self.widths)} widths (allowed: 5, of the first map and four convolutions); "
                "mend --networks.G.widths"
            )
        _quarter(shape)
        return UpsamplingG(self, shape, classes)


class UpsamplingG(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1]."""

    def __init__(self, config: UpsamplingGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.z_dim = config.z_dim
        self.number = bool(classes) and config.conditioning == "number"
        in_norms = classes if config.conditioning == "norm" else 0
        beside = classes if config.conditioning == "concat" else 0
        self.latent = Latent(config.z_dim, beside, config.class_dim)
        first, *widths = config.widths
        side = _quarter(shape)
        self.first = (first, side, side)
        self.start = Linear(self.latent.width + self.number, first * side**2)

        def conv(width_in: int, width_out: int) -> list[nn.Module]:
            return [nn.Conv2d(width_in, width_out, 3, 1, 1), batch_norm(width_out, in_norms), nn.ReLU()]

        a, b, c, d = widths
        up = Resample("up")
        layers = [up, *conv(first, a), *conv(a, b), *conv(b, c), up, *conv(c, d)]
        self.layers = nn.ModuleList([*layers, nn.Conv2d(d, shape.channels, 3, 1, 1)])

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        z = self.latent(z, labels)
        if self.number:
            z = cat([z, needed(labels)[:, None].to(z.dtype) / SCALE], dim=1)
        x = relu(self.start(z)).reshape(-1, *self.first)
        to_rgb = self.layers[-1]
        assert isinstance(to_rgb, nn.Conv2d)
        return 2 * sigmoid(run(self.layers, laid_out_like(x, to_rgb.weight), labels)) - 1


def _quarter(shape: Shape) -> int:
    side, rest = divmod(shape.resolution, 4)
    if rest:
        raise UserError(
            f"resolution {shape.resolution} is no multiple of 4, which two doublings make; "
            f"give --data.resolution {4 * (side + 1)}"
        )
    return side


class StridedBranch(Config):
    """Conv3 of stride 2, BatchNorm, leaky ReLU a width, flattened (S3's discriminator, torch's own start)."""

    kind: Literal["strided"] = "strided"
    widths: IntTuple = (64, 128, 256, 512)
    slope: float = 0.01

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, F]`` and the width of its features."""
        layers: list[nn.Module] = [ToUnit()]
        side, width_in = shape.resolution, shape.channels
        for width in self.widths:
            layers += [nn.Conv2d(width_in, width, 3, 2, 1), BatchNorm2d(width), nn.LeakyReLU(self.slope)]
            side, width_in = (side + 1) // 2, width
        return nn.Sequential(*layers, Flatten()), width_in * side**2


class ToUnit(nn.Module):
    """[-1, 1] -> [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return (x + 1) / 2
