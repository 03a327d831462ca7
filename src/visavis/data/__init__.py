"""Real images: where they come from (:func:`load_images`) and in which batches (:func:`make_batches`)."""

from visavis.data.batches import Batches, make_batches
from visavis.data.config import DataConfig
from visavis.data.imageset import ImageSet
from visavis.data.sources import load_images

__all__ = ["Batches", "DataConfig", "ImageSet", "load_images", "make_batches"]
