"""Files that are never half written: beside, flushed, renamed; and a log of rows that survives a torn line.

A disk that is full or read-only becomes one line for the user (:class:`~visavis.errors.UserError`).
Imports no torch.
"""

import errno
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO

from .errors import UserError

Row = dict[str, Any]
"""One row of a log: JSON's names and values."""

_SPACE = "free some space, then run the same command again"
_PLACE = "choose a place that you may write to"
_REASONS = {
    errno.ENOSPC: ("the disk is full", _SPACE),
    errno.EDQUOT: ("your disk quota is used up", _SPACE),
    errno.EFBIG: ("the file is larger than this system allows", _PLACE),
    errno.EROFS: ("the file system is read-only", _PLACE),
    errno.EACCES: ("permission denied", _PLACE),
    errno.EPERM: ("not permitted", _PLACE),
    errno.ENOTDIR: ("a file stands where a folder is needed", "choose another place or move that file"),
    errno.EEXIST: ("a file stands where a folder is needed", "choose another place or move that file"),
    errno.EISDIR: ("a folder stands there", "choose another name"),
    errno.ENOENT: ("the folder is gone", "make it again or choose another place"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EIO: ("the disk reports an error", "choose another disk"),
}
_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp(\.[^.]*)?")
_OS_ERROR = re.compile(r"os error (\d+)|code: (\d+)")


def _errno(error: Exception) -> int | None:
    """The system's number behind ``error``; libraries in Rust (safetensors) only put it into their text."""
    if isinstance(error, OSError):
        return error.errno
    found = _OS_ERROR.search(str(error))
    return int(found[1] or found[2]) if found else None


def expanded(path: str | Path) -> Path:
    """The path with a leading ``~`` as the user's home; as it is where there is no home."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def reason(error: OSError) -> tuple[str, str]:
    """Why the system refused a path, and how that is mended, in words."""
    return _REASONS.get(error.errno or 0, (error.strerror or str(error), _PLACE))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure of the system to write ``path`` into a :class:`UserError` of one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = _errno(error)
        if number is None and not isinstance(error, OSError):
            raise
        reason, mend = _REASONS.get(number or 0, (str(error), _PLACE))
        raise UserError(f"cannot write '{path}': {reason}; {mend}") from error


def need_writable(path: Path) -> None:
    """Raise :class:`UserError` unless the folder ``path`` can be made, or written to; nothing is written."""
    with writing(path):
        standing = next(each for each in (path, *path.absolute().parents) if each.exists())
        if not standing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(standing))
        if not os.access(standing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(standing))


def make_folder(path: Path) -> Path:
    """Make the folder ``path`` and those above it; a :class:`UserError` says why it cannot be."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse to flush a folder
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """A temporary file beside ``path`` to write to; once the block ends it becomes ``path``, flushed.

    It keeps the suffix, so a library that chooses a format by it does so rightly.  If the block fails, the
    temporary file is removed and ``path`` is as it was.  Raises :class:`UserError` when the system refuses.
    """
    given = Path(path)
    path = Path(os.path.realpath(given))  # a link stays a link
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device"
        raise UserError(f"cannot write '{given}': {kind} stands there; choose another name")
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        with writing(given):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _flush_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in ``folder`` and below."""
    _remove_left(list(folder.rglob(".*.tmp*")))


def sweep_beside(path: Path) -> None:
    """Remove what killed processes left of ``path`` itself, half written beside it."""
    _remove_left(list(path.parent.glob(f".{escape(path.stem)}.*.tmp{escape(path.suffix)}")))


def _remove_left(files: list[Path]) -> None:
    for file in files:
        found = _TEMPORARY.fullmatch(file.name)
        if found and not _alive(int(found[1])):
            with suppress(OSError):
                file.unlink()


UNFINISHED = ".unfinished"
"""While a folder of many files is being written, it holds this file with their names."""


@contextmanager
def finishing(folder: Path, names: Iterable[str] = ()) -> Iterator[None]:
    """Mark ``folder``, which is made, until the block has written ``names`` into it and has not failed.

    Half a folder is so never taken for a whole one: what reads folders refuses it (:func:`need_finished`),
    and who runs the same command again may write over what was :func:`promised`.
    """
    make_folder(folder)
    mark, before = folder / UNFINISHED, promised(folder)
    if before:
        sweep(folder)
    sweep_beside(mark)
    write_json(mark, sorted(before | set(names)))
    yield
    with writing(mark):
        mark.unlink(missing_ok=True)
        _flush_folder(folder)


def promised(folder: Path) -> set[str]:
    """Names of the files that a command which did not come to its end was to write into ``folder``."""
    try:
        return set(json.loads((folder / UNFINISHED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return set()


def in_the_way(folder: Path) -> bool:
    """Whether a file stands where ``folder`` is to be, or more in it than a stopped command was to write."""
    if not folder.is_dir():
        return folder.exists()
    may = promised(folder) | {UNFINISHED}
    files = (file for file in folder.rglob("*") if not file.is_dir() and not _TEMPORARY.fullmatch(file.name))
    return any(str(file.relative_to(folder)) not in may for file in files)


def need_finished(folder: Path) -> None:
    """Raise :class:`UserError` for a folder whose writer did not come to its end."""
    if (folder / UNFINISHED).exists():
        raise UserError(
            f"'{folder}' is half a folder: the command that wrote it was stopped; run that again, or remove "
            "the folder"
        )


def write_atomic(path: Path | str, data: bytes) -> None:
    """Write ``data`` to ``path``, wholly or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def _plain(value: object) -> object:
    """``value`` as JSON has it: numbers that are not finite become None, one-element arrays numbers."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(part) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(part) for part in value]
        case Path():
            return str(value)
    if hasattr(value, "tolist"):  # numpy, torch
        return _plain(value.tolist())
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def to_json(value: object, indent: int | None = None, ascii_only: bool = False) -> str:
    """``value`` as strict JSON; NaN and infinities, which JSON does not know, become null."""
    return json.dumps(_plain(value), ensure_ascii=ascii_only, indent=indent, allow_nan=False)


def write_json(path: Path | str, value: object) -> None:
    """Write ``value`` as indented JSON, wholly or not at all."""
    write_atomic(path, (to_json(value, indent=2) + "\n").encode())


def read_json(path: Path | str) -> Any:
    """The value in a JSON file; :class:`UserError` if it is missing, unreadable or no JSON."""
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror or error}; check the path") from error
    except ValueError as error:
        raise UserError(f"'{path}' is not JSON ({error}); restore or remove it") from error


def _parse(line: bytes) -> Row | None:
    """The row that ``line`` holds, or None where it is torn."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _end_last_line(file: BinaryIO) -> None:
    """Leave ``file`` at its end, after a newline: cut a torn last line off, end a whole one."""
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(end - 1)
    if file.read(1) == b"\n":
        return
    start, tail = end, b""
    while start > 0 and b"\n" not in tail:
        step = min(start, 4096)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    kept = tail.rfind(b"\n") + 1
    if _parse(tail[kept:]) is None:
        file.truncate(start + kept)
        file.seek(start + kept)
    else:
        file.seek(end)
        file.write(b"\n")


class JsonLines:
    """A file with one JSON object a line, which processes that die at any moment may append to.

    A line that a killed process tore is ignored on reading and cut off by the next :meth:`append`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def append(self, row: Mapping[str, object]) -> None:
        """Add ``row`` at the end; it has left this process when the call returns."""
        line = (to_json(row) + "\n").encode()
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            with self.path.open("rb+") as file:
                _end_last_line(file)
                file.write(line)

    def rows(self) -> list[Row]:
        """All whole rows, in order; none if there is no file."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            return [row for line in file if (row := _parse(line)) is not None]

    def cut_back(self, images: int) -> None:
        """Drop the rows of after ``images`` images, wholly or not at all; rows without "images" stay."""
        if not self.path.exists():
            return
        with self.path.open("rb") as old, atomic(self.path) as temporary, temporary.open("wb") as new:
            for line in old:
                row = _parse(line)
                if row is not None and row.get("images", images) <= images:
                    new.write(line.rstrip(b"\n") + b"\n")
