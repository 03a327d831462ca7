"""Batches of real images as a function of (seed, step): nothing to save, nothing to resume.

The images of an epoch come in a random order without replacement, one epoch after the other, cut into
batches; a batch may straddle two epochs.  Order and flips are drawn for the *global* batch from generators of
their own: they are the same for any number of processes, and the default generators stay untouched.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visavis.core import Images
from visavis.data import draws
from visavis.data.encoded import workers
from visavis.data.imageset import ImageSet
from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.training import parallel

Batches = Callable[[int], Images]
"""step -> that step's real images of this process."""

_ORDER, _FLIP = 0xDA7A_01, 0xDA7A_02  # streams of random draws
_T = TypeVar("_T", bound=np.generic)
_AHEAD = 4  # steps that a streamed set decodes in advance


def make_batches(
    images: ImageSet,
    batch_size: int,
    real_batches: int,
    seed: int,
    flip: bool = False,
    device: torch.device | str = "cpu",
    channels_last: bool = False,
    stream: bool | None = None,
) -> Batches:
    """This process's part of the ``real_batches`` global batches of each step, from step 0 or any other.

    ``batches(step)`` holds ``x``: float32 ``[real_batches · batch_size / processes, C, H, W]`` in [-1, 1],
    batch by batch (``x.chunk(real_batches)`` gives the part of each), and ``y``: int64 or None.  The set is
    on ``device`` as uint8, or is decoded in the background when ``stream`` (None: ``images.streamed``); the
    batches are equal bit for bit.  Raises :class:`UserError` for a batch larger than the set or not divisible
    among the processes.
    """
    if not 1 <= batch_size <= len(images):
        raise UserError(
            f"batch size {batch_size} (allowed: 1 to {len(images)}, the images of the set); mend --batch-size"
        )
    if batch_size % parallel.world_size():
        raise UserError(
            f"batch size {batch_size} does not divide among {parallel.world_size()} processes "
            "(allowed: a multiple of their number); mend --batch-size"
        )
    plan = Plan(len(images), batch_size, real_batches, seed, flip)
    device = torch.device(device)
    streamed = images.streamed if stream is None else stream
    read = _Streamed(images, plan, device) if streamed else _Resident(images, plan, device)
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def batches(step: int) -> Images:
        x, y = read(step)
        if flip:
            flipped = torch.from_numpy(plan.flips(step)).to(device)
            x = torch.where(flipped[:, None, None, None], x.flip(-1), x)
        x = to_float(x).contiguous(memory_format=layout)
        return Images(x, y)

    return batches


@dataclass(frozen=True)
class Plan:
    """Which images a step takes: a function of the seed, the step and the place in the global batch."""

    n: int
    batch_size: int
    real_batches: int
    seed: int
    flip: bool

    def rows(self, step: int) -> NDArray[np.int64]:
        """This process's images of a step, ``[real_batches · local]``."""
        total = self.real_batches * self.batch_size
        first = step * total
        epochs = range(first // self.n, (first + total - 1) // self.n + 1)
        parts = [
            _order(self.n, self.seed, epoch)[max(first - epoch * self.n, 0) : first + total - epoch * self.n]
            for epoch in epochs
        ]
        return self.local(np.concatenate(parts))

    def flips(self, step: int) -> NDArray[np.bool_]:
        """Which of :meth:`rows` are mirrored."""
        return self.local(draws.coins(self.real_batches * self.batch_size, self.seed, _FLIP, step))

    def local(self, drawn: NDArray[_T]) -> NDArray[_T]:
        """This process's part of what was drawn for the step, ``[real_batches · batch_size]``."""
        batches = drawn.reshape(self.real_batches, self.batch_size)
        return batches[:, parallel.local(self.batch_size)].reshape(-1)


@lru_cache(maxsize=8)  # two sides of unpaired images, each in up to two epochs, and other sets
def _order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    order = draws.permutation(n, seed, _ORDER, epoch)
    order.setflags(write=False)
    return order


class _Resident:
    """The set on the device; a batch is an index operation."""

    def __init__(self, images: ImageSet, plan: Plan, device: torch.device) -> None:
        pixels = images.images[:]
        self._pixels = torch.from_numpy(np.array(pixels.transpose(0, 3, 1, 2), order="C")).to(device)
        self._labels = None if images.labels is None else torch.tensor(images.labels, device=device)
        self._plan = plan

    def __call__(self, step: int) -> Images:
        """Images of a step, uint8 ``[n, C, H, W]``."""
        rows = torch.from_numpy(self._plan.rows(step)).to(self._pixels.device)
        return Images(self._pixels[rows], None if self._labels is None else self._labels[rows])


class _Streamed:
    """The set where it is; threads decode this step's images and the next steps'."""

    def __init__(self, images: ImageSet, plan: Plan, device: torch.device) -> None:
        self._images = images
        self._plan = plan
        self._device = device
        self._pool = ThreadPoolExecutor(min(_AHEAD, workers()), thread_name_prefix="visavis-batches")
        self._coming: dict[int, Future[Images]] = {}

    def __call__(self, step: int) -> Images:
        """Images of a step, uint8 ``[n, C, H, W]``."""
        due = range(step, step + 1 + _AHEAD)
        for other in [other for other in self._coming if other not in due]:
            self._coming.pop(other).cancel()
        for other in due:
            if other not in self._coming:
                self._coming[other] = self._pool.submit(self._read, self._plan.rows(other))
        x, y = self._coming.pop(step).result()
        return Images(self._send(x), None if y is None else self._send(y))

    def _send(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, non_blocking=True)

    def _read(self, rows: NDArray[np.int64]) -> Images:
        x = torch.from_numpy(np.array(self._images.images[rows].transpose(0, 3, 1, 2), order="C"))
        y = None if self._images.labels is None else torch.from_numpy(self._images.labels[rows])
        if self._device.type == "cuda":
            x, y = x.pin_memory(), None if y is None else y.pin_memory()
        return Images(x, y)
