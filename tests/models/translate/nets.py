"""Small translators with a known answer."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from visavis.core import Shape
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description


class Blur(nn.Module):
    """The mean of 5×5 pixels, zeros beyond the border: sees two pixels far, in every place in the same way.

    With ``stride``, it shrinks the picture to the means of squares of that side and enlarges it again.
    """

    any_size = True

    def __init__(self, channels: int = 3, stride: int = 1, scale: int = 1) -> None:
        super().__init__()
        self.stride, self.scale = stride, scale
        self.conv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)
        nn.init.constant_(self.conv.weight, 1 / 25)
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        assert not any(side % self.stride for side in x.shape[2:])
        self.sizes.append(tuple(x.shape))
        y = torch.nn.functional.avg_pool2d(self.conv(x), self.stride)
        return interpolate(y, scale_factor=self.stride * self.scale, mode="nearest")


class Negative(nn.Module):
    """White for black, of one size only."""

    any_size, stride, scale = False, 1, 1

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution

    def forward(self, x: Tensor) -> Tensor:
        assert tuple(x.shape[2:]) == (self.resolution, self.resolution)
        return -pad(x, (0, 0, 0, 0))


def model(resolution: int, channels: int = 3, task: str = "translate", **networks: nn.Module) -> Model:
    """A model of these networks; ``resolution`` is that of its results in training."""
    description = Description({}, Shape(channels, resolution), (), False, 0, {}, "test", task)
    return model_of(dict(networks), description)
