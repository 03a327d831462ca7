"""``mnistr``: the small residual classifier of 28x28 digits that judges generated ones, its weights shipped.

Trained by this project (``python benchmarks/train_mnist_classifier.py``) on the training split of MNIST only.
"""

from itertools import pairwise
from pathlib import Path

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from visavis.core import Config, IntTuple
from visavis.networks.classifier import ResidualBlock
from visavis.networks.shipped import WEIGHTS, Record, filled, load_record, load_weights

MNISTR = WEIGHTS / "mnistr.safetensors"
MNISTR_SHA256 = "71e1cbbc1b9c5bbccaf0553c6f15d3c5362beb6c12d7d4e4e0ade11760a9ec02"
"""The content hash of the shipped file; numbers made with other weights are other numbers."""

_MEND = "reinstall visavis, or train it with benchmarks/train_mnist_classifier.py"


class MnistClassifierConfig(Config):
    """Channels of :class:`MnistClassifier` at 14x14, 7x7 and 4x4; the last is the number of features."""

    widths: IntTuple = (24, 48, 64)
    classes: PositiveInt = 10


class MnistClassifier(nn.Module):
    """A residual network that reads one grey digit, ``[N, 1, 28, 28]`` in [-1, 1]."""

    def __init__(self, config: MnistClassifierConfig | None = None) -> None:
        super().__init__()
        self.config = config or MnistClassifierConfig()
        widths = self.config.widths
        self.body = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, 2, 2, bias=False),  # [N, widths[0], 14, 14]
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            ResidualBlock(widths[0], widths[0]),
            *(ResidualBlock(a, b, stride=2) for a, b in pairwise(widths)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(widths[-1], self.config.classes)

    def features(self, x: Tensor) -> Tensor:
        """``[N, 1, 28, 28] -> [N, widths[-1]]``: means over the image of the last layer, not negative."""
        out: Tensor = self.body(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 1, 28, 28] -> logits [N, classes]``."""
        logits: Tensor = self.head(self.features(x))
        return logits


def load_mnist_classifier(path: Path = MNISTR, sha256: str = MNISTR_SHA256) -> MnistClassifier:
    """The trained classifier on the CPU, in evaluation mode, without gradients of its weights.

    Raises :class:`~visavis.errors.UserError` when the file is missing or its content is not the one that
    ``sha256`` names.
    """
    config, state = load_weights(path, sha256, _MEND)
    classifier = filled(MnistClassifier(MnistClassifierConfig(**config)), state)
    # On a CPU more than twice as fast; torch's stubs lack it.
    placed: MnistClassifier = classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def mnist_classifier_record(path: Path = MNISTR, sha256: str = MNISTR_SHA256) -> Record:
    """What a number made with the classifier has to state: its name, test accuracy, training and hash."""
    return load_record(path, sha256, _MEND)
