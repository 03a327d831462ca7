"""Real images: where they come from (:func:`load`) and in which batches (:func:`batches_of`)."""

from visavis.data.batches import make_batches
from visavis.data.config import DataConfig
from visavis.data.imageset import ImageSet
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs
from visavis.data.pairs.set import PairSet
from visavis.data.sets import AnyData, AnySet, Batches, batches_of, held_out, load
from visavis.data.sources import load_images

__all__ = [
    "AnyData",
    "AnySet",
    "Batches",
    "DataConfig",
    "ImageSet",
    "PairSet",
    "PairsConfig",
    "batches_of",
    "held_out",
    "load",
    "load_images",
    "load_pairs",
    "make_batches",
]
