"""Pairs of images: inputs a and targets b, from files or with inputs that a filter makes."""

from pathlib import Path

import numpy as np
import PIL

from visavis.data import cache
from visavis.data.decode import RULE
from visavis.data.found import digest_of
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.content import CONTENTS
from visavis.data.pairs.decode import RULE as PAIRS_RULE
from visavis.data.pairs.decode import Fit
from visavis.data.pairs.set import PairSet, UInt8
from visavis.data.pairs.splits import check_part
from visavis.errors import UserError


def load_pairs(config: PairsConfig, split: str | None = None) -> PairSet:
    """Find, decode and fit the pairs that ``config`` describes.

    Without ``split``: ``config.split``, to train on, with ``jitter`` and ``shuffled`` as configured.  With
    one: that part to measure on, at ``resolution`` exactly, partners together where they are known.  A part
    that the source lacks is held out of its train: :mod:`visavis.data.pairs.splits`.

    Files become RGB (:func:`visavis.data.decode.to_rgb`) and square (:class:`Fit`).  Both sides have the same
    channels: only where both are arrays of one channel are they grey, else the grey one is repeated.  Decoded
    sets are cached by contents.  Raises :class:`~visavis.errors.UserError` for every mistake that a user can
    mend.
    """
    training = split is None
    part = check_part(config.split if split is None else split)
    jitter = config.jitter if training else 0
    fit = Fit(config.resolution + jitter, config.fit, config.filling)
    try:
        content = CONTENTS[config.layout](config, part, fit)
        settings = (
            RULE,
            PAIRS_RULE,
            PIL.__version__,
            repr(fit),
            repr(config.made_by),
            str(config.skip_broken),
        )
        key = digest_of("pairs", config.layout, content.digest, *settings)
        arrays = cache.remember(key, content.make)
    except OSError as error:
        raise UserError(f"cannot read '{config.source}': {error}; give another --data") from error
    a, b = _same_channels(arrays["a"], arrays["b"])
    names_a, names_b = (
        tuple(np.delete(np.array(names, object), arrays[broken]))
        for names, broken in ((content.names_a, "broken_a"), (content.names_b, "broken_b"))
    )
    sides = content.sides
    if config.direction == "b-to-a":
        a, b, names_a, names_b = b, a, names_b, names_a
        sides = sides[::-1]
    paired = config.layout != "unpaired"
    skipped = len(arrays["broken_a"]) + (0 if paired else len(arrays["broken_b"])) + content.left_out
    return PairSet(
        a,
        b,
        names_a,
        names_b,
        paired and not (training and config.shuffled),
        _name(config),
        digest_of("pair set", key, config.direction, str(a.shape), str(b.shape), f"{skipped} skipped"),
        skipped,
        jitter,
        accounts=tuple(side.account for side in sides),
        shrunk=sides[0].shrunk if sides and a.shape == b.shape else 1.0,
    )


def _same_channels(a: UInt8, b: UInt8) -> tuple[UInt8, UInt8]:
    """A grey side beside a coloured one becomes RGB by repetition."""
    channels = max(a.shape[3], b.shape[3])
    wide = [side if side.shape[3] == channels else np.repeat(side, channels, axis=3) for side in (a, b)]
    return wide[0], wide[1]


def _name(config: PairsConfig) -> str:
    path = Path(config.source).expanduser()
    return path.resolve().name if path.exists() else config.source
