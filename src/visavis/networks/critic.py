"""The pair critic c(a, b) = head(f(a), f(b)): one shared branch f, one head."""

import torch
from torch import Tensor, nn

from visavis.errors import UserError
from visavis.networks.heads import Head


class LabelMap(nn.Module):
    """One more channel before a branch: a learned map of the image's class (Mirza and Osindero 2014).

    Before a convolutional branch it is the label as an input map, before an MLP the embedding appended to the
    pixels.
    """

    def __init__(self, classes: int, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.maps = nn.Embedding(classes, resolution * resolution)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """``[N, C, R, R]``, ``[N]`` -> ``[N, C + 1, R, R]``."""
        if labels is None:
            raise UserError("this critic is conditional: it needs the images' labels")
        maps = self.maps(labels).unflatten(1, (1, self.resolution, self.resolution))
        return torch.cat([x, maps.to(x.dtype)], 1)


class PairCritic(nn.Module):
    """Scores pairs of images; the branch maps ``[N, C, H, W] -> [N, F]``.

    ``pack`` images in a row are the channels of one input, so that N images have N / pack scores and repeats
    are seen (PacGAN: Lin et al. 2018).  ``label_map`` shows the branch the class as well; ``classifier``
    (``[N, F] -> [N, classes]``) tells the class from the branch's features, for an auxiliary classifier.
    ``conditional``: whether images have classes in this training, in whatever way the critic knows them.
    """

    def __init__(
        self,
        branch: nn.Module,
        head: Head,
        label_map: LabelMap | None = None,
        classifier: nn.Module | None = None,
        pack: int = 1,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        self.branch = branch
        self.head = head
        self.label_map = label_map
        self.classifier = classifier
        self.pack = pack
        self.conditional = conditional

    def features(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Run the branch once: ``[N, C, H, W] -> [N, F]``; labels matter where the branch sees them."""
        shown = x if self.label_map is None else self.label_map(x, labels)
        if self.pack > 1:
            shown = shown.unflatten(0, (-1, self.pack)).flatten(1, 2)
        features: Tensor = self.branch(shown)
        return features

    def embed(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Run the branch once: ``[N, C, H, W] -> [N, …]``, what :meth:`score` takes."""
        return self.head.embed(self.features(x, labels), labels)

    def class_logits(self, features: Tensor) -> Tensor:
        """Logits of the classes, from :meth:`features`: ``[N, F] -> [N, classes]`` (Odena et al. 2017)."""
        if self.classifier is None:
            raise UserError(
                "this critic tells no classes; give --conditional true and "
                "--networks.D.conditioning classifier"
            )
        logits: Tensor = self.classifier(features)
        return logits.float()

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """The scores of pairs of embeddings."""
        return self.head.score(a, b)

    def forward(self, a: Tensor, b: Tensor, labels: Tensor | None = None) -> Tensor:
        """``a, b: [N, C, H, W]`` with ``a[i]`` facing ``b[i]`` -> ``[N]``."""
        return self.score(self.embed(a, labels), self.embed(b, labels))
