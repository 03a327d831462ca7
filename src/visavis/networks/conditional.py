"""How a generator learns its class: an embedding beside z, or the gains and shifts of its normalisations."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from visavis.errors import UserError
from visavis.networks.layers import BatchNorm2d
from visavis.networks.norms import SpectralLinear

Conditioning = Literal["concat", "norm"]
"""An embedding appended to z (Mirza and Osindero 2014), or conditional batch normalisation."""


class Latent(nn.Module):
    """z with the class's embedding appended; z alone where ``classes`` is 0."""

    def __init__(self, z_dim: int, classes: int, class_dim: int) -> None:
        super().__init__()
        self.classes = nn.Embedding(classes, class_dim) if classes else None
        self.width = z_dim + (class_dim if classes else 0)
        """Numbers that it gives."""

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """``[N, z_dim]``, ``[N]`` -> ``[N, width]``."""
        if self.classes is None:
            return z
        return torch.cat([z, self.classes(needed(labels))], dim=1)


def needed(labels: Tensor | None) -> Tensor:
    """The labels; raises :class:`UserError` if there are none."""
    if labels is None:
        raise UserError("this generator is conditional: it needs labels")
    return labels


class ClassBatchNorm2d(nn.Module):
    """Batch normalisation with a gain and a shift of each class (de Vries et al. 2017)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm = BatchNorm2d(width, affine=False)
        self.gain = nn.Embedding(classes, width)
        self.shift = nn.Embedding(classes, width)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """``x: [N, width, H, W]``, ``labels: [N]`` -> the same shape."""
        labels = needed(labels)
        gain, shift = self.gain(labels), self.shift(labels)
        y: Tensor = self.norm(x) * gain[:, :, None, None] + shift[:, :, None, None]
        return y


class VectorBatchNorm2d(nn.Module):
    """Batch normalisation whose gain, around 1, and shift are linear maps of a vector (Brock et al. 2019)."""

    def __init__(self, width: int, vector: int) -> None:
        super().__init__()
        self.norm = BatchNorm2d(width, affine=False)
        self.gain = SpectralLinear(vector, width, bias=False)
        self.shift = SpectralLinear(vector, width, bias=False)

    def forward(self, x: Tensor, vector: Tensor | None) -> Tensor:
        """``x: [N, width, H, W]``, ``vector: [N, V]`` -> the same shape."""
        assert vector is not None
        gain, shift = 1 + self.gain(vector), self.shift(vector)
        y: Tensor = self.norm(x) * gain[:, :, None, None] + shift[:, :, None, None]
        return y


def batch_norm(width: int, classes: int) -> nn.Module:
    """Batch normalisation: a class's own for ``classes`` above 0."""
    return ClassBatchNorm2d(width, classes) if classes else BatchNorm2d(width)


def run(layers: Iterable[nn.Module], x: Tensor, labels: Tensor | None) -> Tensor:
    """Apply the layers in turn; those that depend on the class get the labels."""
    for layer in layers:
        x = layer(x, labels) if isinstance(layer, ClassBatchNorm2d) else layer(x)
    return x
