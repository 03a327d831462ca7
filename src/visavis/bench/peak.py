"""The machine's peak, as a large matrix product reaches it."""

import time
from collections.abc import Callable

import torch

REPEATS = 5
SIZE = 2048


def peaks(device: torch.device) -> dict[str, float]:
    """TFLOP/s of a large product in fp32 and bf16, the best of a few.

    In fp32 two libraries are asked on a CPU: matrix products go to MKL, convolutions to oneDNN, and
    on AMD the former does not use the widest vectors.  ``fp32_tflops`` is the better of the two,
    ``fp32_matmul_tflops`` MKL's alone.
    """
    size = 4 * SIZE if device.type == "cuda" else SIZE
    a = torch.randn(size, size, device=device)
    flops = 2 * size**3
    matmul = flops / _seconds(lambda: a @ a, device)
    wide = matmul
    if device.type == "cpu":
        # a 1×1 convolution is a matrix product, and goes to oneDNN
        images = a.view(2, size, 32, -1).contiguous(memory_format=torch.channels_last)
        kernel = a[:, :, None, None]
        wide = max(wide, flops / _seconds(lambda: torch.conv2d(images, kernel), device))
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
