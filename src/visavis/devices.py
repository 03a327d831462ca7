"""Which device a command runs on."""

import torch

from visavis.errors import UserError, unknown


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA if it is here, else MPS, else the CPU; :class:`UserError` for what is not here."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if name not in available:
        raise unknown("device", name, ("auto", *available))
    if not available[name]:
        here = ", ".join(kind for kind, there in available.items() if there)
        raise UserError(f"device '{name}' is not on this machine; give --device auto, or one of: {here}")
    return torch.device(name)
