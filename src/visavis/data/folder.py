"""A folder of pictures: of class folders, of train/ and test/ with class folders, or of pictures alone."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from visavis.data.cache import hash_file
from visavis.data.decode import SUFFIXES
from visavis.data.encoded import Encoded, workers
from visavis.data.found import Found, Splits, digest_of
from visavis.errors import UserError

SPLITS = ("train", "test", "val", "valid", "validation")


def open_folder(path: Path, classes: tuple[str, ...] = ()) -> Splits:
    """The splits of a folder: its subfolders when all are named as splits are; or ``train``, all of it.

    Names that no picture has and hidden ones are ignored.  ``classes`` are the ones that will be kept: other
    folders may then be without pictures.
    """
    folders = subfolders(path)
    if not folders or any(folder.name not in SPLITS for folder in folders):
        return {"train": partial(_read, path, _class_names([path]), classes)}
    names = _class_names(folders)  # of all splits, so that a label means one class in each
    return {folder.name: partial(_read, folder, names, classes) for folder in folders}


def subfolders(path: Path) -> list[Path]:
    """The visible folders in ``path``, in order."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _class_names(folders: list[Path]) -> tuple[str, ...]:
    return tuple(sorted({sub.name for folder in folders for sub in subfolders(folder)}))


def pictures(path: Path, pattern: str) -> list[Path]:
    """Files that are named as pictures, without hidden ones, in the order of their paths."""
    found = [file for file in path.glob(pattern) if file.suffix.lower() in SUFFIXES and file.is_file()]
    visible = [file for file in found if not any(part[0] == "." for part in file.relative_to(path).parts)]
    return sorted(visible, key=lambda file: file.relative_to(path).parts)


def _read(path: Path, names: tuple[str, ...], wanted: tuple[str, ...]) -> Found:
    loose = pictures(path, "*")
    if not names:
        return of_files(path, loose)
    if loose:
        raise UserError(
            f"folder '{path}' holds class folders and also pictures, such as '{loose[0].name}' "
            "(allowed: one of both); move the pictures into a class folder"
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        inside = pictures(path / name, "**/*") if (path / name).is_dir() else []
        if not inside and (path / name).is_dir() and (not wanted or name in wanted):
            raise UserError(
                f"class '{name}' has no images in '{path / name}' (allowed: {', '.join(SUFFIXES)}); "
                "remove the folder, or name the others with --classes"
            )
        files += inside
        labels += [label] * len(inside)
    return of_files(path, files, labels, names)


def of_files(
    path: Path, files: list[Path], labels: list[int] | None = None, classes: tuple[str, ...] = ()
) -> Found:
    """These files below ``path``; raises :class:`UserError` where there is none."""
    if not files:
        raise UserError(f"no images in folder '{path}' (allowed: {', '.join(SUFFIXES)}); give another --data")
    with ThreadPoolExecutor(workers()) as pool:
        hashes = list(pool.map(hash_file, files))
    digest = digest_of("folder", *(file.relative_to(path).as_posix() for file in files), *hashes)
    images = Encoded(lambda row: files[row].read_bytes(), lambda row: str(files[row]), np.arange(len(files)))
    return Found(images, None if labels is None else np.array(labels, np.int64), classes, digest)
