"""``cifar10r``: the small residual classifier of 32x32 colour images that judges generated ones, its weights
shipped.

Trained by this project (``python benchmarks/train_cifar_classifier.py``) on the training split of CIFAR-10
only.

Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498 (whitened first
convolution, widths, pooling, scaled head); the shortcut is that of He et al. 2016, arXiv 1512.03385.
"""

from pathlib import Path

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import gelu, max_pool2d

from visavis.core import Config, IntTuple
from visavis.networks.shipped import WEIGHTS, Record, filled, load_record, load_weights

CIFAR10R = WEIGHTS / "cifar10r.safetensors"
CIFAR10R_SHA256 = "5e06ef20d6ac2d297ac33bddf9798be22fa20d9493c5e9c555b9156351eec709"
"""The content hash of the shipped file; numbers made with other weights are other numbers."""
_MEND = "reinstall visavis, or train it with benchmarks/train_cifar_classifier.py"

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Of CIFAR-10, in the order of its labels."""
PATCH = 2
"""Side of the whitened patches in pixels."""
WHITENED = 2 * 3 * PATCH**2
"""Channels of the first layer: each principal direction of the patches, and its negative."""
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
"""Of CIFAR-10's training pixels in [0, 1], by channel."""


class CifarClassifierConfig(Config):
    """Channels of the three blocks of :class:`CifarClassifier`; the last is the number of features."""

    widths: IntTuple = (64, 256, 256)
    classes: PositiveInt = 10
    scale: float = 1 / 9
    """Of the logits: a small one starts the training calmly."""


class PooledBlock(nn.Module):
    """``[N, inputs, H, W] -> [N, outputs, H/2, W/2]``: a pooled convolution, and one beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs, momentum=0.4)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs, momentum=0.4)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, H, W] -> [N, outputs, H/2, W/2]``, halves rounded down."""
        h = gelu(self.norm1(max_pool2d(self.conv1(x), 2)))
        return gelu(self.norm2(self.conv2(h)) + h)


class CifarClassifier(nn.Module):
    """A residual network that reads one colour image, ``[N, 3, 32, 32]`` in [-1, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: CifarClassifierConfig | None = None) -> None:
        super().__init__()
        self.config = config or CifarClassifierConfig()
        widths = self.config.widths
        # In [-1, 1], as every image of the program.
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1) * 2 - 1, persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1) * 2, persistent=False)
        self.whiten = nn.Conv2d(3, WHITENED, PATCH)
        self.blocks = nn.Sequential(
            *(PooledBlock(i, o) for i, o in zip((WHITENED, *widths[:-1]), widths, strict=True))
        )
        self.head = nn.Linear(widths[-1], self.config.classes, bias=False)

    def standardised(self, x: Tensor) -> Tensor:
        """``[N, 3, H, W]``: over CIFAR-10's training images each channel has mean 0 and deviation 1."""
        return (x - self.mean) / self.std

    def features(self, x: Tensor) -> Tensor:
        """``[N, 3, 32, 32] -> [N, widths[-1]]``: the maximum over the image of the last layer."""
        h: Tensor = self.blocks(gelu(self.whiten(self.standardised(x))))  # [N, widths[-1], 3, 3]
        return h.amax((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, 32, 32] -> logits [N, classes]``."""
        return self.logits(self.features(x))

    def logits(self, features: Tensor) -> Tensor:
        """``[N, widths[-1]] -> logits [N, classes]``."""
        logits: Tensor = self.head(features) * self.config.scale
        return logits


def load_cifar_classifier(path: Path = CIFAR10R, sha256: str = CIFAR10R_SHA256) -> CifarClassifier:
    """The trained classifier on the CPU, float32, in evaluation mode, without gradients of its weights.

    Raises :class:`~visavis.errors.UserError` when the file is missing or its content is not the one that
    ``sha256`` names.
    """
    config, state = load_weights(path, sha256, _MEND)
    return filled(CifarClassifier(CifarClassifierConfig(**config)), state)


def cifar_classifier_record(path: Path = CIFAR10R, sha256: str = CIFAR10R_SHA256) -> Record:
    """What a number made with the classifier has to state: its name, test accuracy, training and hash."""
    return load_record(path, sha256, _MEND)
