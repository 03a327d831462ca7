"""A critic that has looked at images before: frozen feature maps, mixed at random, read by small networks.

The maps of a trained network are mixed over channels by fixed random 1×1 convolutions and over scales by
fixed random 3×3 convolutions from coarse to fine; what learns is a small network on each scale.
The features that the pair game's head sees are theirs, side by side.

Source: Sauer et al. 2021, "Projected GANs converge faster", arXiv 2111.01007, sections 3.2 and 3.3.
"""

from itertools import pairwise
from typing import Any, Literal, Self

import torch
from pydantic import PositiveInt
from torch import Tensor, cat, nn
from torch.nn.functional import interpolate, leaky_relu

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.norms import SpectralConv2d
from visavis.networks.perceptual import FeatureMaps, FeatureNet, load_feature_maps


class ProjectedBranch(Config):
    """``seen``: the trained network, which no judge of the run may then be.  ``scales``: how many of its
    maps, from the coarsest on; ``width``: channels of the mixed maps; ``features``: of all scales together.
    """

    kind: Literal["projected"] = "projected"
    seen: FeatureNet = "cifar10r"
    scales: PositiveInt = 3
    width: PositiveInt = 64
    features: PositiveInt = 96

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, features]`` and the width of its features."""
        with torch.device("cpu"):  # whatever the others are built on
            maps = load_feature_maps(self.seen)
        if shape.channels != maps.channels:
            raise UserError(
                f"features {self.seen} see {maps.channels} channels, the images have {shape.channels}; give "
                "other --networks.D.branch.seen, or another --networks.D.branch.kind"
            )
        if self.features % self.scales:
            raise UserError(
                f"--networks.D.branch.features {self.features} are not shared by {self.scales} scales "
                f"(allowed: a multiple of {self.scales})"
            )
        with torch.no_grad(), torch.device("cpu"):
            seen = maps(torch.zeros(1, *shape[:1], shape.resolution, shape.resolution))
        channels = [each.shape[1] for each in seen]
        if len(channels) < self.scales:
            raise UserError(
                f"--networks.D.branch.scales {self.scales} (allowed: 1 to {len(channels)}, the maps of "
                f"{self.seen})"
            )
        own = self.features // self.scales
        return Projected(maps, channels[-self.scales :], self.width, own), self.features


class Projected(nn.Module):
    """``[N, C, R, R]`` in [-1, 1] -> ``[N, scales · features]``; ``channels``: of the maps, finest first."""

    def __init__(self, maps: FeatureMaps, channels: list[int], width: int, features: int) -> None:
        super().__init__()
        self.maps = Frozen(maps, kept=False)
        self.mix = nn.ModuleList(Frozen(_mixing(c, width, 1), kept=True) for c in channels)
        self.down = nn.ModuleList(Frozen(_mixing(width, width, 3), kept=True) for _ in pairwise(channels))
        self.readers = nn.ModuleList(_Reader(width, features) for _ in channels)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, R, R] -> [N, scales · features]``."""
        maps = self.maps(x)[-len(self.readers) :]
        mixed = [mix(each) for mix, each in zip(self.mix, maps, strict=True)]  # from fine to coarse
        for finer in range(len(mixed) - 2, -1, -1):
            above = interpolate(
                mixed[finer + 1], mixed[finer].shape[2:], mode="bilinear", align_corners=False
            )
            mixed[finer] = (mixed[finer] + self.down[finer](above)) / 2**0.5
        return cat([reader(each) for reader, each in zip(self.readers, mixed, strict=True)], 1)


def _mixing(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A convolution whose outputs are as large as its inputs, on average."""
    made = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(made.weight, nonlinearity="linear")
    return made


class _Reader(nn.Module):
    """``[N, width, H, W] -> [N, features]``: two convolutions whose slope is bounded, and the mean."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.first = SpectralConv2d(width, width, 3, 1, 1)
        self.second = SpectralConv2d(width, features, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W] -> [N, features]``."""
        h: Tensor = self.second(leaky_relu(self.first(x), 0.2))
        return leaky_relu(h, 0.2).mean((2, 3))


class Frozen(nn.Module):
    """A network with buffers instead of parameters, so that nothing trains it, for ever in evaluation mode.

    ``kept``: in snapshots too; what can be loaded again need not be.
    """

    def __init__(self, inside: nn.Module, kept: bool) -> None:
        super().__init__()
        self.inside = inside
        for module in inside.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                module.register_buffer(name, parameter.detach().clone(), persistent=kept)
            for name, buffer in list(module.named_buffers(recurse=False)):
                module.register_buffer(name, buffer, persistent=kept)
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.track_running_stats = False  # else it asks snapshots for a count of batches
        inside.eval()

    def train(self, mode: bool = True) -> Self:
        """Nothing: its moments are what they were."""
        self.training = mode
        return self

    def forward(self, x: Tensor) -> Any:
        """What the network makes of ``x``."""
        return self.inside(x)
