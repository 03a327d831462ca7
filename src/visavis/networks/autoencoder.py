"""Encoders and decoders of variational autoencoders (Kingma and Welling 2014): S4's, and a residual form.

An encoder gives the mean and log-variance of q(z | x), a decoder the image at a latent.  Both list their
``widths`` from the coarsest stage to the finest, so that a pair with the same numbers is mirrored.
"""

from itertools import pairwise
from typing import ClassVar, Literal, Self

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from visavis.core import Config, IntTuple, Shape
from visavis.errors import UserError
from visavis.networks.cpu import Doubling, Flatten, Linear, laid_out_like
from visavis.networks.layers import BatchNorm2d, init_fan_in
from visavis.networks.residual import ACTIVATION_GAIN, SLOPE, Residual
from visavis.networks.roles import Role
from visavis.networks.stages import stages_of, widths_of

LOG_VARIANCES = (-20.0, 10.0)
"""Where the encoder's log-variance is cut, so that its exponential stays a number."""


class _Convolutional(Config):
    """What S4's encoder and decoder share: each width is a stage at half the next one's resolution.

    The finest stage is at half the image's resolution, the coarsest at ``base``; with empty ``widths`` they
    follow from the resolution: ``width`` at the finest, doubled downward to at most ``widest``.
    """

    z_dim: PositiveInt = 128
    width: PositiveInt = 32
    widest: PositiveInt = 128
    widths: IntTuple = (128, 64, 32)
    base: PositiveInt = 4
    norm: Literal["batch", "none"] = "batch"

    def fitted(self, shape: Shape) -> Self:
        """A copy with ``widths`` and ``base`` for these images; refuses a resolution that it cannot reach."""
        if not self.widths:
            base, stages = stages_of(shape.resolution)
            widths = widths_of(self.width, stages - 1, max(self.widest, self.width))
            return self.model_copy(update={"base": base, "widths": widths})
        reached = self.base * 2 ** len(self.widths)
        if shape.resolution != reached:
            raise UserError(
                f"resolution {shape.resolution} does not fit {len(self.widths)} doublings from "
                f"{self.base}×{self.base}, which make {reached}; give --data.resolution {reached}, as many "
                "widths as doublings, or --networks.….widths '' and a width"
            )
        return self

    def activation(self, width: int) -> list[nn.Module]:
        """What follows a convolution to ``width`` channels."""
        act = nn.LeakyReLU(SLOPE)
        return [BatchNorm2d(width), act] if self.norm == "batch" else [act]


class ConvEncoder(_Convolutional):
    """Conv 4/2/1, BatchNorm, LeakyReLU down to ``base``, then Linear to mean and log-variance (S4)."""

    kind: Literal["conv-encoder"] = "conv-encoder"
    role: ClassVar[Role] = "encoder"

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; it looks at no labels, whatever ``classes`` is."""
        fitted = self.fitted(shape)
        widths = fitted.widths[::-1]
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise((shape.channels, *widths)):
            conv = nn.Conv2d(width_in, width_out, 4, 2, 1)
            init_fan_in(conv, ACTIVATION_GAIN)
            layers += [conv, *self.activation(width_out)]
        return Encoder(layers, widths[-1] * fitted.base**2, self.z_dim)


class ConvDecoder(_Convolutional):
    """Linear to ``base``, then ConvTranspose 4/2/1, BatchNorm, LeakyReLU up to the image, tanh (S4)."""

    kind: Literal["conv-decoder"] = "conv-decoder"
    role: ClassVar[Role] = "generator"
    class_dim: PositiveInt = 16

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        fitted = self.fitted(shape)
        widths, base = fitted.widths, fitted.base
        layers: list[nn.Module] = [*self.activation(widths[0])]
        for width_in, width_out in pairwise(widths):
            layers += [_doubling(width_in, width_out, ACTIVATION_GAIN), *self.activation(width_out)]
        layers.append(_doubling(widths[-1], shape.channels, 1.0))
        first = (widths[0], base, base)
        return Decoder(layers, first, self.z_dim, classes, self.class_dim)


class ResidualEncoder(Residual):
    """1×1 from RGB, residual stages downward, Linear of all of the base to mean and log-variance."""

    kind: Literal["residual-encoder"] = "residual-encoder"
    role: ClassVar[Role] = "encoder"
    z_dim: PositiveInt = 128

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; it looks at no labels, whatever ``classes`` is."""
        fitted = self.fitted(shape)
        from_rgb = nn.Conv2d(shape.channels, fitted.widths[-1], 1)
        init_fan_in(from_rgb)
        layers = [from_rgb, *fitted.down(), nn.LeakyReLU(SLOPE)]
        return Encoder(layers, fitted.widths[0] * fitted.base**2, self.z_dim)


class ResidualDecoder(Residual):
    """Linear to all of the base, residual stages upward, 3×3 to RGB, tanh."""

    kind: Literal["residual-decoder"] = "residual-decoder"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 128
    class_dim: PositiveInt = 16

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        fitted = self.fitted(shape)
        to_rgb = nn.Conv2d(fitted.widths[-1], shape.channels, 3, 1, 1)
        init_fan_in(to_rgb)
        layers = [*fitted.up(), nn.LeakyReLU(SLOPE), to_rgb]
        first = (fitted.widths[0], fitted.base, fitted.base)
        return Decoder(layers, first, self.z_dim, classes, self.class_dim)


class Encoder(nn.Module):
    """``x: [N, C, R, R]`` -> mean and log-variance of q(z | x), ``[N, z_dim]`` each, in fp32."""

    def __init__(self, layers: list[nn.Module], features: int, z_dim: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.layers = nn.Sequential(*layers, Flatten())
        self.posterior = Linear(features, 2 * z_dim)
        init_fan_in(self.posterior)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images to the moments of their latents."""
        mean, log_variance = self.posterior(self.layers(x)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCES)


class Decoder(nn.Module):
    """``z: [N, z_dim]``, labels ``[N]`` -> ``[N, C, R, R]`` in [-1, 1], in fp32."""

    def __init__(
        self, layers: list[nn.Module], first: tuple[int, int, int], z_dim: int, classes: int, class_dim: int
    ) -> None:
        super().__init__()
        self.z_dim, self.first = z_dim, first
        self.classes = nn.Embedding(classes, class_dim) if classes else None
        self.expand = Linear(z_dim + (class_dim if classes else 0), first[0] * first[1] * first[2])
        init_fan_in(self.expand)
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (and labels) to images."""
        if self.classes is not None:
            if labels is None:
                raise UserError("this decoder is conditional: it needs labels")
            z = torch.cat([z, self.classes(labels)], dim=1)
        x = self.expand(z).unflatten(1, self.first)
        convolution = next(layer for layer in self.layers.modules() if isinstance(layer, _CONVOLUTIONS))
        rgb: Tensor = self.layers(laid_out_like(x, convolution.weight))
        return rgb.float().tanh()


_CONVOLUTIONS = nn.Conv2d | nn.ConvTranspose2d


def _doubling(width_in: int, width_out: int, gain: float) -> Doubling:
    """ConvTranspose 4/2/1, of which each output sees 4 of the 16 places of each input channel."""
    layer = Doubling(width_in, width_out)
    nn.init.normal_(layer.weight, 0.0, gain / (4 * width_in) ** 0.5)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
