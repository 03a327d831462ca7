"""The logs of a run: stats.jsonl, the same rows as metrics.csv, and TensorBoard's event files.

``stats.jsonl`` is the truth; the CSV is made from it again whenever the two may differ.
"""

import csv
import io
import math
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import JsonLines, Row, write_atomic, writing
from .loggers import Logger

FIRST_COLUMNS = ("images", "seconds", "images_per_second")


def _cell(value: object) -> object:
    """A CSV cell; what is missing or not finite stays empty, as it is null in the JSON."""
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


def _csv_lines(rows: Iterable[Mapping[str, object]], columns: Iterable[str]) -> str:
    text, names = io.StringIO(), list(columns)
    csv.writer(text, lineterminator="\n").writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


@cache
def _hush_tensorboard() -> None:
    """Let nothing be said of a disk that fails TensorBoard's own thread: its next call raises the same."""
    before = threading.excepthook

    def hook(failed: threading.ExceptHookArgs) -> None:
        own = type(failed.thread).__module__.startswith("tensorboard")
        if not (own and isinstance(failed.exc_value, OSError)):
            before(failed)

    threading.excepthook = hook


class RunLog:
    """What a run logs as it trains; one process (rank 0) owns it.

    A row is ``{"images": int, "seconds": float, "images_per_second": float, <scalar's name>: float, …}``.
    Every method raises :class:`~visavis.errors.UserError` when the disk is full or read-only.
    """

    def __init__(self, folder: Path, logger: Logger | None = None) -> None:
        self.folder = Path(folder)
        self._logger = logger
        self.stats = JsonLines(self.folder / "stats.jsonl")
        self.csv = self.folder / "metrics.csv"
        self._columns: tuple[str, ...] = ()  # of metrics.csv; empty until this object has written it
        self._writer: Any = None
        self._tensorboard = True
        self._purge_step: int | None = None

    def append(self, row: Mapping[str, float]) -> None:
        """Log the scalars of one tick.  Takes the same time however long the run is."""
        self.stats.append(row)
        self._append_csv(row)
        if self._logger is not None:
            self._logger.log(row)
        writer = self._open_tensorboard()
        if writer is None:
            return
        with writing(self.folder / "tensorboard"):
            for name, value in row.items():
                if name != "images":
                    writer.add_scalar(name, value, int(row["images"]))
            writer.flush()

    def event(self, name: str, images: int, **more: object) -> None:
        """Log that something happened, such as a resume, after ``images`` images."""
        self.stats.append({"event": name, "images": images, **more})
        writer = self._open_tensorboard()
        if writer is not None:
            with writing(self.folder / "tensorboard"):
                writer.add_text("event", name, images)

    def image(self, tag: str, array: NDArray[np.uint8], images: int) -> None:
        """Show a picture ``[H, W, C]`` in TensorBoard."""
        writer = self._open_tensorboard()
        if writer is not None:
            with writing(self.folder / "tensorboard"):
                writer.add_image(tag, array, images, dataformats="HWC")
                writer.flush()

    def rows(self) -> list[Row]:
        """All rows so far, events among them."""
        return list(self.stats.rows())

    def cut_back(self, images: int) -> None:
        """Forget what came after ``images`` images: what a resumed run does first."""
        self.close()
        self.stats.cut_back(images)
        self._rewrite_csv()
        self._purge_step = images + 1

    def close(self) -> None:
        """Flush and close TensorBoard's file and the logger; the next row opens them again."""
        if self._logger is not None:
            self._logger.close()
        if self._writer is not None:
            with writing(self.folder / "tensorboard"):
                writer, self._writer = self._writer, None
                writer.close()

    def _append_csv(self, row: Mapping[str, float]) -> None:
        """Add a line; the file is written anew for a new column and at this object's first row."""
        if not self._columns or not row.keys() <= set(self._columns):
            self._rewrite_csv()
            return
        with writing(self.csv), self.csv.open("a", encoding="utf-8", newline="") as file:
            file.write(_csv_lines([row], self._columns))

    def _rewrite_csv(self) -> None:
        """Make metrics.csv from stats.jsonl; its columns are the union of the rows', events left out."""
        rows = [row for row in self.stats.rows() if "event" not in row]
        found = dict.fromkeys(name for row in rows for name in row)
        columns = (*(n for n in FIRST_COLUMNS if n in found), *(n for n in found if n not in FIRST_COLUMNS))
        if columns or self.csv.exists():
            write_atomic(
                self.csv,
                (_csv_lines([{n: n for n in columns}], columns) + _csv_lines(rows, columns)).encode(),
            )
        self._columns = columns

    def _open_tensorboard(self) -> Any:
        """TensorBoard's writer, or None where it is not installed."""
        if self._writer is None and self._tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self._tensorboard = False
                return None
            folder = self.folder / "tensorboard"
            _hush_tensorboard()
            with writing(folder):
                self._writer = SummaryWriter(str(folder), purge_step=self._purge_step)
            self._purge_step = None
        return self._writer
