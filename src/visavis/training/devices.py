"""Which device a command runs on."""

import torch

from visavis.errors import UserError, unknown
from visavis.training.memory import keep_freed_memory


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA if it is here, else MPS, else the CPU; ``cuda:1`` is the second GPU.

    Raises :class:`UserError` for what is not here.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    kind, colon, index = name.partition(":")
    if kind not in available or (colon and not (kind == "cuda" and index.isdecimal())):
        raise unknown("device", name, ("auto", *available))
    if not available[kind] or (colon and int(index) >= torch.cuda.device_count()):
        here = ", ".join(kind for kind, there in available.items() if there)
        raise UserError(f"device '{name}' is not on this machine; give --device auto, or one of: {here}")
    return torch.device(name)


def make_fast(device: torch.device) -> None:
    """Settings of this process for training on ``device``: the GPU's fastest kernels, the CPU's memory."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    elif device.type == "cpu":
        keep_freed_memory()
