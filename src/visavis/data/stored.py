"""A stored array of images of any type, layout and range, as uint8 pixels, read piece by piece.

A guess is made only where the values leave no doubt; what is doubtful is refused with the option that decides
it (``range``).  Nothing larger than :data:`PIECE` is held beside the result.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from visavis.data.config import Range
from visavis.errors import UserError

PIECE = 1 << 24
"""Bytes of an array that are read at a time."""
TOLERANCE = 1 / 510
"""How far values may leave their range, in parts of it: half a grey level, which rounding takes back."""

_CHANNELS = (1, 2, 3, 4)
_SPANS: dict[Range, tuple[float, float]] = {"unit": (0, 1), "signed": (-1, 1), "byte": (0, 255)}


@dataclass(frozen=True)
class Stored:
    """An array in an ``.npy`` file, or in ``member`` of an ``.npz``; not read yet."""

    path: Path
    member: str | None

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self.member is None:
            with self.path.open("rb") as file:
                yield file
        else:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                yield file

    @cached_property
    def _header(self) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        with self._opened() as file:
            return _read_header(file)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self._header[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's type."""
        return self._header[2]

    def pieces(self) -> Iterator[NDArray[Any]]:
        """The array's rows, one after the other.  Raises ValueError for pickles and a file cut short."""
        shape, fortran, dtype = self._header
        if dtype.hasobject:
            raise ValueError("pickled objects")
        if fortran and len(shape) > 1:  # its rows are strewn over the file
            with self._opened() as file:
                yield np.lib.format.read_array(file, allow_pickle=False)
            return
        row = int(np.prod(shape[1:])) * dtype.itemsize
        step = max(PIECE // max(row, 1), 1)
        with self._opened() as file:
            _read_header(file)
            for start in range(0, shape[0], step):
                count = min(step, shape[0] - start)
                data = file.read(count * row)
                if len(data) < count * row:
                    raise ValueError("it was cut short")
                yield np.frombuffer(data, dtype).reshape(count, *shape[1:])


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype


def pixels_of(stored: Stored, span: Range = "auto") -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The images as uint8 ``[N, H, W, C]``, and what was decided on the way.

    ``[N, H, W, C]``, ``[N, H, W]`` or ``[N, C, H, W]`` with C of 1 to 4.  uint8 is taken as it is.  Others
    are rounded once: ``span`` says what black and white are, else the values do.  Without doubt are values
    from 0 to 1, from about -1 (at most -1/2) to 1, and from 0 to 255 (more than 2), each with
    :data:`TOLERANCE`; and booleans.  Raises :class:`UserError` for all others and for values that are not
    finite, ValueError for pickled objects.
    """
    name = str(stored.path)
    if stored.dtype.hasobject:
        raise ValueError("pickled objects")
    layout, shape = _layout(stored.shape, stored.dtype, name)
    notes = ["stored as [N, C, H, W]"] if layout == "NCHW" else []
    if stored.dtype == np.uint8 and span in ("auto", "byte"):
        low, high = 0.0, 255.0
    else:
        low, high, told = _range(stored, span, name)
        notes.append(told)
    plain = stored.dtype == np.uint8 and (low, high) == (0, 255)
    pixels, start = np.empty(shape, np.uint8), 0
    for piece in stored.pieces():
        rows = piece.transpose(0, 2, 3, 1) if layout == "NCHW" else piece.reshape(-1, *shape[1:])
        if not plain:
            scaled = (rows.astype(np.float32) - low) * np.float32(255 / (high - low))
            rows = np.rint(scaled).clip(0, 255)
        pixels[start : start + len(rows)] = rows
        start += len(rows)
    return pixels, tuple(notes)


def _layout(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> tuple[str, tuple[int, ...]]:
    """``NHWC`` or ``NCHW``, and the shape as ``[N, H, W, C]``."""
    told = f"images of '{name}' are {dtype} {list(shape)}"
    if shape[:1] == (0,):
        raise UserError(f"no images in '{name}' (allowed: at least 1); give other images")
    if len(shape) == 3 and 0 not in shape and not (shape[2] in (3, 4) and shape[1] > 4):
        return "NHWC", (*shape, 1)
    if len(shape) == 4 and 0 not in shape:
        last, first = shape[3] in _CHANNELS, shape[1] in _CHANNELS
        if last and not (first and shape[2] == shape[3] and shape[1] != shape[2]):
            return "NHWC", shape
        if first:
            return "NCHW", (shape[0], shape[2], shape[3], shape[1])
    one = "; of one image, add a first dimension of 1" if len(shape) == 3 else ""
    raise UserError(
        f"{told} (allowed: uint8 0 to 255 or floats [N, H, W, C] or [N, C, H, W] with C of 1 to 4, or "
        f"[N, H, W]{one}); convert them"
    )


def _range(stored: Stored, span: Range, name: str) -> tuple[float, float, str]:
    """What is black, what is white, and how to say so."""
    if stored.dtype == np.bool_:
        return 0, 1, "booleans, true is white"
    if stored.dtype.kind not in "fiu":
        raise UserError(
            f"images of '{name}' are {stored.dtype} (allowed: uint8 0 to 255, or floats); convert them"
        )
    low, high = _extent(stored, name)
    span = _guess(low, high) if span == "auto" else span
    if span == "auto":
        raise UserError(
            f"images of '{name}' are {stored.dtype} from {low:.4g} to {high:.4g}, which leaves in doubt "
            "what is black and white (allowed: [0, 1], [-1, 1], 0 to 255); scale them, or give --range unit "
            "(0 and 1), signed (-1 and 1) or byte (0 and 255)"
        )
    black, white = _SPANS[span]
    kind = "floats" if stored.dtype.kind == "f" else str(stored.dtype)
    return black, white, f"{kind} in [{black:g}, {white:g}], rounded to uint8"


def _guess(low: float, high: float) -> Range:
    """The range that values from ``low`` to ``high`` leave no doubt about, else ``auto``."""
    if low >= -TOLERANCE and high <= 1 + TOLERANCE:
        return "unit"
    if -1 - 2 * TOLERANCE <= low <= -0.5 and high <= 1 + 2 * TOLERANCE:
        return "signed"
    if low >= -0.5 and 2 < high <= 255.5:
        return "byte"
    return "auto"


def _extent(stored: Stored, name: str) -> tuple[float, float]:
    """The smallest and the largest value; raises :class:`UserError` for any that is not finite."""
    low, high, bad, first, start = np.inf, -np.inf, 0, -1, 0
    for piece in stored.pieces():
        if stored.dtype.kind == "f":
            wrong = ~np.isfinite(piece.reshape(len(piece), -1)).all(1)
            if wrong.any():
                first = start + int(wrong.argmax()) if first < 0 else first
                bad += int(wrong.sum())
        low, high, start = min(low, float(piece.min())), max(high, float(piece.max())), start + len(piece)
    if bad:
        raise UserError(
            f"images of '{name}': {bad} of {start} rows hold NaN or infinity (first: row {first}); "
            "leave them out"
        )
    return low, high
