"""What the games on pairs of images share: the parts of a batch, and distances to the wanted image."""

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from visavis.core import Batch, Config, Nets, Pairs, Scalars, Value, value_at
from visavis.losses.translation import feature_distance, l1
from visavis.networks.perceptual import FeatureNet, load_feature_maps


def pairs_of(batch: Batch, index: int, parts: int) -> Pairs:
    """The ``index``-th of the ``parts`` batches of pairs of a step."""
    assert isinstance(batch, Pairs)
    return Pairs(batch.a.chunk(parts)[index], batch.b.chunk(parts)[index])


class Distance(Config):
    """How far a translated image is from the wanted one: L1, and L1 of feature maps of a trained network.

    ``l1``, ``perceptual``: weights.  ``features``: which of the project's own classifiers; it goes into the
    checkpoint, frozen.
    """

    l1: Value = 1.0
    perceptual: Value = 0.0
    features: FeatureNet | None = None

    @model_validator(mode="after")
    def _features_for_perceptual(self) -> Self:
        if (self.perceptual != 0) != (self.features is not None):
            raise ValueError(
                "a perceptual weight and the name of its features go together; give both or none"
            )
        return self

    def state(self) -> dict[str, nn.Module]:
        """The feature network, where there is one."""
        return {} if self.features is None else {"features": load_feature_maps(self.features)}

    def __call__(self, nets: Nets, fake: Tensor, real: Tensor, images: int) -> tuple[Tensor, Scalars]:
        """The weighted sum after ``images`` images, and each part unweighted."""
        parts = {"distance/l1": l1(fake, real)}
        total = value_at(self.l1, images) * parts["distance/l1"]
        if self.features is not None:
            with torch.no_grad():
                wanted = nets["features"](real)
            parts["distance/perceptual"] = feature_distance(nets["features"](fake), wanted)
            total = total + value_at(self.perceptual, images) * parts["distance/perceptual"]
        return total, parts
