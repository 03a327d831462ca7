"""Arrays that took long to make, kept on disk and memory-mapped when they are asked for again."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOG = logging.getLogger("visavis")
Arrays = dict[str, NDArray[Any]]
_SUMS = "blake2b.json"


def root() -> Path | None:
    """The folder of the cache: ``$VISAVIS_CACHE``, or ``~/.cache/visavis``; None for a user without home."""
    try:
        return Path(os.environ.get("VISAVIS_CACHE") or "~/.cache/visavis").expanduser()
    except RuntimeError:  # no $HOME and no entry in passwd, as in containers
        _say_homeless()
        return None


def folder() -> Path:
    """:func:`root`; for a user without home one for this process's user among the temporary files."""
    return root() or Path(tempfile.gettempdir()) / f"visavis-{os.getuid() if hasattr(os, 'getuid') else 0}"


@cache
def _say_homeless() -> None:
    LOG.info("no home folder, so nothing is cached; set VISAVIS_CACHE to a folder to keep what took long")


def remember(key: str, make: Callable[[], Arrays]) -> Arrays:
    """``make()``, or what it returned the last time that it was called for ``key``.

    An entry is a folder of ``.npy`` files and their hashes, written beside and renamed.  One that is damaged
    is made again; a cache that cannot be written is done without.  Arrays are read-only.
    """
    arrays = find(key)
    return keep(key, make()) if arrays is None else arrays


def find(key: str) -> Arrays | None:
    """What :func:`keep` was given for ``key``, read-only; None where it was not, or is damaged."""
    folder = root()
    arrays = None if folder is None else _read(folder / "images" / key)
    return None if arrays is None else _frozen(arrays)


def keep(key: str, arrays: Arrays) -> Arrays:
    """Keep ``arrays`` for ``key``, where that can be; gives them back, read-only."""
    folder = root()
    if folder is not None:
        with contextlib.suppress(OSError):
            _write(folder / "images" / key, arrays)
    return _frozen(arrays)


def _frozen(arrays: Arrays) -> Arrays:
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def hash_file(path: Path) -> str:
    """Hash of a file's bytes, 32 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def hash_bytes(data: bytes) -> str:
    """Hash of bytes, as :func:`hash_file` has it of a file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _read(entry: Path) -> Arrays | None:
    try:
        sums: dict[str, str] = json.loads((entry / _SUMS).read_text())
        files = {name: entry / f"{name}.npy" for name in sums}
        if any(hash_file(files[name]) != known for name, known in sums.items()):
            return None
        return {name: _map(file) for name, file in files.items()}
    except (OSError, ValueError, AttributeError, EOFError):
        return None


def _map(file: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return array


def _write(entry: Path, arrays: Arrays) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        for name, array in arrays.items():
            with (beside / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        sums = {name: hash_file(beside / f"{name}.npy") for name in arrays}
        (beside / _SUMS).write_text(json.dumps(sums))
        if _read(entry) is None:  # not finished by another process meanwhile
            shutil.rmtree(entry, ignore_errors=True)
            beside.rename(entry)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
