"""Random draws that are a function of a few whole numbers, and the same with every version of numpy.

Only the raw bits of a numpy bit generator are promised never to change, so everything here is made from
those.  No global generator is read or disturbed.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.core import mix


def bits(count: int, *seeds: int) -> NDArray[np.uint64]:
    """``[count]`` independent uniform 64-bit numbers."""
    return np.asarray(np.random.Philox(key=mix(*seeds)).random_raw(count), dtype=np.uint64)


def permutation(n: int, *seeds: int) -> NDArray[np.int64]:
    """A uniformly random order of 0 … n-1."""
    return np.argsort(bits(n, *seeds), kind="stable").astype(np.int64, copy=False)


def choices(n: int, count: int, *seeds: int) -> NDArray[np.int64]:
    """``[count]`` draws from 0 … n-1, with replacement."""
    return (bits(count, *seeds) % np.uint64(n)).astype(np.int64)


def coins(count: int, *seeds: int) -> NDArray[np.bool_]:
    """``[count]`` fair coins."""
    return (bits(count, *seeds) >> np.uint64(63)).astype(np.bool_)
