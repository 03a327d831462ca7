"""Memory that training frees stays with the process.

glibc gives large freed blocks back to the system, and a training step on a CPU asks for the same blocks anew,
page by page: of the Siamese GAN's step that was an eighth of the time (docs/speed.md).
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and values of glibc's malloc.h
KEPT = 1 << 30
"""Blocks up to this many bytes are kept."""
USUAL = 1 << 25
"""What glibc's own threshold grows to."""


def keep_freed_memory(keep: bool = True) -> bool:
    """Keep freed blocks up to 1 GiB for the next step, or behave as glibc does; whether that could be set.

    Where the C library is not glibc, nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    largest = KEPT if keep else USUAL
    return all(
        (
            mallopt(M_MMAP_THRESHOLD, largest),
            mallopt(M_TRIM_THRESHOLD, 2 * largest - 1),
        )
    )
