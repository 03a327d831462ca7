"""``stacked:SOURCE``: three random grey images of a source as the channels of one, with the classes of each.

Of ten classes there are 1,000 stacked ones, ``000`` to ``999``: the benchmark of Metz et al. 2017 (Unrolled
GAN) on MNIST.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from visavis.data import draws
from visavis.data.found import Found, of_arrays
from visavis.data.imageset import ImageSet
from visavis.errors import UserError

PREFIX = "stacked:"
SEED = 1998
LEAST = {"train": 60_000}
"""As many stacks at least of a split, of others 10,000; more where the source has more images."""
MOST_CLASSES = 10


def stack(
    images: NDArray[np.uint8], labels: NDArray[np.int64], classes: int, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """``count`` stacks ``[count, H, W, 3]`` of grey images ``[N, H, W, 1]``, labels in base ``classes``.

    Always the same ones of the same images.
    """
    rows = draws.choices(len(images), 3 * count, SEED, count).reshape(count, 3)
    stacked = np.empty((count, *images.shape[1:3], 3), np.uint8)
    for channel in range(3):
        stacked[..., channel] = images[rows[:, channel], :, :, 0]
    return stacked, labels[rows] @ np.array([classes**2, classes, 1])


def count_of(split: str, images: int) -> int:
    """How many stacks of a split that has so many images."""
    return max(images, LEAST.get(split, 10_000))


def open_stack(source: str, split: str, load: Callable[[], ImageSet]) -> Found:
    """Stacks of what ``load`` gives: the split's grey images; raises UserError where they lack classes."""
    single = load()
    if single.labels is None or len(single.classes) > MOST_CLASSES:
        has = "none" if single.labels is None else f"{len(single.classes)}"
        raise UserError(
            f"'{source}' has {has} of the classes that {PREFIX}SOURCE stacks (allowed: 1 to {MOST_CLASSES}); "
            "give another source"
        )
    indices = np.arange(len(single))
    count = count_of(split, len(single))
    images, labels = stack(single.images[indices], single.labels, len(single.classes), count)
    between = "" if all(len(name) == 1 for name in single.classes) else "-"
    names = tuple(between.join(three) for three in product(single.classes, repeat=3))
    return of_arrays(images, labels, names)
