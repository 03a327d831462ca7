"""Pictures into other pictures with a trained translator: one by one here, folders in :mod:`.folder`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from visavis.data.decode import BrokenImageError, decode, to_rgb
from visavis.data.pixels import to_uint8
from visavis.errors import UserError
from visavis.models.translate.batches import Tiles
from visavis.models.translate.translator import Pixels, Sheet, Trained, Translator

__all__ = ["BATCH", "Picture", "Translator", "translate", "translate_pixels"]

LOG = logging.getLogger("visavis")
Picture = Image.Image | Path | str
BATCH = 8
"""Tiles that the network sees at a time."""


def translate(
    model: Trained,
    pictures: Iterable[Picture],
    direction: str | None = None,
    fit: str | None = None,
    original_size: bool = False,
    batch_size: int = BATCH,
) -> list[Image.Image]:
    """What ``model`` (of :func:`visavis.load`) makes of each picture, in order; sizes may differ.

    ``direction``: ``a-to-b`` or ``b-to-a``, where the run learned both.  ``fit`` and ``original_size`` as in
    :class:`Translator`.  Raises :class:`UserError` for a picture that cannot be read.
    """
    translator = Translator(model, direction, fit, original_size)
    made: dict[int, Image.Image] = {}
    notes: dict[str, None] = {}

    def finished(sheet: Sheet) -> None:
        made[sheet.place] = sheet.finish(translator.scale)

    tiles = Tiles(translator, batch_size, finished)
    for place, picture in enumerate(pictures):
        sheet = translator.sheet(_read(picture), place)
        if sheet.note:
            notes[sheet.note] = None
        tiles.add(sheet)
    tiles.run_all()
    for note in notes:
        LOG.info("%s", note)
    return [made[place] for place in range(len(made))]


def translate_pixels(
    model: Trained, pixels: Pixels, direction: str | None = None, batch_size: int = BATCH
) -> Pixels:
    """What ``model`` makes of images of one size, uint8 ``[N, h, w, C]``: ``[N, H, W, C]``."""
    translator = Translator(model, direction)
    made = [
        to_uint8(translator.run(np.array(pixels[first : first + batch_size])))
        .permute(0, 2, 3, 1)
        .cpu()
        .numpy()
        for first in range(0, len(pixels), batch_size)
    ]
    return np.concatenate(made)


def _read(picture: Picture) -> Pixels:
    if isinstance(picture, Image.Image):
        return np.asarray(to_rgb(picture))
    try:
        return decode(Path(picture).read_bytes(), None)
    except (OSError, BrokenImageError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read the picture '{picture}': {why}; give a PNG, JPEG or WebP") from None
