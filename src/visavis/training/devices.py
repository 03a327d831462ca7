"""Which device a command runs on, and what it can do."""

import platform
import subprocess
from pathlib import Path

import torch

from visavis.errors import UserError, unknown
from visavis.training.memory import keep_freed_memory

CPUINFO = Path("/proc/cpuinfo")


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


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bf16; elsewhere it is emulated, up to thirty times slower than fp32.

    CUDA from capability 8.0; Apple's chips from the M2 on, with macOS 14; processors with AMX or AVX512-BF16,
    and on Linux those of ARM with its bf16 extension.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0) and _apple_has_bf16()
    return bool({"amx_bf16", "avx512_bf16", "bf16"} & _processor_flags())


def gains_by_bf16(device: torch.device) -> bool:
    """Whether training in bf16 is worth it: the hardware multiplies it, in matrices.

    AVX512-BF16 without AMX multiplies in vectors only, and small convolutions are slower in it than in fp32
    (docs/log.md).
    """
    if device.type == "cpu":
        return bool({"amx_bf16", "bf16"} & _processor_flags())
    return multiplies_bf16(device)


def _apple_has_bf16() -> bool:
    asked = ["sysctl", "-n", "hw.optional.arm.FEAT_BF16"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip() == "1"


def _processor_flags() -> set[str]:
    """What Linux lists of the processor's abilities; elsewhere what torch can tell of an x86."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        if platform.machine().lower() not in ("x86_64", "amd64"):
            return set()
        told = {
            "amx_bf16": torch.cpu._is_amx_tile_supported,
            "avx512_bf16": torch.cpu._is_avx512_bf16_supported,
        }
        return {name for name, has in told.items() if has()}
    listed = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return set(next(listed, "").split())


def make_fast(device: torch.device) -> None:
    """Settings of this process for training on ``device``: the GPU's fastest kernels, the CPU's memory."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    elif device.type == "cpu":
        keep_freed_memory()
