"""What a judgement is doing now, in one line of a terminal that is gone when it ends."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class JudgingProgress:
    """A step's name, how many of its images are done, the clock; on a terminal only, and on stderr.

    It is what :class:`visavis.judge.steps.Steps` describes.  ``quiet`` shows nothing.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet or not self._stream.isatty()
        self._shown: Progress | None = None
        self._task: TaskID | None = None
        self._done, self._total = 0, 0

    def __enter__(self) -> Self:
        if not self._quiet:
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None

    def begin(self, what: str, total: int | None = None) -> None:
        """Another step begins, of ``total`` images if that is known."""
        self._done, self._total = 0, total or 0
        if self._shown is not None and self._task is not None:
            self._shown.remove_task(self._task)
            self._task = self._shown.add_task(what, total=total, count="")

    def advance(self, n: int) -> None:
        """So many images more; what fills up an extractor's last batch is no image."""
        self._done += n
        if self._total:
            self._done = min(self._done, self._total)
        if self._shown is not None and self._task is not None:
            of = f" of {self._total:,}" if self._total else ""
            self._shown.update(self._task, completed=self._done, count=f"{self._done:,}{of} images")

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(file=self._stream)
        if console.is_dumb_terminal:
            return
        self._shown = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,  # the table is what stays
            refresh_per_second=4,
            redirect_stdout=False,  # stdout is for results
        )
        self._task = self._shown.add_task("starting", total=None, count="")
        self._shown.start()
