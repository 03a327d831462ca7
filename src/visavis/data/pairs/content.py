"""What each layout of pairs finds in one part of a set, and how that becomes pixels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.data import cache
from visavis.data.account import Account
from visavis.data.config import DataConfig
from visavis.data.encoded import Encoded, Reader, decode_all
from visavis.data.filters import Filter
from visavis.data.found import Found, digest_of, part_of
from visavis.data.pairs.config import Layout, PairsConfig
from visavis.data.pairs.decode import Fit, Halves, Partners, Singles
from visavis.data.pairs.files import find_halves, find_stems, find_unpaired
from visavis.data.pairs.splits import need, read_from, rows_of
from visavis.data.sources import account, find, split_names
from visavis.data.survey import survey


class Stored(NamedTuple):
    """Files of a side: their account once fitted, and the median of how many times larger they are."""

    account: Account
    shrunk: float


def stored(found: Found, fit: Fit, halves: bool = False) -> Stored:
    """What the headers of encoded pictures say; of ``halves``, of the left and right ones."""
    assert isinstance(found.images, Encoded)
    headers = survey(found.images, found.digest)
    sizes = headers.sizes.astype(np.float64) / ((2, 1) if halves else (1, 1))
    kept = sizes[(sizes > 0).all(1)]
    side = kept.max(1) if fit.rule == "pad" else kept.min(1)
    channels = 1 if headers.all_grey else 3
    return Stored(
        account(found, headers, (fit.side, fit.side, channels)),
        float(np.median(side)) / fit.side if len(kept) else 1.0,
    )


@dataclass(frozen=True)
class Content:
    """A part of a set before it is decoded; ``make`` gives ``a``, ``b``, ``broken_a`` and ``broken_b``.

    The two ``broken`` are indices of what was left out, of which there are names but no pixels.
    """

    digest: str
    names_a: list[str]
    names_b: list[str]
    make: Callable[[], cache.Arrays]
    left_out: int = 0
    """Stems without partner."""
    sides: tuple[Stored, ...] = ()
    """The files of a and of b, or of what both are made from; none where they are arrays."""


def stems(config: PairsConfig, part: str, fit: Fit) -> Content:
    """Partners in two folders."""
    a, b, left_out = find_stems(config, part)
    (images_a, found_a), (images_b, found_b) = a.read(), b.read()
    pairs = Encoded(images_a.read, lambda row: a.names[row], images_a.rows)
    make = partial(_pairs, pairs, Partners(images_a, images_b, fit), config.skip_broken)
    digest, sides = digest_of("stems", found_a.digest, found_b.digest), (found_a, found_b)
    return Content(digest, a.names, b.names, make, left_out, tuple(stored(side, fit) for side in sides))


def side_by_side(config: PairsConfig, part: str, fit: Fit) -> Content:
    """Halves of pictures."""
    side = find_halves(config, part)
    images, found = side.read()
    make = partial(_pairs, images, Halves(fit), config.skip_broken)
    return Content(found.digest, side.names, side.names, make, sides=(stored(found, fit, halves=True),))


def unpaired(config: PairsConfig, part: str, fit: Fit) -> Content:
    """Two folders in which nobody has a partner."""
    a, b = find_unpaired(config, part)
    (images_a, found_a), (images_b, found_b) = a.read(), b.read()

    def make() -> cache.Arrays:
        left, broken_a = decode_all(images_a, Singles(fit), config.skip_broken)
        right, broken_b = decode_all(images_b, Singles(fit), config.skip_broken)
        return {"a": left, "b": right, "broken_a": broken_a, "broken_b": broken_b}

    sides = (stored(found_a, fit), stored(found_b, fit))
    digest = digest_of("unpaired", found_a.digest, found_b.digest)
    return Content(digest, a.names, b.names, make, sides=sides)


def made(config: PairsConfig, part: str, fit: Fit) -> Content:
    """Any set of pictures, with inputs that a filter makes."""
    assert config.made_by is not None
    pictures = DataConfig(source=config.source, classes=config.classes, skip_broken=config.skip_broken)
    known = {name: split for split in split_names(pictures) if (name := part_of(split)) is not None}
    split = known[read_from(known, part, config.source)]
    found = find(pictures.model_copy(update={"split": split}))
    rows = rows_of(len(found), known, part)
    need(len(rows), part, config.source)
    images = found.images.take(rows) if isinstance(found.images, Encoded) else found.images[rows]
    names = [_name(images, i, config.source) for i in range(len(images))]
    make = partial(_made, images, fit, config.made_by, config.skip_broken)
    sides = (stored(found, fit),) if isinstance(images, Encoded) else ()
    return Content(digest_of("made", found.digest, rows), names, names, make, sides=sides)


CONTENTS: Mapping[Layout, Callable[[PairsConfig, str, Fit], Content]] = {
    "stems": stems,
    "side-by-side": side_by_side,
    "unpaired": unpaired,
    "made": made,
}
"""Layout -> what it finds.  Each raises :class:`UserError` for what a user can mend."""


def _name(images: NDArray[np.uint8] | Encoded, i: int, source: str) -> str:
    """A file's path below the source without ending, a row's name, or a number."""
    if not isinstance(images, Encoded):
        return f"{i:06d}"
    file, root = Path(images.name(i)), Path(source).expanduser()
    return file.relative_to(root).with_suffix("").as_posix() if file.is_relative_to(root) else images.name(i)


def _pairs(images: Encoded, reader: Reader, skip_broken: bool) -> cache.Arrays:
    pixels, broken = decode_all(images, reader, skip_broken)
    a, b = (np.ascontiguousarray(pixels[:, side]) for side in (0, 1))
    return {"a": a, "b": b, "broken_a": broken, "broken_b": broken}


def _made(images: NDArray[np.uint8] | Encoded, fit: Fit, made_by: Filter, skip_broken: bool) -> cache.Arrays:
    if isinstance(images, Encoded):
        b, broken = decode_all(images, Singles(fit), skip_broken)
    else:
        b, broken = fit.all(images), np.zeros(0, np.int64)
    return {"a": made_by(b), "b": b, "broken_a": broken, "broken_b": broken}
