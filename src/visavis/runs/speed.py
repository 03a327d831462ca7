"""How much a step computes, what this machine reaches in a large matrix product, and the share between."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

from visavis.networks.cpu import Linear
from visavis.training.devices import multiplies_bf16

SIZE = 2048
SECONDS, LEAST = 0.5, 3
"""How long a product is repeated, and how often at least; the best time counts."""


def flops_of(act: Callable[[], object]) -> int:
    """Floating-point operations of the convolutions and matrix products while ``act`` runs.

    A multiply-add is two; gradients, and gradients of gradients, count where they are computed.
    """
    # torch counts a grouped convolution's gradients once for every group, and oneDNN's products not at all
    ours: dict[object, object] = {torch.ops.aten.convolution_backward: _convolution_backward_flops}
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        ours[torch.ops.mkldnn._linear_pointwise] = _linear_flops
    counter = FlopCounterMode(display=False, custom_mapping=ours)
    counter.mod_tracker = _Whole()
    with counter:
        act()
    return int(counter.get_total_flops())


class _Whole(ModuleTracker):
    """All is one part: torch's own tracker of modules hooks what enters them, and refuses the images of a
    penalty on gradients.
    """

    def __enter__(self) -> Self:
        """Nothing to hook."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to undo."""


def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
    return 2 * x[0] * x[1] * weight[0]


def _convolution_backward_flops(
    g: Sequence[int], x: Sequence[int], weight: Sequence[int], *rest: Any, **_: object
) -> int:
    transposed, asked = rest[4], rest[7]  # of stride … output mask, after the bias
    places = math.prod((x if transposed else g)[2:])
    return 2 * x[0] * places * math.prod(weight) * sum(map(bool, asked[:2]))


def peaks(device: torch.device) -> dict[str, float]:
    """TFLOP/s of a large product in fp32, and in bf16 where the hardware multiplies it: the best of a few.

    On a CPU two libraries are asked in fp32: torch's own products go to MKL, and on AMD that does not use the
    widest vectors.  ``fp32_tflops`` is the better of MKL and oneDNN, ``fp32_matmul_tflops`` what MKL reaches.
    """
    size = 4 * SIZE if device.type == "cuda" else SIZE
    a = torch.randn(size, size, device=device)
    flops = 2 * size**3
    matmul = flops / _best(lambda: a @ a, device)
    through = Linear(size, size, bias=False).to(device).requires_grad_(False)
    found = {
        "fp32_tflops": max(matmul, flops / _best(lambda: through(a), device)),
        "fp32_matmul_tflops": matmul,
    }
    if multiplies_bf16(device):
        half = a.bfloat16()
        found["bf16_tflops"] = flops / _best(lambda: half @ half, device)
    return {name: round(value / 1e12, 4) for name, value in found.items()}


def _best(product: Callable[[], object], device: torch.device) -> float:
    taken: list[float] = []
    while len(taken) < LEAST or sum(taken) < SECONDS:
        taken.append(timed(product, device))
    return min(taken)


def timed(act: Callable[[], object], device: torch.device) -> float:
    """Seconds that ``act`` takes, until the device has really done it."""
    _wait(device)
    started = time.perf_counter()
    act()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def share_of_peak(images_per_second: float, flops_per_image: float, peak_tflops: float) -> float:
    """The part of the peak that a step reaches."""
    return round(images_per_second * flops_per_image / (peak_tflops * 1e12), 3)
