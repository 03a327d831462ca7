"""Float32 means float32: what keeps settings of the process out of numbers that are compared."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exact_float32(device: str) -> Iterator[None]:
    """No autocast on ``device`` (``cpu``, ``cuda``, …), no TF32, no bfloat16 inside matrix products."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.autocast(torch.device(device).type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
