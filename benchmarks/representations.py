"""Representations of 28×28 digits beside the shipped ones, for ``visavis evaluate --features FILE:NAME``.

No recipe trains in them, and they are of different natures: nothing but pixels, a network that never learned,
and a classifier that learned other digits, 8×8, from other people.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from visavis.networks.classifier import load_digit_classifier

SIDE = 28


class Pixels(nn.Module):
    """The picture itself, averaged two by two: 14×14 = 196 numbers."""

    resolution, channels = SIDE, 1

    def forward(self, x: Tensor) -> Tensor:
        """``[n, 1, 28, 28] -> [n, 196]``."""
        return avg_pool2d(x, 2).flatten(1)


class Untrained(nn.Module):
    """Three convolutions of 3×3 with weights that were drawn once and never trained, averaged over quarters
    of the picture: 4 × 32 = 128 numbers.
    """

    resolution, channels = SIDE, 1
    widths = (16, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        drawn, before = torch.Generator().manual_seed(0), 1
        for index, width in enumerate(self.widths):
            kernel = torch.randn(width, before, 3, 3, generator=drawn) * (2 / (9 * before)) ** 0.5
            self.register_buffer(f"kernel{index}", kernel)
            before = width

    def forward(self, x: Tensor) -> Tensor:
        """``[n, 1, 28, 28] -> [n, 128]``."""
        for pooled, kernel in zip((2, 2, 1), self.buffers(), strict=True):
            x = avg_pool2d(conv2d(x, kernel, padding=1).relu(), pooled)  # 14, 7, 7
        return avg_pool2d(x, 4, stride=3).flatten(1)


class OtherDigits(nn.Module):
    """``digitsr``, the classifier of UCI's 8×8 digits, on the middle 24×24 averaged three by three."""

    resolution, channels = SIDE, 1
    classes = tuple(str(digit) for digit in range(10))

    def __init__(self) -> None:
        super().__init__()
        self.network = load_digit_classifier()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[n, 1, 28, 28] -> [n, 64]``, and logits."""
        vectors = self.network.features(avg_pool2d(x[:, :, 2:26, 2:26], 3))
        return vectors, self.network.head(vectors)


pixels, untrained, otherdigits = Pixels, Untrained, OtherDigits
"""The names by which they are asked for; each call makes one."""
