"""Many images as one picture, small ones enlarged so that their pixels can be seen."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..files import atomic

CELL = 96
"""About how many pixels a cell is wide."""
LARGEST = 2048
"""How wide or high enlarging may make a grid, in pixels."""
BACKGROUND = 255
SAMPLES_WIDTH = "samples-width"
"""What a PNG tells of a sheet whose last columns stand apart: the pixels across up to these."""


def enlargement(height: int, width: int, rows: int, columns: int) -> int:
    """The whole factor, 1 or more, that makes a cell about ``CELL`` wide and the grid at most ``LARGEST``."""
    wanted = round(CELL / max(height, width))
    most = LARGEST // max(height * rows, width * columns)
    return max(1, min(wanted, most))


def grid(
    images: NDArray[np.uint8],
    columns: int | None = None,
    scale: int | None = None,
    padding: int = 2,
    apart: int | None = None,
) -> Image.Image:
    """Lay out uint8 ``images: [N, H, W, C]`` (C is 1, 3 or 4) row by row; about square without ``columns``.

    Each pixel becomes ``scale`` × ``scale`` (chosen by :func:`enlargement` if None); ``padding`` is in pixels
    of the result.  The columns from ``apart`` on stand behind a gap of half an image.  Images are never made
    smaller.  Raises ValueError for another shape or type, or no image.
    """
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[3] not in (1, 3, 4) or not images.size:
        raise ValueError(f"a grid takes uint8 [N, H, W, 1, 3 or 4], not {images.dtype} {list(images.shape)}")
    n, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(n)), n)
    rows = math.ceil(n / columns)
    scale = scale or enlargement(height, width, rows, columns)
    h, w = height * scale + padding, width * scale + padding
    gap = 0 if apart is None else w // 2
    sheet = np.full((rows * h + padding, columns * w + gap + padding, channels), BACKGROUND, np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        beyond = gap if apart is not None and column >= apart else 0
        top, left = padding + row * h, padding + column * w + beyond
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        sheet[top : top + h - padding, left : left + w - padding] = large
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    if apart is not None:
        picture.info[SAMPLES_WIDTH] = str(apart * w + padding)
    return picture


def save_grid(
    path: Path | str,
    images: NDArray[np.uint8],
    columns: int | None = None,
    scale: int | None = None,
    padding: int = 2,
    apart: int | None = None,
) -> None:
    """Write :func:`grid` to ``path``, whose suffix chooses the format, wholly or not at all."""
    picture = grid(images, columns, scale, padding, apart)
    told = PngInfo()
    for name, text in picture.info.items():
        told.add_text(str(name), text)
    with atomic(path) as temporary:
        picture.save(temporary, pnginfo=told)
