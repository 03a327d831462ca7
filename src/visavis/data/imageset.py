"""A set of images in memory, or decoded when indexed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.core import Shape
from visavis.data.account import Account
from visavis.data.encoded import LazyImages

UInt8 = NDArray[np.uint8]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class ImageSet:
    """Square images of one size, with their labels.

    ``images[indices]`` is uint8 ``[n, H, W, C]`` whether the set is held or streamed.
    """

    images: UInt8 | LazyImages
    labels: Int64 | None
    """``[N]``, indices into ``classes``; None where the source has no labels."""
    classes: tuple[str, ...]
    name: str
    digest: str
    """Hash of the contents (files or pixels, labels, split, classes, resolution), 32 hex digits."""
    account: Account | None = None
    """What the source held and what became of it; None where no source was read."""
    skipped: int = 0
    """How many broken images were left out."""
    streamed: bool = False
    """Whether batches are decoded or gathered step by step instead of held on the device."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The account, where there is one: as a set of pairs has them."""
        return () if self.account is None else (self.account,)

    def __len__(self) -> int:
        return int(self.images.shape[0])

    @property
    def resolution(self) -> int:
        """Height and width in pixels."""
        return int(self.images.shape[1])

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB) as a rule."""
        return int(self.images.shape[3])

    @property
    def shape(self) -> Shape:
        """What one image is."""
        return Shape(self.channels, self.resolution)
