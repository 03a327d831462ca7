"""An extractor without a network: random projections of pixels, and a classifier that is one of them."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Flat:
    """What features are: ``vectors: [N, d]`` and ``logits: [N, K]`` or None."""

    vectors: Tensor
    logits: Tensor | None


class FlatExtractor:
    """Has the attributes of an extractor; in double precision, so that batches change nothing."""

    def __init__(self, dims: int = 16, classes: tuple[str, ...] = (), name: str = "flat") -> None:
        self.name, self.dims, self.classes = name, dims, classes
        self.sha256 = f"{dims:04x}{len(classes):04x}" + "f1a7" * 14
        self.resize, self.batch_size = "none", 64
        self.calls = 0

    def __call__(self, images: Tensor) -> Flat:
        self.calls += 1
        x = images.flatten(1).double() / 255
        generator = torch.Generator().manual_seed(1)
        projection = torch.randn(x.shape[1], self.dims, generator=generator, dtype=torch.float64)
        head = torch.randn(self.dims, max(len(self.classes), 1), generator=generator, dtype=torch.float64)
        vectors = x @ projection / x.shape[1] ** 0.5
        return Flat(vectors.float(), (8 * vectors @ head).float() if self.classes else None)


class DigitExtractor(FlatExtractor):
    """Random projections of grey digits, classified by the network that counts their modes."""

    def __init__(self, dims: int = 16) -> None:
        super().__init__(dims, tuple("0123456789"))

    def __call__(self, images: Tensor) -> Flat:
        from torch.nn.functional import one_hot

        from visavis.metrics.modes import digit_labels
        from visavis.networks.classifier import load_digit_classifier

        labels = digit_labels(images[..., :1], load_digit_classifier())
        return Flat(super().__call__(images).vectors, 8.0 * one_hot(labels, 10))
