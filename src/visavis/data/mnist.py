"""``mnist-10k``: 10,000 digits of MNIST that come with the package, and stacks of three with 1,000 classes.

8,000 of the training split and 2,000 of the test split, as many of each class; the whole set is
``ylecun/mnist`` on the hub.  By Y. LeCun and C. Cortes, CC BY-SA 3.0; see ``embedded/MNIST.md``.
"""

from functools import partial
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis import errors
from visavis.data.found import Found, Splits, of_arrays
from visavis.data.stacks import count_of, stack

FILE = files("visavis.data") / "embedded" / "mnist.npz"
_SPLITS = ("train", "test")


def mnist(split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Grey digits ``[N, 28, 28, 1]`` and labels ``[N]``: ``train`` (800 of each) or ``test`` (200 of each).

    Raises :class:`~visavis.errors.UserError` for another split.
    """
    if split not in _SPLITS:
        raise errors.unknown("split", split, _SPLITS)
    with FILE.open("rb") as file, np.load(file) as arrays:
        return arrays[f"{split}_images"][..., None], arrays[f"{split}_labels"].astype(np.int64)


def stacked_mnist(split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Three random digits of the split as the channels of ``[N, 28, 28, 3]``, labels ``100 r + 10 g + b``.

    60,000 for ``train``, 10,000 for ``test``; always the same ones.
    """
    images, labels = mnist(split)
    return stack(images, labels, 10, count_of(split, len(images)))


def _mnist(split: str) -> Found:
    return of_arrays(*mnist(split), tuple(str(label) for label in range(10)))


def _stacked_mnist(split: str) -> Found:
    return of_arrays(*stacked_mnist(split), tuple(f"{label:03}" for label in range(1000)))


MNIST: Splits = {split: partial(_mnist, split) for split in _SPLITS}
STACKED_MNIST: Splits = {split: partial(_stacked_mnist, split) for split in _SPLITS}
