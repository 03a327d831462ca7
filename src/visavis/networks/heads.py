"""Heads of a pair critic: from the features of two images to the score of the pair.

A head works in two steps, so that what can be done once per image is not done once per pair:
``embed(features [N, F], labels) -> [N, …]`` per image, ``score(a, b)`` per pair, where ``a`` and ``b`` are
embeddings whose leading dimensions broadcast.  ``antisymmetric`` heads return a *margin* (which of the two
looks more real; 0 for an image with itself), the others a *similarity*.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from visavis.errors import UserError
from visavis.networks.cpu import product
from visavis.networks.layers import Dropout
from visavis.networks.norms import SpectralEmbedding
from visavis.training import parallel


class Head(nn.Module):
    """What all heads share."""

    antisymmetric = False
    conditional = False

    def embed(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``[N, F] -> [N, …]``: the part of the score that one image has by itself."""
        raise NotImplementedError

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """Embeddings ``[…]`` that broadcast -> scores."""
        raise NotImplementedError


class Difference(Head):
    """w·f(a) - w·f(b): the pairing of RpGAN (Sun et al. 2020).

    Of a class y it is (w + e_y)·f, the projection of Miyato and Koyama (2018, eq. 3); ``common``: False
    leaves w away, as R3GAN does.  ``spectral``: w and the matrix of the e_y are divided by their largest
    singular value.
    """

    antisymmetric = True
    conditional = True
    weight: nn.Parameter | None

    def __init__(
        self, features: int, classes: int = 0, common: bool = True, init: str = "unit", spectral: bool = False
    ) -> None:
        super().__init__()
        self.spectral = spectral
        self.weight = nn.Parameter(_drawn(init, features)) if common or not classes else None
        self.classes: nn.Embedding | None = None
        if classes:
            make = SpectralEmbedding if spectral else nn.Embedding
            self.classes = make(classes, features)
            start = features**-0.5 if common else (features * classes) ** -0.5
            nn.init.normal_(self.classes.weight, 0.0, start)

    def embed(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``[N, F] -> [N]``: how real the image looks; only differences of it mean anything."""
        weight = self.weight
        if weight is not None and self.spectral:
            weight = weight / weight.norm()
        if self.classes is not None:
            if labels is None:
                raise UserError("this critic is conditional: it needs the images' labels")
            of_class = self.classes(labels)
            weight = of_class if weight is None else weight + of_class
        assert weight is not None
        # no matrix product: in bf16 it would round the differences away
        score: Tensor = (features.float() * weight).sum(1)
        return score

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """Above 0: ``a`` looks more real."""
        return a - b


def _drawn(init: str, features: int) -> Tensor:
    """The first weights ``[F]``: N(0, 1/√F) ("unit"), N(0, 0.02) ("dcgan"), U(±1/√F) ("torch")."""
    if init == "torch":
        return torch.empty(features).uniform_(-1, 1) / math.sqrt(features)
    return torch.randn(features) * 0.02 if init == "dcgan" else torch.randn(features) / features**0.5


class Single(Difference):
    """An ordinary discriminator: the pair's first member is ignored, the score is w·f(b) + bias.

    ``logit_slope``: a leaky ReLU on the logit, which no discriminator should have and S3's has.
    """

    antisymmetric = False

    def __init__(
        self,
        features: int,
        classes: int = 0,
        common: bool = True,
        init: str = "unit",
        spectral: bool = False,
        logit_slope: float = 1.0,
    ) -> None:
        super().__init__(features, classes, common, init, spectral)
        self.logit_slope = logit_slope
        self.bias = nn.Parameter(torch.zeros(()))
        if init == "torch":
            nn.init.uniform_(self.bias, -(features**-0.5), features**-0.5)

    def embed(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``[N, F] -> [N]``: the logit "real"."""
        logits: Tensor = super().embed(features, labels) + self.bias
        return logits if self.logit_slope == 1 else leaky_relu(logits, self.logit_slope)

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """The second member's logit."""
        return torch.zeros_like(a) + b


class Distance(Head):
    """bias - scale · ‖f(a) - f(b)‖: a similarity that is highest for an image with itself."""

    def __init__(self, features: int, classes: int = 0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(features**-0.5))
        self.bias = nn.Parameter(torch.zeros(()))

    def embed(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``[N, F] -> [N, F]``."""
        return features.float()

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """``[…, F] -> […]``."""
        distance = ((a - b).square().sum(-1) + 1e-8).sqrt()  # the root's slope stays finite at 0
        return self.bias - self.scale * distance


class Cosine(Head):
    """bias + scale · cos(f(a), f(b))."""

    def __init__(self, features: int, classes: int = 0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.bias = nn.Parameter(torch.zeros(()))

    def embed(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``[N, F] -> [N, F]`` of unit length."""
        return nn.functional.normalize(features.float(), dim=-1, eps=1e-6)

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """``[…, F] -> […]``."""
        return self.bias + self.scale * (a * b).sum(-1)


class Concat(Head):
    """An MLP of both features, as in the Siamese GAN (S1): Linear(2F, hidden), LeakyReLU, Dropout, …,
    Linear(·, 1).

    The first layer is applied per image (a matrix times a concatenation is a sum), so pairs cost little.
    ``random_order`` swaps the members of half of the pairs while training: without it the head can ignore
    the member that is always real.
    """

    def __init__(
        self,
        features: int,
        classes: int = 0,
        hidden: tuple[int, ...] = (256,),
        slope: float = 0.2,
        dropout: float = 0.0,
        random_order: bool = False,
    ) -> None:
        super().__init__()
        self.random_order = random_order
        self.first = nn.Linear(2 * features, hidden[0])
        rest: list[nn.Module] = [nn.LeakyReLU(slope), Dropout(dropout)]
        for width_in, width_out in pairwise(hidden):
            rest += [nn.Linear(width_in, width_out), nn.LeakyReLU(slope), Dropout(dropout)]
        self.rest = nn.Sequential(*rest, nn.Linear(hidden[-1], 1))

    def embed(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """``[N, F] -> [N, 2, hidden]``: the first layer's part as first and as second member."""
        weights = torch.cat(self.first.weight.chunk(2, dim=1))  # [2 · hidden, F]
        parts = product(features, weights) if self.training else nn.functional.linear(features, weights)
        return parts.reshape(parts.shape[0], 2, -1).float()

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """``[…, 2, hidden] -> […]``."""
        mixed = a[..., 0, :] + b[..., 1, :]
        if self.random_order and self.training:
            swapped = b[..., 0, :] + a[..., 1, :]
            swap = parallel.rand(*mixed.shape[:-1], 1, device=mixed.device) < 0.5
            mixed = torch.where(swap, swapped, mixed)
        scores: Tensor = self.rest(mixed + self.first.bias)
        return scores.squeeze(-1).float()


HEADS: dict[str, type[Head]] = {
    "concat": Concat,
    "difference": Difference,
    "distance": Distance,
    "cosine": Cosine,
    "single": Single,
}
