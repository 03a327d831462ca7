"""Feature maps of the project's own classifiers, for losses on features."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import gelu

from visavis.errors import UserError
from visavis.networks.cifar_classifier import CifarClassifier, load_cifar_classifier
from visavis.networks.classifier import load_digit_classifier
from visavis.networks.mnist_classifier import load_mnist_classifier

FeatureNet = Literal["digitsr", "mnistr", "cifar10r"]


class FeatureMaps(nn.Module):
    """``[N, C, H, W]`` in [-1, 1] -> the maps after each stage of a trained network, from fine to coarse."""

    def __init__(self, stages: list[nn.Module], channels: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """One map a stage."""
        if x.shape[1] != self.channels:
            raise UserError(
                f"images of {x.shape[1]} channels for features that see {self.channels}; "
                "give other --objective.distance.features, or --objective.distance.perceptual 0"
            )
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _digits() -> FeatureMaps:
    """8×8 and 4×4 maps of grey digits."""
    body = load_digit_classifier().body
    return FeatureMaps([body[:3], body[3], body[4]], 1)


def _mnist() -> FeatureMaps:
    """14×14, 14×14, 7×7 and 4×4 maps of grey digits of 28×28."""
    body = load_mnist_classifier().body
    return FeatureMaps([body[:3], body[3], body[4], body[5]], 1)


class _Whitened(nn.Module):
    """The first layer of the CIFAR-10 classifier, with its standardisation and activation."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: CifarClassifier) -> None:
        super().__init__()
        self.whiten = classifier.whiten
        self.register_buffer("mean", classifier.mean)
        self.register_buffer("std", classifier.std)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, H, W] -> [N, 24, H - 1, W - 1]``."""
        return gelu(self.whiten((x - self.mean) / self.std))


def _cifar() -> FeatureMaps:
    """Maps of colour images at the image's size, 1/2, 1/4 and 1/8 of it."""
    classifier = load_cifar_classifier()
    return FeatureMaps([_Whitened(classifier), *classifier.blocks], 3)


FEATURE_NETS: dict[str, Callable[[], FeatureMaps]] = {
    "digitsr": _digits,
    "mnistr": _mnist,
    "cifar10r": _cifar,
}


def load_feature_maps(name: FeatureNet) -> FeatureMaps:
    """The frozen feature maps of that name."""
    return FEATURE_NETS[name]()
