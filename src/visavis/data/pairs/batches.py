"""Batches of pairs as a function of (seed, step), as :mod:`visavis.data.batches` makes those of images."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from visavis.core import Pairs, mix
from visavis.data import draws
from visavis.data.batches import Plan
from visavis.data.pairs.set import PairSet, UInt8
from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.training import parallel

PairBatches = Callable[[int], Pairs]
"""step -> that step's pairs of this process."""

_TOP, _LEFT = 0xDA7A_03, 0xDA7A_04  # streams of random draws
_SIDE_B = 0xB  # of a seed of its own, where nobody has a partner


def make_pair_batches(
    pairs: PairSet,
    batch_size: int,
    real_batches: int,
    seed: int,
    flip: bool = False,
    device: torch.device | str = "cpu",
    channels_last: bool = False,
) -> PairBatches:
    """This process's part of the ``real_batches`` global batches of each step, from step 0 or any other.

    ``batches(step)`` holds ``a: [n, C, h, w]`` and ``b: [n, C, H, W]``, float32 in [-1, 1], with n =
    ``real_batches · batch_size / processes``, batch by batch (``a.chunk(real_batches)``).  Partners have one
    place, one flip and one crop (a set loaded with ``jitter`` is cropped to its resolution); unpaired sides
    have two of each, drawn independently, and each side has epochs of its own.  An epoch has every image
    once.  Both sides lie on ``device`` as uint8.  Raises :class:`UserError` for a batch larger than a side
    or not divisible among the processes.
    """
    most = min(len(pairs.a), len(pairs.b))
    if not 1 <= batch_size <= most:
        raise UserError(
            f"batch size {batch_size} (allowed: 1 to {most}, the images of a side); mend --batch-size"
        )
    if batch_size % parallel.world_size():
        raise UserError(
            f"batch size {batch_size} does not divide among {parallel.world_size()} processes "
            "(allowed: a multiple of their number); mend --batch-size"
        )
    plan_a = Plan(len(pairs.a), batch_size, real_batches, seed, flip)
    plan_b = (
        plan_a if pairs.paired else Plan(len(pairs.b), batch_size, real_batches, mix(seed, _SIDE_B), flip)
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    a = _Side(pairs.a, pairs.shape_a.resolution, 1, plan_a, device)
    b = _Side(pairs.b, pairs.resolution, pairs.factor, plan_b, device)

    def batches(step: int) -> Pairs:
        x, y = (to_float(side(step)).contiguous(memory_format=layout) for side in (a, b))
        return Pairs(x, y)

    return batches


class _Side:
    """One side on the device; a batch of crops is one index operation on a view of all crops."""

    def __init__(
        self, pixels: UInt8, resolution: int, stride: int, plan: Plan, device: torch.device | str
    ) -> None:
        x = torch.from_numpy(np.array(pixels.transpose(0, 3, 1, 2), order="C")).to(device)
        self._crops = x.unfold(2, resolution, stride).unfold(3, resolution, stride)  # (N, C, k, k, R, R)
        self._plan = plan

    def __call__(self, step: int) -> Tensor:
        """Images of a step, uint8 ``[n, C, R, R]``."""
        plan, device = self._plan, self._crops.device
        rows, top, left = (
            torch.from_numpy(index).to(device)
            for index in (plan.rows(step), self._places(_TOP, step), self._places(_LEFT, step))
        )
        x = self._crops[rows, :, top, left]
        if plan.flip:
            flips = torch.from_numpy(plan.flips(step)).to(device)
            x = torch.where(flips[:, None, None, None], x.flip(-1), x)
        return x

    def _places(self, stream: int, step: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Which crop of each image, along one axis."""
        plan = self._plan
        drawn = draws.choices(
            self._crops.shape[2], plan.real_batches * plan.batch_size, plan.seed, stream, step
        )
        return plan.local(drawn)
