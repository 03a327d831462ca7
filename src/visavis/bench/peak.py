"""The machine's peak, as a large matrix product reaches it."""

import time
from collections.abc import Callable

import torch

from visavis.networks.cpu import Linear

REPEATS = 20
SIZE = 2048


def peaks(device: torch.device) -> dict[str, float]:
    """TFLOP/s of a large product in fp32 and bf16, the best of a few.

    On a CPU two libraries are asked in fp32: torch's own products go to MKL, and on AMD that does not use the
    widest vectors.  ``fp32_tflops`` is the better of MKL and oneDNN, ``fp32_matmul_tflops`` what MKL reaches.
    """
    size = 4 * SIZE if device.type == "cuda" else SIZE
    a = torch.randn(size, size, device=device)
    flops = 2 * size**3
    matmul = flops / _seconds(lambda: a @ a, device)
    through = Linear(size, size, bias=False).to(device).requires_grad_(False)
    wide = max(matmul, flops / _seconds(lambda: through(a), device))
    half = a.bfloat16()
    narrow = flops / _seconds(lambda: half @ half, device)
    found = {"fp32_tflops": wide, "fp32_matmul_tflops": matmul, "bf16_tflops": narrow}
    return {name: round(value / 1e12, 4) for name, value in found.items()}


def _seconds(product: Callable[[], torch.Tensor], device: torch.device) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        product()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best
