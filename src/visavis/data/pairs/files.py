"""The files of a set of pairs: which folder is which side of which split, and who is whose partner."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from visavis.data.account import composed
from visavis.data.decode import SUFFIXES
from visavis.data.encoded import Encoded
from visavis.data.folder import of_pictures, pictures, subfolders
from visavis.data.found import PARTS, Found, part_of
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.splits import need, read_from, rows_of
from visavis.data.tree import walk
from visavis.errors import UserError

Parts = Mapping[str, Mapping[str, Path]]
"""Part -> folder's name -> folder."""

_JOINED = re.compile(rf"(?i:({'|'.join(sorted(PARTS, key=len, reverse=True))}))[_-]?([AB])")  # trainA
_OTHER_LAYOUT = "give --data.layout side-by-side where each picture is a pair"
_SHOWN = 3  # names in an error, of more


class Side(NamedTuple):
    """Pictures of one side of one split, and what each is called: its path below ``root`` without ending."""

    root: Path
    files: list[Path]
    names: list[str]

    def read(self) -> tuple[Encoded, Found]:
        """The pictures, still encoded, and what was found."""
        found = of_pictures(walk(self.root), tuple(file.relative_to(self.root).parts for file in self.files))
        assert isinstance(found.images, Encoded)
        return found.images, found

    def take(self, rows: Iterable[int]) -> "Side":
        """These pictures only."""
        rows = list(rows)
        return Side(self.root, [self.files[i] for i in rows], [self.names[i] for i in rows])


def find_stems(config: PairsConfig, split: str) -> tuple[Side, Side, int]:
    """Both sides, partners at equal places, and how many stems were left out for want of a partner.

    Raises :class:`UserError` for missing folders, an empty split, and (unless ``skip_broken``) such stems.
    """
    parts = open_sides(config)
    roots = choose_sides(parts, split, config)
    a, b = map(_by_stem, roots)
    alone = [f"{roots[0].name}/{name}" for name in sorted(a.keys() - b.keys())]
    alone += [f"{roots[1].name}/{name}" for name in sorted(b.keys() - a.keys())]
    common = sorted(a.keys() & b.keys())
    if alone and not (config.skip_broken and common):
        raise UserError(
            f"{len(alone)} of {len(a) + len(b)} pictures in '{roots[0].parent}' without a partner: "
            f"{_list(alone)} (allowed: each name in both '{roots[0].name}' and '{roots[1].name}'); add the "
            "partners, or give --skip-broken"
        )
    names = [common[row] for row in rows_of(len(common), parts, split)]
    need(len(names), split, config.source)
    sides = [
        Side(root, [files[name] for name in names], names) for root, files in zip(roots, (a, b), strict=True)
    ]
    return sides[0], sides[1], len(alone)


def find_unpaired(config: PairsConfig, split: str) -> tuple[Side, Side]:
    """Both sides, each with pictures of its own.  Raises :class:`UserError` as :func:`find_stems`."""
    parts = open_sides(config)
    sides = [_side(folder) for folder in choose_sides(parts, split, config)]
    a, b = (side.take(rows_of(len(side.files), parts, split)) for side in sides)
    for side in (a, b):
        need(len(side.files), split, str(side.root))
    return a, b


def find_halves(config: PairsConfig, split: str) -> Side:
    """Pictures of two halves each.  Raises :class:`UserError` for a missing folder and an empty split."""
    root = _root(config)
    parts = _parts(root) or {"train": root}
    part = read_from(parts, split, config.source)
    side = _side(parts[part])
    if not side.files:
        raise UserError(
            f"no pictures in split '{part}' of '{config.source}', each of two halves, as layout "
            f"'{config.layout}' needs them (allowed: {', '.join(SUFFIXES)}); give another --data, or its "
            "--data.layout: stems, unpaired, made"
        )
    side = side.take(rows_of(len(side.files), parts, split))
    need(len(side.files), split, config.source)
    return side


def open_sides(config: PairsConfig) -> Parts:
    """The folders of each part; all is ``train`` where no folder is named as a part."""
    root = _root(config)
    if parts := _parts(root):
        return {part: {side.name: side for side in subfolders(folder)} for part, folder in parts.items()}
    folders = subfolders(root)
    joined: dict[str, dict[str, Path]] = {}
    for folder in folders:
        if match := _JOINED.fullmatch(folder.name):
            joined.setdefault(PARTS[match[1].lower()], {})[match[2]] = folder
    return joined or {"train": {folder.name: folder for folder in folders}}


def choose_sides(parts: Parts, split: str, config: PairsConfig) -> tuple[Path, Path]:
    """The folders of a and b: as named, else ``A`` and ``B``, else the only two, by the alphabet.

    Raises :class:`UserError` where there are no such folders.
    """
    part = read_from(parts, split, config.source)
    sides = parts[part]
    where = f"split '{part}' of '{config.source}'"
    named = [name for name in (config.a, config.b) if name]
    if missing := [f"'{name}'" for name in named if name not in sides]:
        raise UserError(
            f"no folder {' and no folder '.join(missing)} in {where}, as layout '{config.layout}' needs for "
            f"each side (allowed: {', '.join(sides) or 'none, it has no folders'}); mend --data.a and "
            f"--data.b, or {_OTHER_LAYOUT}"
        )
    free = sorted(sides.keys() - set(named)) if len(named) < 2 else []
    if not named and {"A", "B"} <= sides.keys():
        free = ["A", "B"]
    if len({*named, *free}) != 2:
        mend = "give --data.a and --data.b" if len(sides) > 1 else f"add what is missing, or {_OTHER_LAYOUT}"
        raise UserError(
            f"which are the two sides in {where}? layout '{config.layout}' needs a folder of each, and its "
            f"folders: {', '.join(sides) or 'none'} (allowed: two of them); {mend}"
        )
    return sides[config.a or free.pop(0)], sides[config.b or free.pop(0)]


def _root(config: PairsConfig) -> Path:
    root = Path(config.source).expanduser()
    if not root.is_dir():
        raise UserError(
            f"no folder '{config.source}' (allowed: one with pictures as layout '{config.layout}' has them); "
            "give another --data"
        )
    return root


def _parts(root: Path) -> dict[str, Path]:
    return {part: folder for folder in subfolders(root) if (part := part_of(folder.name)) is not None}


def _side(folder: Path) -> Side:
    files = pictures(folder)
    names = [composed(file.relative_to(folder).with_suffix("").as_posix()) for file in files]
    return Side(folder, files, names)


def _by_stem(folder: Path) -> dict[str, Path]:
    side = _side(folder)
    found: dict[str, Path] = {}
    for name, file in zip(side.names, side.files, strict=True):
        if name in found:
            raise UserError(
                f"two pictures of the same name in '{folder}': '{found[name].name}' and '{file.name}' "
                "(allowed: one); remove the other"
            )
        found[name] = file
    return found


def _list(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + rest
