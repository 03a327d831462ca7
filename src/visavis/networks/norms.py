"""Normalisations by name, and spectral normalisation of a convolution's weight."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, normalize

from visavis.networks.cpu import laid_out_like
from visavis.networks.layers import BatchNorm2d

NormName = Literal["batch", "instance", "none"]


class InstanceNorm2d(nn.GroupNorm):
    """Each channel of each image to mean 0 and variance 1, then a learned scale and shift.

    Ulyanov et al. 2016, "Instance normalization".  An image's output does not depend on its batch, in
    training or after it.  torch's group normalisation with a channel a group, which on a CPU is the faster
    form, but in bf16 channels last takes twenty times as long, so it is given planes.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]`` -> the same shape."""
        return laid_out_like(super().forward(x.contiguous()), x)


def make_norm(name: NormName, width: int) -> nn.Module:
    """The normalisation of ``width`` channels; "none" is the identity."""
    if name == "batch":
        return BatchNorm2d(width)
    return InstanceNorm2d(width) if name == "instance" else nn.Identity()


def init_convs(net: nn.Module, normed: bool) -> None:
    """Convolutions as pix2pix and CycleGAN start, N(0, 0.02) with bias 0 (Isola et al. 2017, section 6.2).

    Without a normalisation after them (not ``normed``) so small a start dies out over some layers; they then
    start at N(0, √(2 / fan_in)), which keeps the scale (He et al. 2015, eq. 10).
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            if normed:
                nn.init.normal_(layer.weight, 0.0, 0.02)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class Spectral(nn.Module):
    """A layer whose weight is divided by its largest singular value (Miyato et al. 2018, eq. 8).

    The weight is seen as a matrix ``[out, rest]``.  Each pass in training makes one step of power iteration
    from the buffer ``u``, which a checkpoint holds; afterwards ``u`` stays.  In float32 whatever the
    precision of the pass.
    """

    u: Tensor
    weight: Tensor

    def start(self) -> None:
        """The buffer from which the iteration starts."""
        self.register_buffer("u", normalize(torch.randn(len(self.weight)), dim=0))

    def normed(self) -> Tensor:
        """weight / σ."""
        return self.weight / self.sigma()

    def sigma(self) -> Tensor:
        """The estimate of the largest singular value, differentiable in the weight."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self.weight.flatten(1)
            with torch.no_grad():
                v = normalize(self.u @ matrix, dim=0, eps=1e-12)
                u = normalize(matrix @ v, dim=0, eps=1e-12)
                if self.training:
                    self.u.copy_(u)
            largest: Tensor = torch.dot(u, matrix @ v)
            return largest.clamp_min(1e-12)  # weights that are all 0 stay 0


class SpectralConv2d(nn.Conv2d, Spectral):
    """A convolution with spectral normalisation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias)
        self.start()

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, with weight / σ."""
        y: Tensor = self._conv_forward(x, self.normed(), self.bias)
        return y


class SpectralLinear(nn.Linear, Spectral):
    """A linear map with spectral normalisation."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.start()

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, with weight / σ."""
        return linear(x, self.normed(), self.bias)


class SpectralEmbedding(nn.Embedding, Spectral):
    """An embedding whose matrix ``[classes, width]`` has spectral normalisation."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(classes, width)
        self.start()

    def forward(self, labels: Tensor) -> Tensor:
        """``[N] -> [N, width]``."""
        return embedding(labels, self.normed())


def make_conv(
    inputs: int, outputs: int, kernel: int, stride: int, padding: int, spectral: bool = False
) -> nn.Conv2d:
    """A convolution, with spectral normalisation or without."""
    make = SpectralConv2d if spectral else nn.Conv2d
    return make(inputs, outputs, kernel, stride, padding)
