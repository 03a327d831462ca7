"""DCGAN (Radford et al. 2016): transposed convolutions upward, strided ones downward, batch normalisation.

The stages follow from the resolution: 4 -> 8 -> … -> 64 as in the paper, 7 -> 14 -> 28 for MNIST.
"""

from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.conditional import Conditioning, Latent, batch_norm, run
from visavis.networks.cpu import Doubling, Flatten, Halving, Linear, laid_out_like
from visavis.networks.layers import BatchNorm2d, init_dcgan
from visavis.networks.norms import SpectralConv2d
from visavis.networks.roles import Role
from visavis.networks.stages import stages_from, stages_of, widths_of


class _DCGAN(Config):
    """``width``: channels at half the resolution, doubled at each stage below, at most ``widest``.

    ``base``: side of the coarsest stage, None: as the resolution has it (4 for 64, 7 for 28).  ``coarse``:
    further 3×3 convolutions there, none in the paper: what a stroke has to do with another is told where
    it costs least.
    """

    width: PositiveInt = 64
    widest: PositiveInt = 1024
    base: PositiveInt | None = None
    coarse: NonNegativeInt = 0

    def stages(self, shape: Shape) -> tuple[int, tuple[int, ...]]:
        """The side of the coarsest stage, and the widths from there to half the resolution."""
        base, stages = self._from_base(shape.resolution)
        if stages < 2:
            raise UserError(
                f"resolution {shape.resolution} leaves a DCGAN no stage below it; give --data.resolution "
                f"{2 * shape.resolution}"
            )
        return base, widths_of(self.width, stages - 1, self.widest)

    def _from_base(self, resolution: int) -> tuple[int, int]:
        """The side of the coarsest stage and the number of stages; refuses with an advice that works."""
        try:
            return stages_from(resolution, self.base)
        except UserError:
            if self.base is None:
                raise
        larger = self.base * 2 ** max(resolution // self.base, 1).bit_length()
        mend = f"--data.resolution {larger}"
        try:
            stages_of(resolution)
            mend = f"--networks.….base none, or {mend}"
        except UserError:  # no base of its own reaches it either
            pass
        raise UserError(f"resolution {resolution} is no doubling of the base {self.base}; give {mend}")


class DCGANGenerator(_DCGAN):
    """z -> base×base, then ConvTranspose 4/2/1, each with BatchNorm and ReLU, the last with tanh; no biases.

    The first transposed convolution, of a 1×1 image, is a linear map.  ``conditioning``: an embedding of
    ``class_dim`` appended to z, or batch normalisations of each class.
    """

    kind: Literal["dcgan"] = "dcgan"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 100
    conditioning: Conditioning = "concat"
    class_dim: PositiveInt = 50

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        return DCGANG(self, shape, classes)


class DCGANG(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1]."""

    def __init__(self, config: DCGANGenerator, shape: Shape, classes: int) -> None:
        super().__init__()
        self.z_dim = config.z_dim
        base, widths = config.stages(shape)
        in_norms = classes if config.conditioning == "norm" else 0
        self.latent = Latent(config.z_dim, 0 if in_norms else classes, config.class_dim)
        self.start = Linear(self.latent.width, widths[0] * base**2, bias=False)
        self.first = (widths[0], base, base)
        layers: list[nn.Module] = [batch_norm(widths[0], in_norms), nn.ReLU(inplace=True)]
        for _ in range(config.coarse):
            layers += [
                nn.Conv2d(widths[0], widths[0], 3, 1, 1, bias=False),
                batch_norm(widths[0], in_norms),
                nn.ReLU(inplace=True),
            ]
        for width_in, width_out in pairwise(widths):
            layers += [
                Doubling(width_in, width_out, bias=False),
                batch_norm(width_out, in_norms),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.ModuleList([*layers, Doubling(widths[-1], shape.channels, bias=False), nn.Tanh()])
        init_dcgan(self)
        nn.init.normal_(self.start.weight, 0.0, 0.02)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        x = self.start(self.latent(z, labels)).unflatten(1, self.first)
        to_rgb = self.layers[-2]
        assert isinstance(to_rgb, Doubling)
        return run(self.layers, laid_out_like(x, to_rgb.weight), labels)


class DCGANBranch(_DCGAN):
    """Conv 4/2/1, normalisation, leaky ReLU down to base×base, flattened.

    ``norm``: "batch" after every convolution but the first, without biases, as in the paper; "spectral" of
    every convolution, or "none", both with biases.  A head's linear map of the features is the paper's last
    convolution.
    """

    kind: Literal["dcgan"] = "dcgan"
    norm: Literal["batch", "spectral", "none"] = "batch"
    slope: float = 0.2

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, F]`` and the width of its features."""
        base, widths = self.stages(shape)
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise((shape.channels, *widths[::-1])):
            layers += self._block(width_in, width_out, normed=bool(layers))
        for _ in range(self.coarse):
            layers += self._block(widths[0], widths[0], halving=False)
        branch = nn.Sequential(*layers, Flatten())
        init_dcgan(branch)
        return branch, widths[0] * base**2

    def _block(
        self, width_in: int, width_out: int, halving: bool = True, normed: bool = True
    ) -> list[nn.Module]:
        biased = self.norm != "batch"
        conv: nn.Module
        if self.norm == "spectral":
            conv = SpectralConv2d(width_in, width_out, *((4, 2, 1) if halving else (3, 1, 1)))
        elif halving:
            conv = Halving(width_in, width_out, bias=biased)
        else:
            conv = nn.Conv2d(width_in, width_out, 3, 1, 1, bias=biased)
        norms = [BatchNorm2d(width_out)] if self.norm == "batch" and normed else []
        return [conv, *norms, nn.LeakyReLU(self.slope, inplace=True)]
