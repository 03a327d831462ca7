"""Sheets for the eye: nearest training images and closest pairs, each beside those of held-out images.

Whether an image is a copy, or two images are one, only people can say; the figures say where to look.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from visavis.files import atomic, make_folder
from visavis.judge.evaluate import Evaluation
from visavis.judge.seen import Seen
from visavis.metrics.collapse import Pairs
from visavis.metrics.neighbours import Neighbours, nearest
from visavis.report.grids import BACKGROUND, grid

ROWS = 12
NEIGHBOURS = 5
TITLE = 22
"""Height of a block's title in pixels."""
GAP = 24

Pixels = NDArray[np.uint8]
Block = tuple[str, Pixels, int]
"""A title, images row by row, and how many make a row."""


def save_gallery(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write sheets to ``folder``; the files that were written.

    ``nearest-train.png``: the generated images nearest to train, each followed by its nearest training
    images, the nearest first; beside them the same for held-out images, which copy nothing.
    ``nearest-train-pixels.png``: the same by pixels at 8x8 instead of features.  ``closest-pairs.png``: the
    pairs of generated images that are most alike, beside those of held-out ones.
    """
    make_folder(folder)
    made, real, copies = evaluation.made, evaluation.real, evaluation.copies
    train, other = real.trained_on, real.held_out
    pairs = [_pairs("generated, closest pairs", made, evaluation.closest)]
    if other is not None and evaluation.closest_held_out is not None:
        as_many = other.some(len(made), evaluation.result["record"]["seed"])
        pairs.append(_pairs("held-out, closest pairs", as_many, evaluation.closest_held_out))
    sheets = {
        "nearest-train.png": _beside(made, other, train, by_features, copies.near, copies.near_held_out),
        "nearest-train-pixels.png": _beside(
            made, other, train, by_pixels, copies.near_places, copies.near_places_held_out
        ),
        "closest-pairs.png": pairs,
    }
    for name, blocks in sheets.items():
        with atomic(folder / name) as temporary:
            sheet(blocks).save(temporary)
    return [folder / name for name in sheets]


def by_features(images: Seen) -> Tensor:
    """``[N, d]``."""
    return images.vectors


def by_pixels(images: Seen) -> Tensor:
    """``[N, 64 C]``."""
    return images.small


def _beside(
    made: Seen,
    held_out: Seen | None,
    train: Seen,
    by: Callable[[Seen], Tensor],
    near: Neighbours,
    near_held_out: Neighbours | None,
) -> list[Block]:
    """Neighbours of generated images, and of held-out ones where they are known."""
    blocks = [_neighbours("generated | nearest in train", made, train, by, near)]
    if held_out is not None and near_held_out is not None:
        blocks.append(_neighbours("held-out | nearest in train", held_out, train, by, near_held_out))
    return blocks


def sheet(blocks: list[Block]) -> Image.Image:
    """Blocks of images side by side under their titles."""
    font = ImageFont.load_default(14)
    pictures = [grid(images, columns=columns).convert("RGB") for _, images, columns in blocks]
    widths = [
        max(picture.width, round(font.getlength(title)) + 8)
        for picture, (title, _, _) in zip(pictures, blocks, strict=True)
    ]
    height = TITLE + max(picture.height for picture in pictures)
    whole = Image.new("RGB", (sum(widths) + GAP * (len(blocks) - 1), height), (BACKGROUND,) * 3)
    pen, left = ImageDraw.Draw(whole), 0
    for picture, width, (title, _, _) in zip(pictures, widths, blocks, strict=True):
        pen.text((left + 4, 2), title, fill=(0, 0, 0), font=font)
        whole.paste(picture, (left, TITLE))
        left += width + GAP
    return whole


def _neighbours(
    title: str, images: Seen, train: Seen, by: Callable[[Seen], Tensor], near: Neighbours
) -> Block:
    """The images nearest to train, a row each, with their nearest training images."""
    rows = near.squared[:, 0].argsort(stable=True)[:ROWS].numpy()
    k = min(NEIGHBOURS, len(train))
    found = nearest(by(images)[rows], by(train), k).indices.numpy()
    shown = [np.concatenate([images.read(rows[i : i + 1]), train.read(found[i])]) for i in range(len(rows))]
    return title, np.concatenate(shown), 1 + k


def _pairs(title: str, images: Seen, pairs: Pairs) -> Block:
    rows = pairs.indices[:ROWS].flatten().numpy()
    return title, np.asarray(images.read(rows)), 2
