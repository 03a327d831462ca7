"""``cifar10s``: a network of patches that learned from 32x32 colour images without their classes, its weights
shipped.  The second judge of colour images: of another architecture and another task than ``cifar10r``, and
never what a recipe trains on.

Trained by this project (``python benchmarks/train_cifar_self_supervised.py``) on the training split of
CIFAR-10 only.

Source: Trockman and Kolter 2022, "Patches are all you need?", arXiv 2201.09792 (ConvMixer).
"""

from pathlib import Path

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import gelu

from visavis.core import Config
from visavis.networks.shipped import WEIGHTS, Record, filled, load_record, load_weights

CIFAR10S = WEIGHTS / "cifar10s.safetensors"
CIFAR10S_SHA256 = "6059334d286bd2b60fda4a6ebaf015b152d6e47598703c2309c907fa233a24dd"
"""The content hash of the shipped file; numbers made with other weights are other numbers."""
_MEND = "reinstall visavis, or train it with benchmarks/train_cifar_self_supervised.py"


class PatchMixerConfig(Config):
    """Width (the number of features), blocks, and sides in pixels and patches."""

    width: PositiveInt = 128
    depth: PositiveInt = 6
    patch: PositiveInt = 4
    kernel: PositiveInt = 5


class MixerBlock(nn.Module):
    """``[N, width, H, W]`` to the same: each channel over its neighbours, each patch over its channels."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm1 = nn.BatchNorm2d(width)
        self.channels = nn.Conv2d(width, width, 1)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W] -> [N, width, H, W]``."""
        h: Tensor = x + self.norm1(gelu(self.space(x)))
        mixed: Tensor = self.norm2(gelu(self.channels(h)))
        return mixed


class PatchMixer(nn.Module):
    """Features of colour images, ``[N, 3, 32, 32]`` in [-1, 1]: the mean over patches of the last block."""

    def __init__(self, config: PatchMixerConfig | None = None) -> None:
        super().__init__()
        self.config = config or PatchMixerConfig()
        c = self.config
        self.patches = nn.Conv2d(3, c.width, c.patch, stride=c.patch)
        self.norm = nn.BatchNorm2d(c.width)
        self.blocks = nn.Sequential(*(MixerBlock(c.width, c.kernel) for _ in range(c.depth)))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, 32, 32] -> [N, width]``."""
        h: Tensor = self.blocks(self.norm(gelu(self.patches(2 * x))))
        return h.mean((2, 3))


def load_patch_mixer(path: Path = CIFAR10S, sha256: str = CIFAR10S_SHA256) -> PatchMixer:
    """The trained network on the CPU, float32, in evaluation mode, without gradients of its weights.

    Raises :class:`~visavis.errors.UserError` when the file is missing or its content is not the one that
    ``sha256`` names.
    """
    config, state = load_weights(path, sha256, _MEND)
    return filled(PatchMixer(PatchMixerConfig(**config)), state)


def patch_mixer_record(path: Path = CIFAR10S, sha256: str = CIFAR10S_SHA256) -> Record:
    """What a number made with the network has to state: its name, task, training and hash."""
    return load_record(path, sha256, _MEND)
