"""Train ``digitsr``, the classifier that judges generated digits.

``python benchmarks/train_digit_classifier.py``, ten seconds or so on two cores.

Trains on the training split only, once, with settings chosen beforehand; the held-out digits are read once,
at the end.  Writes the weights into the package and the record into ``results/digitsr.json``, and prints that
record.  Set ``DIGITSR_SHA256`` in ``visavis/networks/classifier.py`` to the
hash it prints.
"""

import hashlib
import math
import sys
import time

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from shipping import parser, ship
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from visavis.core import Config
from visavis.data.digits import digits
from visavis.data.pixels import to_float
from visavis.networks.classifier import (
    DIGITSR,
    DigitClassifier,
    DigitClassifierConfig,
)
from visavis.networks.shipped import Record


class Training(Config):
    """How the classifier is trained; augmentation and smoothing are for images that are not quite digits."""

    seed: NonNegativeInt = 0
    epochs: PositiveInt = 60
    batch_size: PositiveInt = 64
    rate: PositiveFloat = 4e-3
    weight_decay: NonNegativeFloat = 0.05
    label_smoothing: NonNegativeFloat = 0.1
    rotation: NonNegativeFloat = 15.0
    """Up to so many degrees either way."""
    scaling: NonNegativeFloat = 0.1
    """Up to this factor either way."""
    shift: NonNegativeFloat = 1.0
    """Up to so many pixels either way."""
    noise: NonNegativeFloat = 0.2
    """The largest standard deviation; a grey level is 2/255."""


def augmented(x: Tensor, training: Training) -> Tensor:
    """``[N, 1, 8, 8] -> [N, 1, 8, 8]`` in [-1, 1]: each image turned, scaled, shifted, with noise."""
    n = len(x)

    def uniform(limit: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape) * 2 - 1) * limit

    angle, scale = uniform(math.radians(training.rotation)), 1 + uniform(training.scaling)
    shift = uniform(training.shift * 2 / x.shape[-1], 2)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack(
        [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
    )
    # Outside the image is black, -1; grid_sample fills with 0.
    moved = (
        grid_sample(x + 1, affine_grid(theta, list(x.shape), align_corners=False), align_corners=False) - 1
    )
    return (moved + torch.randn_like(x) * training.noise * torch.rand(n, 1, 1, 1)).clamp(-1, 1)


def tensors(split: str) -> tuple[Tensor, Tensor]:
    """Digits of a split, float ``[N, 1, 8, 8]`` in [-1, 1], and their labels ``[N]``."""
    images, labels = digits(split)
    return to_float(torch.as_tensor(images).permute(0, 3, 1, 2)), torch.as_tensor(labels)


def train_digit_classifier(x: Tensor, y: Tensor, training: Training) -> DigitClassifier:
    """A classifier of ``x: [N, 1, 8, 8]`` in [-1, 1] with ``y: [N]``, in evaluation mode."""
    torch.manual_seed(training.seed)
    classifier = DigitClassifier(DigitClassifierConfig())
    batches = len(x) // training.batch_size
    optimiser = torch.optim.AdamW(classifier.parameters(), training.rate, weight_decay=training.weight_decay)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.rate, training.epochs * batches)
    for epoch in range(training.epochs):
        for index in torch.randperm(len(x))[: batches * training.batch_size].split(training.batch_size):
            logits = classifier(augmented(x[index], training))
            loss = cross_entropy(logits, y[index], label_smoothing=training.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}", file=sys.stderr)
    return classifier.eval()


def digest(x: Tensor, y: Tensor) -> str:
    """The SHA-256 of images and labels, so that a change of the split is noticed."""
    return hashlib.sha256(x.numpy().tobytes() + y.numpy().tobytes()).hexdigest()


@torch.no_grad()
def accuracy(classifier: DigitClassifier, x: Tensor, y: Tensor) -> float:
    """The fraction of ``x`` that the classifier names rightly."""
    return float((classifier(x).argmax(1) == y).double().mean())


def main() -> None:
    """Train, save, and print the record."""
    options = parser(__doc__, "digitsr", DIGITSR).parse_args()

    training = Training()
    (x, y), (held_out, held_out_y) = tensors("train"), tensors("test")

    start = time.perf_counter()
    classifier = train_digit_classifier(x, y, training)
    seconds = time.perf_counter() - start

    record: Record = {
        "name": "digitsr",
        "data": "digits of UCI, 8x8, the splits of visavis.data.digits",
        "accuracy_test": accuracy(classifier, held_out, held_out_y),
        "accuracy_train": accuracy(classifier, x, y),
        "n_test": len(held_out),
        "n_train": len(x),
        "sha256_test": digest(held_out, held_out_y),
        "sha256_train": digest(x, y),
        "parameters": sum(p.numel() for p in classifier.parameters()),
        "torch": torch.__version__,
        "device": "cpu",
        **training.model_dump(),
    }
    ship(
        classifier,
        classifier.config,
        record,
        options,
        seconds=round(seconds, 1),
        command="python benchmarks/train_digit_classifier.py",
    )


if __name__ == "__main__":
    main()
