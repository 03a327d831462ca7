"""What a user says about pairs of images."""

from typing import Literal, Self

from pydantic import NonNegativeInt, PositiveInt, model_validator

from visavis.core import Config, Names
from visavis.data.filters import Filter
from visavis.errors import UserError

Layout = Literal["stems", "side-by-side", "unpaired", "made"]
Rule = Literal["resize-crop", "pad"]
Filling = Literal["edge", "white", "black"]


class PairsConfig(Config):
    """A set of inputs a and targets b; :func:`visavis.data.pairs.load_pairs` reads it.

    ``stems``: ``{train,val,test}/{a,b}/NAME.*`` or ``{a,b}/NAME.*`` (or ``trainA trainB …``), partners having
    the same name up to the ending.  ``side-by-side``: ``{train,val,test}/*.*`` or ``*.*``, each file the two
    halves of one picture.  ``unpaired``: folders as for ``stems`` in which nobody has a partner.  ``made``:
    any set that :class:`visavis.data.DataConfig` describes, whose inputs a filter makes.
    """

    kind: Literal["pairs"] = "pairs"
    source: str
    """Folder of the set; for ``made`` also a parquet folder or file, an ``.npz``, a name."""
    layout: Layout = "stems"
    a: str = ""
    """Folder of the inputs inside each split; empty: ``A``, or the first of two by the alphabet."""
    b: str = ""
    """Folder of the targets; empty: ``B``, or the second of two."""
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b"
    """``b-to-a`` exchanges the two; side by side, a is the left half; made, a is what the filter makes."""
    made_by: Filter | None = None
    """The filter of ``made``: ``pencil``, ``shrink``, ``invert``, ``colour``."""
    split: str = "train"
    """``train``, ``val`` or ``test``; for those that a source lacks see :mod:`visavis.data.pairs.splits`."""
    resolution: PositiveInt
    """Side of the square targets in pixels."""
    fit: Rule = "resize-crop"
    """How other shapes become squares: the short side scaled and the centre cut out, or the long side scaled
    and the rest filled."""
    filling: Filling = "edge"
    """What ``pad`` fills with: the picture's edges repeated, white or black."""
    flip: bool = False
    """Mirror left to right with probability 1/2, both sides of a pair alike."""
    jitter: NonNegativeInt = 0
    """Train on random crops of pictures that are larger by so many pixels, both sides of a pair alike."""
    shuffled: bool = False
    """Train with each side in an order of its own, as if partners were not known; other splits keep them."""
    classes: Names = ()
    """Classes to keep (``made`` only); empty keeps all."""
    skip_broken: bool = False
    """Leave out (and count) images that do not decode and stems without partner, instead of stopping."""

    @property
    def factor(self) -> int:
        """How many times smaller the inputs are than the targets."""
        return 1 if self.made_by is None else self.made_by.factor

    def settled(self, channels: int) -> Self:
        """Itself: nothing of it is left to what is found."""
        return self

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.layout == "made") != (self.made_by is not None):
            given = "no filter" if self.made_by is None else f"the filter '{self.made_by.kind}'"
            raise UserError(
                f"layout '{self.layout}' with {given} (allowed: 'made' with one, the others without); "
                "give --data.layout made and --data.made_by pencil"
            )
        if self.factor > 1 and self.direction == "b-to-a":
            raise UserError("shrunk pictures are inputs only (allowed: a-to-b); mend --data.direction")
        for name, size in (("resolution", self.resolution), ("jitter", self.jitter)):
            if size % self.factor:
                raise UserError(
                    f"{name} {size} does not divide by {self.factor}, by which inputs are smaller "
                    f"(allowed: multiples of it); mend --data.{name}"
                )
        if self.classes and self.layout != "made":
            raise UserError(
                f"classes '{','.join(self.classes)}' of layout '{self.layout}' (allowed: none, except with "
                "'made'); give --classes ''"
            )
        return self
