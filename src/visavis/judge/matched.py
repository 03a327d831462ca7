"""Two folders whose pictures belong together by their names: how far is each from its partner?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from visavis import files
from visavis.data.account import Account, LeftOut, composed, listed, printable
from visavis.data.decode import LOSSY, BrokenImageError
from visavis.data.encoded import Encoded
from visavis.data.folder import of_pictures
from visavis.data.found import Found
from visavis.data.survey import Survey, survey
from visavis.data.tree import Parts, Tree, open_zip, walk
from visavis.errors import UserError
from visavis.judge.aligned import Likeness, Pixels, Scores, conditions, scores, window_of
from visavis.judge.evaluate import Options
from visavis.judge.steps import SILENT, Steps

WORST = 5
"""Pairs that are named because they are the least alike."""
MOST = 32
"""Pairs of one size that are compared at a time."""
_USED = ("seed", "resolution", "skip_broken", "device")
"""The options that comparing pairs reads."""


@dataclass(frozen=True)
class Side:
    """The pictures of one folder that have a partner, still encoded, in the order of their names."""

    name: str
    found: Found
    headers: Survey

    @property
    def images(self) -> Encoded:
        """The pictures."""
        assert isinstance(self.found.images, Encoded)
        return self.found.images

    def account(self, kept: NDArray[np.int64], size: tuple[int, int] | None, channels: int) -> Account:
        """What became of all that the folder holds, ``kept`` of the pairs being compared."""
        headers, dropped = self.headers.part(kept), len(self.images) - len(kept)
        broken = (LeftOut("of a broken pair", dropped, ""),) if dropped else ()
        left_out = (*self.found.left_out, *broken)
        return Account(len(kept), left_out, headers.counts, headers.stored, size, channels)


def judge_pairs(
    made: str | Path, targets: str | Path, options: Options, steps: Steps = SILENT
) -> dict[str, Any]:
    """``l1``, ``mse``, ``psnr`` and ``ssim`` of pictures beside those of the same name, means with intervals.

    A name is the path below the folder without its ending.  Also ``worst``: the pairs that are the least
    alike by L1; ``warnings``: pictures without a partner, JPEGs, resizing; ``record``.  Pictures are compared
    at their own size, or at ``options.resolution``.  Raises :class:`UserError` where no two belong together,
    for two names that are one, for partners of different sizes and (unless ``skip_broken``) broken pictures.
    """
    began = time.monotonic()
    options.need_only(
        _USED,
        "pairs (allowed: --resolution, --skip-broken, --seed, --out)",
        "leave it out, or leave out --targets",
    )
    sides, names = _matched(str(made), str(targets))
    window = window_of(int(_smallest(sides) if options.resolution is None else options.resolution))
    channels = 1 if all(side.headers.all_grey for side in sides) else 3
    found: dict[str, list[torch.Tensor]] = {}
    kept: list[int] = []
    steps.begin("comparing pairs", len(names))
    for rows, a, b in _batches(sides, names, options, channels):
        kept += rows
        steps.advance(len(rows))
        for name, values in scores(a, b, window).items():
            found.setdefault(name, []).append(values)
    if not kept:
        raise UserError(f"all {len(names)} pairs of '{made}' and '{targets}' are broken; mend the pictures")
    table = {name: torch.cat(values) for name, values in found.items()}
    size = None if options.resolution is None else (options.resolution, options.resolution)
    chosen = np.array(kept, np.int64)
    accounts = [side.account(chosen, size, channels) for side in sides]
    return {
        **Likeness(table, options.seed).rows(),
        "worst": _worst(table, [names[row] for row in kept]),
        "warnings": list(_remarks(sides, accounts)),
        "record": {
            "task": "pairs",
            "source": sides[0].name,
            "source_digest": sides[0].found.digest,
            "reference": sides[1].name,
            "reference_digest": sides[1].found.digest,
            "images": len(kept),
            "resolution": options.resolution,
            "channels": channels,
            "weights": "images",
            "accounts": {n: a.as_json() for n, a in zip(("images", "targets"), accounts, strict=True)},
            **conditions(window, options.seed, "cpu"),
            "seconds": round(time.monotonic() - began, 3),
        },
    }


def _matched(made: str, targets: str) -> tuple[tuple[Side, Side], list[str]]:
    """Both sides, partners at equal places, and the names of the pairs."""
    trees = [_tree(given, option) for given, option in ((made, "images"), (targets, "--targets"))]
    named = [_named(tree) for tree in trees]
    common = sorted(named[0].keys() & named[1].keys())
    if not common:
        shown = [next(iter(sorted(each)), "none") for each in named]
        raise UserError(
            f"no picture of '{made}' has the name of one of '{targets}' (as '{printable(shown[0])}' and "
            f"'{printable(shown[1])}'); allowed: equal paths below both, endings apart; rename them"
        )
    sides = [_side(tree, each, common) for tree, each in zip(trees, named, strict=True)]
    return (sides[0], sides[1]), common


def _tree(given: str, what: str) -> Tree:
    path = files.expanded(given)
    if path.is_dir():
        return walk(path)
    if path.suffix.lower() == ".zip" and path.is_file():
        return open_zip(path)
    raise UserError(f"{what} '{given}' is no folder (allowed with --targets: folders of pictures, .zip)")


def _named(tree: Tree) -> dict[str, Parts]:
    """The pictures by their paths without ending; raises :class:`UserError` for two of one name."""
    found: dict[str, Parts] = {}
    for parts in tree.pictures:
        name = composed(PurePosixPath(*parts).with_suffix("").as_posix())
        if name in found:
            raise UserError(
                f"'{tree.path(found[name])}' and '{tree.path(parts)}' have one name, so it is in doubt which "
                "is compared; move one away"
            )
        found[name] = parts
    return found


def _side(tree: Tree, named: Mapping[str, Parts], common: list[str]) -> Side:
    found = of_pictures(tree, tuple(named[name] for name in common))
    images = found.images
    assert isinstance(images, Encoded)
    if alone := sorted(named.keys() - set(common)):
        lonely = LeftOut("without a partner", len(alone), printable(alone[0]))
        found = replace(found, left_out=(lonely, *found.left_out))
    return Side(tree.root, found, survey(images, found.digest))


def _smallest(sides: tuple[Side, Side]) -> int:
    """The shortest side of any picture that can be read, in pixels."""
    sizes = np.concatenate([side.headers.sizes for side in sides])
    kept = sizes[(sizes > 0).all(1)]
    return int(kept.min()) if len(kept) else 1


def _batches(
    sides: tuple[Side, Side], names: list[str], options: Options, channels: int
) -> Iterator[tuple[list[int], Pixels, Pixels]]:
    """Rows and pixels of some pairs of one size at a time, uint8 ``[n, H, W, C]`` each."""
    rows: list[int] = []
    pairs: list[tuple[Pixels, Pixels]] = []
    for row, name in enumerate(names):
        pair = _pair(sides, row, name, options, channels)
        if pair is None:
            continue
        if pairs and (len(rows) == MOST or pair[0].shape != pairs[0][0].shape):
            yield rows, *_stacked(pairs)
            rows, pairs = [], []
        rows.append(row)
        pairs.append(pair)
    if pairs:
        yield rows, *_stacked(pairs)


def _stacked(pairs: list[tuple[Pixels, Pixels]]) -> tuple[Pixels, Pixels]:
    return np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])


def _pair(
    sides: tuple[Side, Side], row: int, name: str, options: Options, channels: int
) -> tuple[Pixels, Pixels] | None:
    """Both pictures; None for a broken one that may be left out."""
    found = []
    for side in sides:
        try:
            found.append(side.images.decode(row, options.resolution, channels))
        except BrokenImageError as error:
            if options.skip_broken:
                return None
            raise UserError(
                f"broken image '{printable(side.images.name(row))}': {error}; --skip-broken leaves it out"
            ) from error
    a, b = found
    if a.shape != b.shape:
        raise UserError(
            f"'{printable(name)}' is {a.shape[1]}x{a.shape[0]} and its partner {b.shape[1]}x{b.shape[0]} "
            "(allowed: equal sizes); give --resolution N, which makes both N x N"
        )
    return a, b


def _worst(table: Scores, names: list[str]) -> list[dict[str, Any]]:
    order = table["l1"].argsort(descending=True, stable=True)[:WORST].tolist()
    return [{"name": printable(names[i]), **{k: float(v[i]) for k, v in table.items()}} for i in order]


def _remarks(sides: tuple[Side, Side], accounts: list[Account]) -> Iterator[str]:
    for side, account in zip(sides, accounts, strict=True):
        if account.wanted:
            yield f"{printable(side.name)}: {listed(account.wanted)}"
        if account.resized:
            yield f"{printable(side.name)}: {account.sizes()}; what is lost by it is in no figure"
        for kind in LOSSY:
            if kind in account.formats:
                n = account.formats[kind]
                yield f"{printable(side.name)}: {n} {kind}s, whose compression is counted as a difference"
    if sides[0].headers.all_grey != sides[1].headers.all_grey:
        yield "one side is grey and the other has colours: grey is compared as RGB"
