"""The picture that a run saves as it goes: what its networks make now, for each task.

A sheet always shows the same latents or the same held-out images, so that two of one run can be compared.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from visavis.data import AnySet, ImageSet, PairSet
from visavis.errors import UserError
from visavis.models.model import Model
from visavis.report.grids import BACKGROUND, save_grid


class Sheet(NamedTuple):
    """Images ``[N, H, W, C]``, in how many columns they stand (None: about square), and of these how many
    stand apart, at the right.
    """

    pixels: NDArray[np.uint8]
    columns: int | None = None
    apart: int = 0

    def save(self, path: Path) -> None:
        """Write it as one picture."""
        first_apart = None if self.columns is None or not self.apart else self.columns - self.apart
        save_grid(path, self.pixels, self.columns, apart=first_apart)


Shown = Callable[[], AnySet]
"""Held-out images, read by the sheets that show them only."""

GRID = 64
"""Images in a grid of samples."""
MOST_CLASSES = 10
"""Of more classes a sheet has no row for each."""
REAL = 3
"""Real images beside each row of a class."""
ROWS = 8
"""Rows of a sheet that shows images beside what becomes of them."""


def real_sheet(data: AnySet) -> Sheet:
    """Real images, or real pairs side by side."""
    if isinstance(data, ImageSet):
        return Sheet(np.asarray(data.images[np.random.default_rng(0).permutation(len(data))[:GRID]]))
    rows = min(len(data.a), len(data.b), 3 * ROWS)
    sides = [side[chosen(len(side), rows)] for side in (np.asarray(data.a), np.asarray(data.b))]
    return Sheet(_beside(sides).pixels, 6)


def samples(model: Model, data: AnySet, shown: Shown) -> Sheet:
    """Images of fixed latents; of a few classes, a row of each with real ones beside it."""
    assert isinstance(data, ImageSet)
    classes = len(model.classes)
    if not model.description.conditional or not 1 < classes <= MOST_CLASSES:
        return Sheet(model.pixels(GRID))
    each = min(max(GRID // classes, ROWS), 2 * ROWS)
    made = model.pixels(each * classes).reshape(each, classes, *data.images.shape[1:])  # labels come in turn
    rows = [np.concatenate([made[:, k], _of_class(data, k)]) for k in range(classes)]
    return Sheet(np.concatenate(rows), each + REAL, REAL)


def _of_class(data: ImageSet, label: int) -> NDArray[np.uint8]:
    """:data:`REAL` images of a class; blank ones where it has fewer."""
    assert data.labels is not None
    members = np.flatnonzero(data.labels == label)
    found = np.full((REAL, *data.images.shape[1:]), BACKGROUND, np.uint8)
    if len(members):
        shown = members[chosen(len(members), REAL)]
        found[: len(shown)] = data.images[shown]
    return found


def reconstructions(model: Model, data: AnySet, shown: Shown) -> Sheet:
    """Rows of: two images, each beside its reconstruction, then four samples of the prior."""
    from visavis.models.autoencoder import reconstruct

    held = shown()
    assert isinstance(held, ImageSet)
    original = np.asarray(held.images[chosen(len(held), 2 * ROWS)])
    again = reconstruct(model, torch.from_numpy(original.copy())).numpy()
    prior = model.pixels(4 * ROWS)
    rows = []
    for row in range(ROWS):
        pair = [side[2 * row + i] for i in (0, 1) for side in (original, again) if 2 * row + i < len(side)]
        rows += pair + list(prior[4 * row : 4 * row + 8 - len(pair)])
    return Sheet(np.stack(rows), 8)


def translations(model: Model, data: AnySet, shown: Shown) -> Sheet:
    """Rows of input | translated | target; of a game in both directions, and back again."""
    from visavis.models.translate import translate_pixels

    held = shown()
    assert isinstance(held, PairSet)
    a = np.asarray(held.a[chosen(len(held.a), ROWS)])
    b = np.asarray(held.b[chosen(len(held.b), ROWS)])
    if "G_ab" in model.networks:
        there, here = translate_pixels(model, a, "a-to-b"), translate_pixels(model, b, "b-to-a")
        back, forth = translate_pixels(model, there, "b-to-a"), translate_pixels(model, here, "a-to-b")
        columns = [a, there, back, b, here, forth]
    else:
        columns = [a, translate_pixels(model, a), b]
    return _beside(columns)


def _beside(columns: Sequence[NDArray[np.uint8]]) -> Sheet:
    """Columns of images, small ones enlarged to the size of the largest."""
    side = max(column.shape[1] for column in columns)
    n = min(len(column) for column in columns)
    cells = [enlarged(column[i], side) for i in range(n) for column in columns]
    return Sheet(np.stack(cells), len(columns))


def chosen(total: int, wanted: int) -> NDArray[np.int64]:
    """Which images a sheet shows: the same ones of a set each time, spread over it."""
    return np.sort(np.random.default_rng(0).permutation(total)[:wanted])


def enlarged(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Each pixel of a smaller image shown larger, so that it stands beside larger ones."""
    times = side // image.shape[0]
    return image.repeat(times, axis=0).repeat(times, axis=1)


SHEETS: dict[str, Callable[[Model, AnySet, Shown], Sheet]] = {
    "generate": samples,
    "reconstruct": reconstructions,
    "translate": translations,
}


def sheet(task: str, model: Model, data: AnySet, shown: Shown) -> Sheet:
    """The sheet of a run whose task is so named, trained on ``data``."""
    if task not in SHEETS:
        raise UserError(f"no sheet for the task '{task}' (allowed: {', '.join(SHEETS)})")
    return SHEETS[task](model, data, shown)
