"""``digitsr``: the small residual classifier of 8x8 digits that judges generated ones, its weights shipped.

Trained by this project (``python benchmarks/train_digit_classifier.py``) on the training split of the digits
only.
"""

from pathlib import Path

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import relu

from visavis.core import Config
from visavis.networks.shipped import WEIGHTS, Record, filled, load_record, load_weights

DIGITSR = WEIGHTS / "digitsr.safetensors"
DIGITSR_SHA256 = "516b03f392cbc0cda131fc934a85db7d8c8aaf1dea7ed884ecbdacdf3fe41ebc"
"""The content hash of the shipped file; numbers made with other weights are other numbers."""

_MEND = "reinstall visavis, or train it with benchmarks/train_digit_classifier.py"


class DigitClassifierConfig(Config):
    """Widths of :class:`DigitClassifier`: ``width`` channels at 8x8, ``features`` at 4x4 and when pooled."""

    width: PositiveInt = 32
    features: PositiveInt = 64
    classes: PositiveInt = 10


class ResidualBlock(nn.Module):
    """``[N, inputs, H, W] -> [N, outputs, H/stride, W/stride]``: two 3x3 convolutions beside a shortcut.

    Source: He et al. 2016, "Deep residual learning for image recognition", figure 3.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, H, W] -> [N, outputs, H/stride, W/stride]``, not negative."""
        h = relu(self.norm1(self.conv1(x)))
        out: Tensor = relu(self.norm2(self.conv2(h)) + self.shortcut(x))
        return out


class DigitClassifier(nn.Module):
    """A residual network that reads one grey digit, ``[N, 1, 8, 8]`` in [-1, 1]."""

    def __init__(self, config: DigitClassifierConfig | None = None) -> None:
        super().__init__()
        self.config = config or DigitClassifierConfig()
        width, features = self.config.width, self.config.features
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            ResidualBlock(width, width),  # [N, width, 8, 8]
            ResidualBlock(width, features, stride=2),  # [N, features, 4, 4]
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(features, self.config.classes)

    def features(self, x: Tensor) -> Tensor:
        """``[N, 1, 8, 8] -> [N, features]``: means over the image of the last layer, not negative."""
        out: Tensor = self.body(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 1, 8, 8] -> logits [N, classes]``."""
        logits: Tensor = self.head(self.features(x))
        return logits


def load_digit_classifier(path: Path = DIGITSR, sha256: str = DIGITSR_SHA256) -> DigitClassifier:
    """The trained classifier on the CPU, in evaluation mode, without gradients of its weights.

    Raises :class:`~visavis.errors.UserError` when the file is missing or its content is not the one that
    ``sha256`` names.
    """
    config, state = load_weights(path, sha256, _MEND)
    return filled(DigitClassifier(DigitClassifierConfig(**config)), state)


def digit_classifier_record(path: Path = DIGITSR, sha256: str = DIGITSR_SHA256) -> Record:
    """What a number made with the classifier has to state: its name, held-out accuracy, training and hash."""
    return load_record(path, sha256, _MEND)
