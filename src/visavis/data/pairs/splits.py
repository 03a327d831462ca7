"""The parts of a set of pairs: those of its source, and for those that it lacks a fixed part of its train.

A source has the parts ``train``, ``val`` and ``test`` (:data:`visavis.data.found.PARTS`) that its folders or
files are named after, or else is all ``train``.  Of ``val`` and ``test``, each that it lacks is a tenth of
its train images (rounded, at least one of three), and train is what is left: a source without parts is split
80 % / 10 % / 10 %.  Which images is a function of their number alone, in the order of their names; no seed
of a run changes it.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from visavis import errors
from visavis.data import draws
from visavis.data.found import part_of
from visavis.errors import UserError

PARTS = ("train", "val", "test")
_SHARE = 0.1
_STREAM = 0x5911_7  # of random draws


def check_part(wanted: str) -> str:
    """The part's name here; raises :class:`UserError` for none of them."""
    part = part_of(wanted)
    if part is None:
        raise errors.unknown("split", wanted, PARTS)
    return part


def read_from(present: Collection[str], wanted: str, source: str) -> str:
    """Which of a source's parts holds the images of part ``wanted``.

    Raises :class:`UserError` where it has neither that part nor train.
    """
    if wanted in present or "train" in present:
        return wanted if wanted in present else "train"
    raise UserError(
        f"no split '{wanted}' in '{source}' and no 'train' to take it from (it has: {', '.join(present)}); "
        "give another --data.split"
    )


def rows_of(n: int, present: Collection[str], wanted: str) -> NDArray[np.int64]:
    """Which of the ``n`` images of the part that was read are those of part ``wanted``, in order."""
    lacking = [part for part in ("val", "test") if part not in present]
    if wanted != "train" and wanted not in lacking:
        return np.arange(n)
    share = max(round(_SHARE * n), 1) if n >= 3 else 0
    order = draws.permutation(n, _STREAM)
    if wanted == "train":
        return np.sort(order[share * len(lacking) :])
    place = lacking.index(wanted)
    return np.sort(order[share * place : share * (place + 1)])


def need(count: int, wanted: str, source: str) -> None:
    """Raise :class:`UserError` for a part without images."""
    if not count:
        raise UserError(f"split '{wanted}' of '{source}' is empty; add images, or give another --data.split")
