"""The embedded sets: 1,797 handwritten digits, and stacks of three of them with 1,000 classes.

The digits are those of E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0; see
``embedded/ATTRIBUTION.md``.  Stacking three as colour channels to count modes is due to Metz et al. 2017,
"Unrolled Generative Adversarial Networks", arXiv 1611.02163.
"""

from functools import partial
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis import errors
from visavis.data import draws
from visavis.data.found import Found, Splits, of_arrays

UInt8 = NDArray[np.uint8]
Int64 = NDArray[np.int64]

_SPLIT_SEED, _STACK_SEED = 1797, 1000
_TEST_SHARE = 0.2
_STACKS = {"train": 60_000, "test": 10_000}


def digits(split: str) -> tuple[UInt8, Int64]:
    """Grey digits ``[N, 8, 8, 1]`` and labels ``[N]``: ``train`` (1,438) or ``test`` (359, a fifth of each).

    Raises :class:`~visavis.errors.UserError` for another split.
    """
    if split not in _STACKS:
        raise errors.unknown("split", split, _STACKS)
    with (files("visavis.data") / "embedded" / "digits.npz").open("rb") as file, np.load(file) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    in_test = np.zeros(len(labels), bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        members = members[draws.permutation(len(members), _SPLIT_SEED, label)]
        in_test[members[: round(_TEST_SHARE * len(members))]] = True
    chosen = in_test if split == "test" else ~in_test
    return images[chosen][..., None], labels[chosen]


def stacked_digits(split: str) -> tuple[UInt8, Int64]:
    """Three random digits of the split as the channels of ``[N, 8, 8, 3]``, labels ``100 r + 10 g + b``.

    60,000 for ``train``, 10,000 for ``test``; always the same ones.
    """
    images, labels = digits(split)
    count = _STACKS[split]
    rows = draws.choices(len(images), 3 * count, _STACK_SEED, count).reshape(count, 3)
    return np.stack([images[rows[:, c], :, :, 0] for c in range(3)], axis=-1), labels[rows] @ np.array(
        [100, 10, 1]
    )


def _digits(split: str) -> Found:
    return of_arrays(*digits(split), tuple(str(label) for label in range(10)))


def _stacked_digits(split: str) -> Found:
    return of_arrays(*stacked_digits(split), tuple(f"{label:03}" for label in range(1000)))


DIGITS: Splits = {split: partial(_digits, split) for split in _STACKS}
STACKED_DIGITS: Splits = {split: partial(_stacked_digits, split) for split in _STACKS}
