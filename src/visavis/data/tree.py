"""The files of a folder or of a zip: which are pictures, which folders there are, and what is neither."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from visavis.data.account import other_ending
from visavis.data.cache import hash_bytes, hash_file
from visavis.data.decode import SUFFIXES
from visavis.errors import UserError
from visavis.files import UNFINISHED, need_finished

Parts = tuple[str, ...]
"""A path below the root, as names."""

RUN = "recipe.json"
"""A folder with this file in it is a run's: what lies there is no data."""


@dataclass(frozen=True)
class Tree:
    """``pictures`` in the order of their paths, the visible ``folders``, and ``others``: file -> why not."""

    root: str
    pictures: tuple[Parts, ...]
    folders: tuple[Parts, ...]
    others: dict[Parts, str]
    read: Callable[[Parts], bytes]
    digest: Callable[[Parts], str]
    """Hash of a file."""

    @property
    def tops(self) -> tuple[str, ...]:
        """Names of the folders at the root."""
        return tuple(sorted(folder[0] for folder in self.folders if len(folder) == 1))

    def below(self, top: str) -> "Tree":
        """What lies in one of the folders at the root."""

        def inside(parts: Parts) -> bool:
            return len(parts) > 1 and parts[0] == top

        return Tree(
            f"{self.root}/{top}",
            tuple(parts[1:] for parts in self.pictures if inside(parts)),
            tuple(parts[1:] for parts in self.folders if inside(parts)),
            {parts[1:]: why for parts, why in self.others.items() if inside(parts)},
            lambda parts: self.read((top, *parts)),
            lambda parts: self.digest((top, *parts)),
        )

    def path(self, parts: Parts) -> str:
        """What an error calls a file."""
        return "/".join((self.root, *parts))


def walk(root: Path) -> Tree:
    """The files of a folder, through links; hidden ones and runs (see :data:`RUN`) are passed by.

    Raises :class:`UserError` for a folder that was not finished; one inside it is passed by.
    """
    need_finished(root)
    pictures: list[Parts] = []
    folders: list[Parts] = []
    others: dict[Parts, str] = {}
    for here, names, files in os.walk(root, followlinks=True):
        place = () if here == str(root) else Path(here).relative_to(root).parts
        kept = []
        for name in sorted(name for name in names if name[0] != "."):
            folder, parts = Path(here, name), (*place, name)
            if (folder / RUN).is_file():
                others[parts] = "run's folder"
            elif (folder / UNFINISHED).exists():
                others[parts] = "half a folder: its writer was stopped"
            elif folder.is_symlink() and _leads_back(folder):
                others[parts] = "link to a folder above itself"
            else:
                kept.append(name)
                folders.append(parts)
        names[:] = kept
        for name in (name for name in files if name[0] != "."):
            why = _why_not(Path(here, name))
            if why is None:
                pictures.append((*place, name))
            else:
                others[*place, name] = why
    return Tree(
        str(root),
        tuple(sorted(pictures)),
        _without_runs(folders, pictures, others),
        others,
        lambda parts: root.joinpath(*parts).read_bytes(),
        lambda parts: hash_file(root.joinpath(*parts)),
    )


def open_zip(path: Path) -> Tree:
    """The files of a zip, as if it were unpacked.  Raises :class:`UserError` for what is no zip."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"cannot read '{path}': {error} (allowed: a .zip of pictures); fetch it again"
        ) from error
    members = {PurePosixPath(info.filename).parts: info for info in archive.infolist() if not info.is_dir()}
    visible = {p: i for p, i in members.items() if not any(n[0] == "." or n == "__MACOSX" for n in p)}
    named = {parts: _by_ending(parts[-1]) for parts in visible}
    folders = {parts[:depth] for parts in visible for depth in range(1, len(parts))}

    def read(parts: Parts) -> bytes:
        try:
            return archive.read(visible[parts])
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:  # locked, damaged
            raise OSError(f"{path}: {error}") from error

    return Tree(
        str(path),
        tuple(sorted(parts for parts, why in named.items() if why is None)),
        tuple(sorted(folders)),
        {parts: why for parts, why in named.items() if why is not None},
        read,
        lambda parts: hash_bytes(read(parts)),
    )


def _by_ending(name: str) -> str | None:
    suffix = PurePosixPath(name).suffix.lower()
    return None if suffix in SUFFIXES else other_ending(suffix)


def _why_not(file: Path) -> str | None:
    """Why a file is no picture; None for one that is named as a picture."""
    why = _by_ending(file.name)
    if why is not None or file.is_file():
        return why
    return "link to nothing" if file.is_symlink() else "no file"


def _leads_back(folder: Path) -> bool:
    target = folder.resolve()
    return target == folder.parent.resolve() or target in folder.parent.resolve().parents


def _without_runs(folders: list[Parts], pictures: list[Parts], others: dict[Parts, str]) -> tuple[Parts, ...]:
    """The folders but for those that hold nothing but runs, such as ``runs``."""
    runs = [parts for parts, why in others.items() if why == "run's folder"]
    holders = {parts[:depth] for parts in runs for depth in range(1, len(parts))}
    filled = {parts[:depth] for parts in pictures for depth in range(1, len(parts))}
    return tuple(sorted(folder for folder in folders if folder not in holders or folder in filled))
