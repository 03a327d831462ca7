"""A set of pairs in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.core import Shape
from visavis.data.account import Account

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class PairSet:
    """Inputs ``a: [N, h, w, C]`` and targets ``b: [M, H, W, C]``, uint8, in memory.

    ``paired``: ``a[i]`` belongs to ``b[i]``, and N = M.  A set to train on is larger than ``resolution`` by
    ``jitter``, to crop from.
    """

    a: UInt8
    b: UInt8
    names_a: tuple[str, ...]
    """What each input is called: its path below its folder without ending, or its source's name for it."""
    names_b: tuple[str, ...]
    paired: bool
    name: str
    digest: str
    """Hash of the contents (files or pixels, split, layout, resolution), 32 hex digits."""
    skipped: int = 0
    """How many broken images and stems without partner were left out."""
    jitter: int = 0
    """Pixels of ``b`` beyond the resolution."""
    accounts: tuple[Account, ...] = ()
    """What became of the files of a and of b, or of those that hold both; none where no file was read."""
    shrunk: float = 1.0
    """How many times larger the files of a are than what is used of them, in the median."""

    labels: None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    @property
    def factor(self) -> int:
        """How many times smaller inputs are than targets."""
        return int(self.b.shape[1] // self.a.shape[1])

    @property
    def resolution(self) -> int:
        """Height and width of a target that a batch holds, in pixels."""
        return int(self.b.shape[1]) - self.jitter

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB), of both sides."""
        return int(self.b.shape[3])

    @property
    def shape(self) -> Shape:
        """What one target is."""
        return Shape(self.channels, self.resolution)

    @property
    def shape_a(self) -> Shape:
        """What one input is."""
        return Shape(self.channels, self.resolution // self.factor)
