"""Pictures inside a page: sheets taken apart into their images again, and put in as data URIs that fit."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.data.decode import to_mode
from visavis.report.grids import BACKGROUND, SAMPLES_WIDTH, enlargement, grid

Pixels = NDArray[np.uint8]
PADDING = 2
WIDEST = 1024
"""Pixels across, for a picture that could not be taken apart."""
QUALITIES = ((None, 1), (90, 1), (75, 1), (55, 1), (75, 2), (55, 2), (55, 4), (55, 8))
"""WebP's (None is lossless) and by how much a picture is made smaller, tried in turn until they fit."""


@dataclass(frozen=True)
class Sheet:
    """A sheet's images uint8 ``[N, H, W, C]`` and in how many columns they stand."""

    images: Pixels
    columns: int


def read(path: Path) -> Image.Image | None:
    """A picture, or None where the file is no whole picture (a run may be writing it)."""
    try:
        with Image.open(path) as opened:
            opened.load()
            return to_mode(opened, "L" if opened.mode in ("L", "1") else "RGB")
    except (OSError, SyntaxError, ValueError):
        return None


def taken_apart(picture: Image.Image, side: int) -> Sheet | None:
    """The images of ``side`` pixels that :func:`~visavis.report.grids.grid` laid out; None for another sheet.

    What was enlarged is made small again exactly; columns that stand apart are left out.
    """
    picture = picture.crop((0, 0, int(picture.info.get(SAMPLES_WIDTH, picture.width)), picture.height))
    width, height = picture.width - PADDING, picture.height - PADDING
    fitting = [
        (columns, rows, scale)
        for scale in range(1, max(width, height) // side + 1)
        for columns, spare in [divmod(width, side * scale + PADDING)]
        for rows, left in [divmod(height, side * scale + PADDING)]
        if columns and rows and not spare and not left
    ]
    usual = [found for found in fitting if found[2] == enlargement(side, side, found[1], found[0])]
    if not (usual or fitting):
        return None
    columns, rows, scale = (usual or fitting)[0]
    pixels = np.asarray(picture)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    step = side * scale + PADDING
    cells = [
        pixels[top : top + side * scale : scale, left : left + side * scale : scale]
        for top in range(PADDING, rows * step, step)
        for left in range(PADDING, columns * step, step)
    ]
    while len(cells) > (rows - 1) * columns + 1 and (cells[-1] == BACKGROUND).all():
        cells.pop()
    return Sheet(np.stack(cells), columns)


def small(picture: Image.Image, side: int) -> Image.Image:
    """A sheet of images of ``side`` pixels with one pixel a pixel; a smaller copy of what is none."""
    found = taken_apart(picture, side) if side else None
    if found is not None:
        picture = grid(found.images, found.columns, scale=1, padding=1)
    if picture.width > WIDEST:
        picture = picture.resize(
            (WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS
        )
    return picture


def webp(picture: Image.Image, quality: int | None) -> bytes:
    """The picture as a WebP file."""
    file = io.BytesIO()
    lossless = quality is None
    picture.save(file, "WEBP", lossless=lossless, quality=60 if lossless else quality, method=4)
    return file.getvalue()


def fitted(pictures: Sequence[Image.Image], most_bytes: int) -> list[str]:
    """Data URIs of pictures that take ``most_bytes`` together, as good as fits."""
    most = most_bytes * 3 // 4  # base64 makes 4 of 3
    limits = [*[float(most)] * (len(QUALITIES) - 1), math.inf]  # the last has to do
    tried = (_within(pictures, *how, limit) for how, limit in zip(QUALITIES, limits, strict=True))
    files = next(files for files in tried if files is not None)
    return [f"data:image/webp;base64,{base64.b64encode(each).decode()}" for each in files]


def _within(
    pictures: Sequence[Image.Image], quality: int | None, smaller: int, most: float
) -> list[bytes] | None:
    """The pictures as WebP files of ``most`` bytes together; None as soon as they take more."""
    files: list[bytes] = []
    for picture in pictures:
        files.append(webp(picture.reduce(smaller), quality))
        most -= len(files[-1])
        if most < 0:
            return None
    return files


def spread(total: int, most: int) -> list[int]:
    """At most ``most`` of ``total`` places, evenly, the first and the last among them."""
    if total <= most:
        return list(range(total))
    return sorted({round(i * (total - 1) / (most - 1)) for i in range(most)})


SHOWN = {"generate": slice(0, None, 1), "reconstruct": slice(1, None, 4), "translate": slice(1, None, 3)}
"""Which images of a sheet are made from what stays the same: all samples, reconstructions, translations."""


def through_time(sheets: Sequence[Sheet], task: str, rows: int = 8) -> Image.Image | None:
    """The same latents, or inputs, from left to right through training, a row each."""
    columns = [sheet.images[SHOWN.get(task, slice(None))][:rows] for sheet in sheets]
    height = min((len(column) for column in columns), default=0)
    if len(columns) < 2 or not height or len({column.shape[1:] for column in columns}) > 1:
        return None
    images = np.stack([column[:height] for column in columns], axis=1)  # [rows, times, H, W, C]
    return grid(images.reshape(-1, *images.shape[2:]), len(columns), scale=1, padding=1)


def closest(images: Pixels, pairs: int = 6) -> tuple[Pixels, float]:
    """The ``pairs`` pairs of images that are most alike, no image twice, and their mean distance.

    The distance is the root mean square of the difference of pixels, in grey levels; ``[2 · pairs, H, W,
    C]``.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    squares = (flat**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T, 0.0) / flat.shape[1])
    np.fill_diagonal(distance, math.inf)
    found: list[int] = []
    total = 0.0
    for _ in range(min(pairs, len(images) // 2)):
        i, j = np.unravel_index(distance.argmin(), distance.shape)
        total += float(distance[i, j])
        found += [int(i), int(j)]
        distance[[i, j]] = math.inf
        distance[:, [i, j]] = math.inf
    return images[found], total / max(len(found) // 2, 1)
