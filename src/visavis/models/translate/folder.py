"""Thousands of files through a translator: read ahead of the network and written behind it, by threads."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

from PIL import Image

from visavis import files
from visavis.data.decode import SUFFIXES, BrokenImageError, decode
from visavis.data.encoded import workers
from visavis.data.folder import pictures
from visavis.errors import UserError
from visavis.models.translate import BATCH
from visavis.models.translate.batches import Tiles
from visavis.models.translate.translator import Sheet, Translator

IN_FLIGHT = 64_000_000
"""About how many pixels may be between reading and writing; one picture always may."""
FIRST_GUESS = 1_000_000
"""Pixels that a picture is taken to have before one was read."""
COMPRESSION = 1
"""zlib's level: of photographs, 6 makes files no smaller and takes three times as long."""


@dataclass(frozen=True)
class Job:
    """A picture and the PNG that becomes of it."""

    source: Path
    target: Path


@dataclass
class Outcome:
    """How many were written, which were not and why, and what was done to colours."""

    written: int = 0
    broken: list[tuple[Path, str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)


def plan(images: Sequence[Path], out: Path, force: bool = False) -> list[Job]:
    """A job for every file of ``images`` and every picture in its folders; nothing is read or written.

    A file becomes ``out/NAME.png``, one in a folder keeps its path below that folder.  Raises
    :class:`UserError` for a path that is not there or holds no picture, two pictures of one name, a result
    that would take the place of a picture to be read, and one that exists, unless ``force`` or a translation
    that was stopped was to write it.
    """
    jobs = [job for given in images for job in _jobs(given, out)]
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        other = taken.setdefault(job.target, job.source)
        if other is not job.source:
            raise UserError(
                f"'{other}' and '{job.source}' would both become '{job.target}'; translate them into "
                "two folders"
            )
        if job.target.resolve() in sources:
            raise UserError(
                f"'{job.target}' is a picture to be read, and is not replaced; give another --out"
            )
    may = {out / name for name in files.promised(out)}
    for job in jobs:
        if job.target.exists() and not force and job.target not in may:
            raise UserError(f"'{job.target}' exists; give --force to replace it, or another --out")
    return jobs


def _jobs(given: Path, out: Path) -> list[Job]:
    allowed = ", ".join(SUFFIXES)
    if given.is_dir():
        inside, skipped = pictures(given), out.resolve()
        found = [
            file for file in inside if skipped == given.resolve() or skipped not in file.resolve().parents
        ]
        if not found:
            raise UserError(f"no images in folder '{given}' (allowed: {allowed}); give another")
        return [Job(file, (out / file.relative_to(given)).with_suffix(".png")) for file in found]
    if not given.exists():
        raise UserError(f"no file or folder '{given}'; mend the path")
    if given.suffix.lower() not in SUFFIXES:
        raise UserError(f"'{given}' is not named as an image is (allowed: {allowed}); leave it out")
    return [Job(given, out / f"{given.stem}.png")]


def check_writable(out: Path) -> None:
    """Make the folder ``out`` and write to it; :class:`UserError` where that cannot be."""
    files.make_folder(out)
    with files.writing(out), TemporaryFile(dir=out):
        pass


def translate_files(
    translator: Translator,
    jobs: Sequence[Job],
    batch_size: int = BATCH,
    tell: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Do the jobs; ``tell(done)`` hears how many are behind us.  Pictures that do not decode are left out.

    Reading and decoding, encoding and writing run in threads beside the network, at most :data:`IN_FLIGHT`
    pixels ahead of what is written.  Raises :class:`UserError` when a file cannot be written.
    """
    line = _Line(translator, jobs, batch_size)
    try:
        left = True
        while left:
            left = line.step()
            tell(line.outcome.written + len(line.outcome.broken))
    finally:
        line.close()
    return line.outcome


class _Line:
    """Pictures on their way: being read, waiting for the network, being written."""

    def __init__(self, translator: Translator, jobs: Sequence[Job], batch_size: int) -> None:
        self.outcome = Outcome()
        self._translator, self._jobs, self._next = translator, jobs, 0
        self._tiles = Tiles(translator, batch_size, self._write)
        self._most = 4 * batch_size
        """Pictures that may be read ahead, or wait to be written."""
        self._readers, self._writers = ThreadPoolExecutor(workers()), ThreadPoolExecutor(workers())
        self._reading: deque[tuple[Job, Future[Sheet]]] = deque()
        self._writing: dict[Future[None], int] = {}
        self._held = 0
        """Pixels of what was read and is not yet written."""
        self._largest = FIRST_GUESS
        """Pixels of the largest picture so far."""

    def step(self) -> bool:
        """Start what reading there is room for, then do or await the next thing; False when all is done."""
        self._forget(wait(self._writing, timeout=0).done)
        while self._next < len(self._jobs) and self._room():
            job = self._jobs[self._next]
            self._reading.append((job, self._readers.submit(self._read, job, self._next)))
            self._next += 1
        left = self._next < len(self._jobs)
        if self._reading and len(self._writing) <= self._most:
            self._take(*self._reading.popleft())
        elif self._writing and (left or self._reading or not self._tiles.waiting):
            self._forget(wait(self._writing, return_when=FIRST_COMPLETED).done)
        elif self._tiles.waiting:
            self._tiles.run_some()
        return left or bool(self._reading or self._tiles.waiting or self._writing)

    def close(self) -> None:
        """Drop what has not begun and wait for what has."""
        self._readers.shutdown(cancel_futures=True)
        self._writers.shutdown(cancel_futures=True)

    def _room(self) -> bool:
        """Whether one more picture may be read, should it be as large as the largest so far."""
        coming = len(self._reading)
        if coming >= self._most:
            return False
        return not (coming or self._held) or self._held + (coming + 1) * self._largest <= IN_FLIGHT

    def _read(self, job: Job, place: int) -> Sheet:
        try:
            data = job.source.read_bytes()
        except OSError as error:
            raise BrokenImageError(error.strerror or str(error)) from error
        return self._translator.sheet(decode(data, None), place)

    def _take(self, job: Job, reading: Future[Sheet]) -> None:
        try:
            sheet = reading.result()
        except BrokenImageError as error:
            self.outcome.broken.append((job.source, str(error)))
            return
        if sheet.note:
            self.outcome.notes[sheet.note] = None
        area = sheet.area(self._translator.scale)
        self._held += area
        self._largest = max(self._largest, area)
        self._tiles.add(sheet)

    def _write(self, sheet: Sheet) -> None:
        target, scale = self._jobs[sheet.place].target, self._translator.scale
        writing = self._writers.submit(lambda: write_png(target, sheet.finish(scale)))
        self._writing[writing] = sheet.area(scale)

    def _forget(self, written: set[Future[None]]) -> None:
        for future in written:
            self._held -= self._writing.pop(future)
            future.result()
            self.outcome.written += 1


def write_png(path: Path, picture: Image.Image) -> None:
    """Write a picture, wholly or not at all."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESSION)
    files.write_atomic(path, buffer.getvalue())
