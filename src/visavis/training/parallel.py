"""One process or many: random draws, averages and gathers that make N processes the same run as one.

Every process seeds torch's generator alike at each phase, draws for the *global* batch and keeps its own
slice, so a draw depends on (seed, step, phase, index in the global batch) and never on the number of
processes. With one process everything here is the identity.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from visavis.errors import UserError

T = TypeVar("T")


def _apply(function: type[torch.autograd.Function], x: Tensor) -> Tensor:
    out: Tensor = function.apply(x)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return out


def active() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


_part: ContextVar[tuple[int, int]] = ContextVar("part", default=(0, 1))


@contextmanager
def part(number: int, of: int) -> Iterator[None]:
    """Inside, this process is for draws what ``of`` processes would be one after the other: the ``number``-th
    of them.  What looks at the batch as a whole is refused.
    """
    token = _part.set((number, of))
    try:
        yield
    finally:
        _part.reset(token)


def world_size() -> int:
    """How many processes train together, or parts of their batches."""
    return (dist.get_world_size() if active() else 1) * _part.get()[1]


def rank() -> int:
    """This process's number, or its part's; 0 writes the files."""
    number, parts = _part.get()
    return (dist.get_rank() if active() else 0) * parts + number


def apart() -> bool:
    """Whether others of this batch are elsewhere: in other processes, or in parts before or to come."""
    return active() or _part.get()[1] > 1


def _need_whole() -> None:
    if _part.get()[1] > 1:
        raise UserError(
            "this game or network looks at the batch as a whole (batch normalisation, all pairs, minibatch "
            "statistics, ADA, …), so its batches cannot be taken in parts; give --accumulate 1"
        )


def launched() -> bool:
    """Whether torchrun started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def start(device: torch.device, timeout: timedelta = timedelta(minutes=2)) -> torch.device:
    """Join the processes that torchrun started (gloo on CPU, NCCL on CUDA); returns this process's device."""
    if not launched() or dist.is_initialized():
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timeout)
    return device


def stop() -> None:
    """Leave the group."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


_together: ContextVar[bool] = ContextVar("together", default=False)


@contextmanager
def together(device: torch.device) -> Iterator[torch.device]:
    """Processes of torchrun that do the same work, and share it in :func:`shared`; gives this one's device.

    Training is not such work: there process 0 does some things alone.  With one process nothing changes.
    """
    joined = launched() and not dist.is_initialized()
    own = start(device)
    token = _together.set(active())
    try:
        yield own
    finally:
        _together.reset(token)
        if joined:
            stop()


Made = dict[str, NDArray[Any]]


def shared(n: int, make: Callable[[int, int], Made], step: int = 1) -> Made:
    """``make(0, n)``: arrays with a row for each of n items, of which each process makes a part.

    Inside :func:`together` process r makes ``make(first, last)``, whole multiples of ``step`` but for the
    last, and all get all.  The parts' batches are those of one process, and so are the figures, to rounding.
    """
    if not _together.get():
        return make(0, n)
    steps, ways = -(-n // step), world_size()
    first, last = (min(n, steps * r // ways * step) for r in (rank(), rank() + 1))
    parts: list[Made | None] = [None] * ways
    dist.all_gather_object(parts, make(first, last) if last > first else None)
    found = [part for part in parts if part is not None]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def agreed(make: Callable[[], T]) -> T:
    """``make()``; inside :func:`together` what it gives on process 0, whose files the others may not see."""
    return from_first(make) if _together.get() else make()


def local(total: int) -> slice:
    """This process's part of ``total`` items; ``total`` is a multiple of the number of processes."""
    part, rest = divmod(total, world_size())
    assert rest == 0, f"{total} items do not divide among {world_size()} processes"
    return slice(rank() * part, (rank() + 1) * part)


def _draw(make: Callable[..., Tensor], n: int, shape: tuple[int, ...], device: torch.device | None) -> Tensor:
    total = n * world_size()
    return make(total, *shape, device=device)[local(total)]


def randn(n: int, *shape: int, device: torch.device | None = None) -> Tensor:
    """Standard normal draws ``[n, *shape]``: this process's slice of the global batch's."""
    return _draw(torch.randn, n, shape, device)


def rand(n: int, *shape: int, device: torch.device | None = None) -> Tensor:
    """Uniform draws on [0, 1), ``[n, *shape]``: this process's slice of the global batch's."""
    return _draw(torch.rand, n, shape, device)


class _Sum(torch.autograd.Function):
    """Sum over processes; its gradient is the sum over processes, so it can be differentiated twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _apply(_Sum, grads[0])


class _Gather(torch.autograd.Function):
    """Concatenate the processes' tensors along dimension 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world_size())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _apply(_Scatter, grads[0])


class _Scatter(torch.autograd.Function):
    """Sum over processes, then keep this process's slice: the gradient of :class:`_Gather`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[local(len(total))].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _apply(_Gather, grads[0])


def gather(x: Tensor) -> Tensor:
    """``[n, …]`` of this process -> ``[n · processes, …]`` of all, differentiable (twice)."""
    _need_whole()
    return _apply(_Gather, x) if active() else x


def mean(x: Tensor) -> Tensor:
    """The average of ``x`` over processes, differentiable (twice)."""
    _need_whole()
    return _apply(_Sum, x) / world_size() if active() else x


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its average over processes, in one collective."""
    listed = list(tensors)
    if not active() or not listed:
        return
    flat = torch.cat([t.reshape(-1) for t in listed])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for tensor, part in zip(listed, torch.split(flat, [t.numel() for t in listed]), strict=True):
        tensor.copy_(part.view_as(tensor))


def agree(flag: bool, device: torch.device | None = None) -> bool:
    """Whether any process says yes, so that all of them stop at the same step."""
    if not active():
        return flag
    votes = torch.tensor(float(flag), device=device)
    dist.all_reduce(votes)
    return bool(votes.item())


def from_first(make: Callable[[], T]) -> T:
    """What ``make()`` gives on process 0, on every process; an exception there is raised everywhere."""
    if not active():
        return make()
    outcome: list[Any] = [None, None]
    if rank() == 0:
        try:
            outcome[0] = make()
        except Exception as error:
            outcome[1] = error
    dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    result: T = outcome[0]
    return result
