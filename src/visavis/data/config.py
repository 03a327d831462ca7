"""What a user says about the real images."""

from typing import Literal, Self

from pydantic import PositiveInt

from visavis.core import Config, Names

Channels = Literal["auto", "grey", "rgb", "rgba", "stacked"]
Range = Literal["auto", "unit", "signed", "byte"]
COUNTS = {"grey": 1, "rgb": 3, "rgba": 4, "stacked": 3}
"""Kind of pixels -> how many channels."""


class DataConfig(Config):
    """A set of images; :func:`visavis.data.load_images` reads it.

    A source is ``mnist-10k``, ``stacked-mnist-10k``, ``digits``, ``stacked-digits``, a folder of class
    folders, a folder of images, a parquet folder in the hub's layout or one of its files, an ``.npz`` (key
    ``images``), a hub name ``owner/name``; ``stacked:`` before any of these: three of its grey images as the
    channels of one.
    """

    source: str
    """Name or path of the set."""
    classes: Names = ()
    """Classes to keep, renumbered in this order; empty keeps all."""
    split: str = "train"
    """Part of the set, or several joined by ``+``: ``train``, ``test``, ``train+test``."""
    resolution: PositiveInt | None = None
    """Side of the square images in pixels; None keeps the images' own, which must then be one and square."""
    channels: Channels = "auto"
    """``auto``: grey where every image is stored in grey levels, else RGB; of arrays what they have.
    ``stacked``: as RGB, and grey images are refused."""
    range: Range = "auto"
    """What black and white are in arrays that are not uint8: ``unit`` 0 and 1, ``signed`` -1 and 1, ``byte``
    0 and 255; ``auto`` where the values leave no doubt."""
    flip: bool = False
    """Mirror each image left to right with probability 1/2."""
    skip_broken: bool = False
    """Leave out (and count) images that do not decode, instead of stopping at the first."""
    stream: Literal["auto", "always", "never"] = "auto"
    """Decode images when a batch needs them instead of holding all; ``auto``: above ``device_bytes``."""
    device_bytes: int = 2_000_000_000
    """Largest set, in bytes as uint8, that ``stream="auto"`` holds on the device."""

    def settled(self, channels: int) -> Self:
        """With what ``channels="auto"`` became, so that others of the source are read alike."""
        kind = next((kind for kind, count in COUNTS.items() if count == channels), "auto")
        return self.model_copy(update={"channels": kind}) if self.channels == "auto" else self
