"""Layers with equalised learning rate and pixel normalisation (Karras et al. 2018, sections 4.1 and 4.2).

Weights start at N(0, 1) and are scaled when they are used, so that Adam moves all of them at one speed.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, linear

SLOPE = 0.2


class EqualConv2d(nn.Module):
    """A convolution with stride 1 whose effective weight is weight · gain / √fan_in."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        kernel: int,
        padding: int = 0,
        bias: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None
        self.scale = gain / math.sqrt(width_in * kernel**2)
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width_in, H, W] -> [N, width_out, …]``."""
        return conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class EqualLinear(nn.Module):
    """A linear map whose effective weight is weight · gain / √fan_in.

    ``rate``: its learning rate as a part of the others'; the bias starts at ``bias``.
    """

    def __init__(
        self, width_in: int, width_out: int, bias: float = 0.0, gain: float = 1.0, rate: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in) / rate)
        self.bias = nn.Parameter(torch.full((width_out,), bias / rate))
        self.scale, self.rate = gain * rate / math.sqrt(width_in), rate

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width_in] -> [N, width_out]``."""
        return linear(x, self.weight * self.scale, self.bias * self.rate)


class PixelNorm(nn.Module):
    """Each place's vector to mean square 1: x / √(mean over channels of x² + 1e-8)."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, …]`` -> the same shape."""
        wide = x.float()
        return (wide * (wide.square().mean(1, keepdim=True) + 1e-8).rsqrt()).to(x.dtype)


class Activation(nn.Module):
    """Leaky ReLU, times ``gain``."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return leaky_relu(x, SLOPE) * self.gain
