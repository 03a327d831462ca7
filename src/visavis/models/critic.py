"""The ability to compare: what a pair critic says of two pictures."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.models.model import Label, Model, Picture
from visavis.networks import PairCritic


@dataclass(frozen=True)
class Comparison:
    """What a critic says of two images: a ``similarity``, or a ``margin`` (above 0: the first is realer)."""

    kind: str
    value: float


class Compares(Model):
    """A model whose network D compares two images."""

    ability: ClassVar[str] = "compare"

    def able(self) -> bool:
        """Whether the snapshot holds a critic that looks at two images."""
        critic = self.networks.get("D")
        one_each = isinstance(critic, PairCritic) and critic.pack == 1
        return one_each and self.description.networks["D"]["head"] != "single"

    def compare(self, a: Picture, b: Picture, label: Label | None = None) -> Comparison:
        """What the critic says of two pictures (cut square, resized to its resolution).

        A concat head is made symmetric by the mean of both orders; a conditional critic without ``label``
        gives the mean over its classes.  Raises :class:`UserError` if the snapshot has no critic, or one that
        looks at single images only.
        """
        critic = self.networks.get("D")
        if not isinstance(critic, PairCritic):
            raise UserError("this snapshot holds no critic, so it cannot compare")
        if self.description.networks["D"]["head"] == "single":
            raise UserError("this run's critic looks at one image at a time; compare needs a pairwise recipe")
        if critic.pack > 1:
            raise UserError(
                f"this run's critic sees {critic.pack} images as one input; compare needs a pairwise recipe"
            )
        labels = self.labels(0, len(self.classes) if label is None else 1, label)

        def embed(picture: Picture) -> Tensor:
            x = self.picture(picture)[None].to(self.device)  # alone, so that equal pictures embed equally
            if labels is None:
                return critic.embed(x)
            of_class = labels.to(self.device)
            seen = [
                critic.features(x, label[None]) for label in (of_class if critic.label_map else of_class[:1])
            ]
            return critic.head.embed(torch.cat(seen).expand(len(of_class), -1), of_class)

        with torch.no_grad():
            of_a, of_b = embed(a), embed(b)
            score, reverse = critic.score(of_a, of_b).mean(), critic.score(of_b, of_a).mean()
        if critic.head.antisymmetric:
            return Comparison("margin", score.item())
        return Comparison("similarity", ((score + reverse) / 2).item())
