"""One door to both kinds of sets: images, and pairs of images."""

from collections.abc import Callable
from typing import Annotated, Any

import torch
from pydantic import Discriminator, Tag

from visavis.core import Batch
from visavis.data.batches import make_batches
from visavis.data.config import DataConfig
from visavis.data.found import present_split
from visavis.data.imageset import ImageSet
from visavis.data.pairs.batches import make_pair_batches
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs
from visavis.data.pairs.set import PairSet
from visavis.data.sources import load_images, split_names


def _kind(given: Any) -> str:
    """Which configuration a value is meant for; one that does not say so describes images."""
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    return "pairs" if kind == "pairs" else "images"


AnyData = Annotated[
    Annotated[DataConfig, Tag("images")] | Annotated[PairsConfig, Tag("pairs")], Discriminator(_kind)
]
AnySet = ImageSet | PairSet
Batches = Callable[[int], Batch]
"""step -> that step's real images, or pairs, of this process."""


def load(config: AnyData) -> AnySet:
    """The images, or pairs, that ``config`` describes, to train on."""
    return load_pairs(config) if isinstance(config, PairsConfig) else load_images(config)


def held_out(config: AnyData) -> AnySet | None:
    """Others of the same source, which training does not see; None where it has none.

    Of pairs the validation split (of which there is always one), of images the test split.
    """
    if isinstance(config, PairsConfig):
        return load_pairs(config, "val")
    present = split_names(config)
    taken = [present_split(part.strip(), present) for part in config.split.split("+")]
    for split in ("test", "val"):
        if split in present and split not in taken:
            return load_images(config.model_copy(update={"split": split}))
    return None


def batches_of(
    data: AnySet,
    config: AnyData,
    batch_size: int,
    real_batches: int,
    seed: int,
    device: torch.device | str = "cpu",
    channels_last: bool = False,
) -> Batches:
    """The batches of a run: step -> this process's part of its images or pairs."""
    if isinstance(data, PairSet):
        return make_pair_batches(data, batch_size, real_batches, seed, config.flip, device, channels_last)
    return make_batches(data, batch_size, real_batches, seed, config.flip, device, channels_last)
