"""The extractors that the project trained and ships: ``digitsr``, ``mnistr``, ``cifar10r``, ``cifar10s``."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from visavis.core import Shape
from visavis.data.pixels import to_float
from visavis.metrics.features.extractor import Extractor, in_colour, resized, takes_pictures
from visavis.networks.cifar_classifier import CIFAR10R, CIFAR10R_SHA256, CLASSES, load_cifar_classifier
from visavis.networks.classifier import DIGITSR, DIGITSR_SHA256, DigitClassifier, load_digit_classifier
from visavis.networks.mnist_classifier import MNISTR, MNISTR_SHA256, MnistClassifier, load_mnist_classifier
from visavis.networks.patch_mixer import CIFAR10S, CIFAR10S_SHA256, load_patch_mixer


def digitsr(weights: Path | None, resize: str | None, device: str) -> Extractor:
    """Features of 8x8 digits, 64 a channel; three channels are read one by one.

    Other sizes need a ``resize`` rule by name.
    """
    network = load_digit_classifier(weights or DIGITSR).to(device)
    return _digits("digitsr", DIGITSR_SHA256, network, network.config.features, 8, resize, device)


def mnistr(weights: Path | None, resize: str | None, device: str) -> Extractor:
    """Features of 28x28 digits, 64 a channel; three channels are read one by one.

    Other sizes, as networks of 32x32 make them, need a ``resize`` rule by name.
    """
    network = load_mnist_classifier(weights or MNISTR).to(device)
    return _digits("mnistr", MNISTR_SHA256, network, network.config.widths[-1], 28, resize, device)


def _digits(
    name: str,
    sha256: str,
    network: DigitClassifier | MnistClassifier,
    dims: int,
    side: int,
    resize: str | None,
    device: str,
) -> Extractor:
    """The extractor of a classifier of grey digits."""
    rule = resize or "none"

    def read(x: Tensor) -> tuple[Tensor, Tensor | None]:
        n, channels = x.shape[:2]
        fitted = resized(x.float(), side, rule) / 127.5 - 1 if x.shape[2] != side else to_float(x)
        grey = fitted.reshape(n * channels, 1, side, side)
        vectors = network.features(grey)  # (n C, dims)
        return vectors.view(n, -1), network.head(vectors) if channels == 1 else None

    def takes(shape: Shape) -> str | None:
        fits = (shape.resolution == side or rule != "none") and shape.channels in (1, 3)
        return None if fits else f"{side}x{side}x1, {side}x{side}x3 (or another size with a resize rule)"

    classes = tuple(str(digit) for digit in range(10))
    return Extractor(name, sha256, dims, classes, rule, 512, read, takes, device)


def cifar10r(weights: Path | None, resize: str | None, device: str) -> Extractor:
    """Features of a classifier of CIFAR-10, from images of any size."""
    network = load_cifar_classifier(weights or CIFAR10R).to(device)

    def look(images: Tensor) -> tuple[Tensor, Tensor]:
        vectors = network.features(images.contiguous(memory_format=torch.channels_last))  # in half the time
        return vectors, network.logits(vectors)

    return _colours("cifar10r", CIFAR10R_SHA256, look, network.config.widths[-1], CLASSES, resize, device)


def cifar10s(weights: Path | None, resize: str | None, device: str) -> Extractor:
    """Features that were learned from CIFAR-10's images without their classes, from images of any size."""
    network = load_patch_mixer(weights or CIFAR10S).to(device)
    width = network.config.width
    return _colours("cifar10s", CIFAR10S_SHA256, lambda x: (network(x), None), width, (), resize, device)


def _colours(
    name: str,
    sha256: str,
    look: Callable[[Tensor], tuple[Tensor, Tensor | None]],
    dims: int,
    classes: tuple[str, ...],
    resize: str | None,
    device: str,
) -> Extractor:
    """The extractor of a network that sees colour images of 32x32 in [-1, 1]."""
    rule = resize or "bicubic-pil"

    def read(x: Tensor) -> tuple[Tensor, Tensor | None]:
        return look(resized(in_colour(x).float(), 32, rule) / 127.5 - 1)

    takes = takes_pictures if rule != "none" else _takes_32
    return Extractor(name, sha256, dims, classes, rule, 64, read, takes, device)


def _takes_32(shape: Shape) -> str | None:
    fits = shape.resolution == 32 and shape.channels in (1, 3)
    return None if fits else "32x32x1, 32x32x3 (or another size with a resize rule)"
