"""Images that are still files or rows: decoded all at once, or each when it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.data.decode import BrokenImageError, decode
from visavis.errors import UserError

_CHUNK = 128  # images that a thread decodes at a time


@dataclass(frozen=True)
class Encoded:
    """Encoded images: ``read(row)`` gives the bytes of a row, ``describe(row)`` what an error calls it.

    Image i is row ``rows[i]``.  Both functions may be called from several threads.
    """

    read: Callable[[int], bytes]
    describe: Callable[[int], str]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: NDArray[np.int64]) -> "Encoded":
        """These images only, in this order."""
        return replace(self, rows=self.rows[indices])

    def name(self, i: int) -> str:
        """What an error calls image i."""
        return self.describe(int(self.rows[i]))

    def bytes(self, i: int) -> bytes:
        """Image i, still encoded.  Raises OSError."""
        return self.read(int(self.rows[i]))

    def decode(self, i: int, resolution: int | None, channels: int = 3) -> NDArray[np.uint8]:
        """Image i as uint8 ``[H, W, C]``.  Raises :class:`BrokenImageError`."""
        try:
            data = self.bytes(i)
        except OSError as error:
            raise BrokenImageError(str(error)) from error
        return decode(data, resolution, channels)


def join(parts: Sequence[Encoded]) -> Encoded:
    """The parts' images, one part after the other."""
    starts = np.cumsum([0] + [len(part) for part in parts])

    def find(row: int) -> tuple[Encoded, int]:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[part], int(parts[part].rows[row - starts[part]])

    def read(row: int) -> bytes:
        part, inner = find(row)
        return part.read(inner)

    def describe(row: int) -> str:
        part, inner = find(row)
        return part.describe(inner)

    return Encoded(read, describe, np.arange(starts[-1], dtype=np.int64))


def workers() -> int:
    """Threads worth starting for decoding."""
    return min(16, cpu_count() or 1)


class Reader(Protocol):
    """How an image of a set becomes pixels, and their shape, the same for all.

    Calling it may raise :class:`BrokenImageError`, of an image that can be left out, and :class:`UserError`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what one image becomes."""
        ...

    def __call__(self, images: Encoded, i: int) -> NDArray[np.uint8]:
        """Image i."""
        ...


@dataclass(frozen=True)
class Decoder:
    """How images become pixels: their shape, and whether one of another size is an error."""

    resolution: int
    strict: bool
    channels: int = 3

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what one image becomes."""
        return self.resolution, self.resolution, self.channels

    def __call__(self, images: Encoded, i: int) -> NDArray[np.uint8]:
        """Image i, uint8 ``[R, R, C]``.

        Raises :class:`BrokenImageError`, and :class:`UserError` for another size when ``strict``.
        """
        pixels = images.decode(i, None if self.strict else self.resolution, self.channels)
        if pixels.shape[:2] != (self.resolution, self.resolution):
            height, width = pixels.shape[:2]
            raise UserError(
                f"images of different sizes: '{images.name(i)}' is {width}x{height}, others are "
                f"{self.resolution}x{self.resolution} (allowed: one square size); give --resolution N"
            )
        return pixels


def make_decoder(images: Encoded, resolution: int | None, channels: int = 3) -> Decoder:
    """The decoder for ``resolution``, or for the size of the first image that decodes.

    Raises :class:`UserError` when that image is not square or no image decodes.
    """
    if resolution is not None:
        return Decoder(resolution, strict=False, channels=channels)
    for i in range(len(images)):
        try:
            height, width = images.decode(i, None).shape[:2]
        except BrokenImageError:
            continue
        if height != width:
            raise UserError(
                f"image '{images.name(i)}' is {width}x{height} "
                f"(allowed: square ones, as {min(width, height)}x{min(width, height)}); give --resolution N"
            )
        return Decoder(height, strict=True, channels=channels)
    raise all_broken(images)


def broken(name: str, why: str) -> UserError:
    """The error for an image that does not decode."""
    return UserError(f"broken image '{name}': {why}; mend or remove it, or give --skip-broken")


def all_broken(images: Encoded) -> UserError:
    """The error for a set of which no image decodes."""
    return UserError(
        f"none of the {len(images)} images decodes, the first is '{images.name(0)}'; check the files"
    )


def decode_all(
    images: Encoded, decoder: Reader, skip_broken: bool, keep: bool = True
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All pixels, uint8 ``[N, *decoder.shape]``, and the broken images' indices, whose pixels are left out.

    With ``keep=False`` the pixels are thrown away (``[0, …]``): to find a large set's broken images.
    Raises :class:`UserError` at the first broken image unless ``skip_broken``.
    """
    pixels = np.zeros((len(images) if keep else 0, *decoder.shape), np.uint8)

    def work(start: int) -> list[int]:
        """Fill in one chunk; each thread writes rows of its own."""
        bad = []
        for i in range(start, min(start + _CHUNK, len(images))):
            try:
                image = decoder(images, i)
            except BrokenImageError as error:
                if not skip_broken:
                    raise broken(images.name(i), str(error)) from error
                bad.append(i)
            else:
                if keep:
                    pixels[i] = image
        return bad

    bad = np.array([i for part in _in_threads(work, range(0, len(images), _CHUNK)) for i in part], np.int64)
    if len(bad) == len(images):
        raise all_broken(images)
    return (np.delete(pixels, bad, axis=0) if keep and len(bad) else pixels), bad


def _in_threads(work: Callable[[int], list[int]], starts: Sequence[int]) -> Iterator[list[int]]:
    """The results in order; the first error, in order, ends the work."""
    pool = ThreadPoolExecutor(workers(), thread_name_prefix="visavis-decode")
    try:
        yield from pool.map(work, starts)
    finally:
        pool.shutdown(cancel_futures=True)


class LazyImages:
    """Images ``[N, R, R, C]`` that are decoded each time they are indexed: a large set's array."""

    def __init__(self, images: Encoded, decoder: Decoder) -> None:
        self._images = images
        self._decoder = decoder
        self.shape = (len(images), *decoder.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: NDArray[np.int64] | slice | int) -> NDArray[np.uint8]:
        """Decode these images; an int gives one, without the first dimension.  Raises :class:`UserError`."""
        chosen = np.arange(len(self))[indices]
        if chosen.ndim == 0:
            return self._one(int(chosen))
        pixels = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        for place, i in enumerate(chosen):
            pixels[place] = self._one(int(i))
        return pixels

    def _one(self, i: int) -> NDArray[np.uint8]:
        try:
            return self._decoder(self._images, i)
        except BrokenImageError as error:
            raise broken(self._images.name(i), str(error)) from error
