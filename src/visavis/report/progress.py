"""The progress of a training on stderr: a live bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from .words import clock, count, number

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_EVERY = 15.0
"""Seconds between two plain lines."""
MOST_LOSSES = 4


class TrainingProgress:
    """Shows images, images/s, losses, the time gone and the time left while a training runs.

    ``total_images`` and ``total_seconds`` are where it ends, whichever comes first; None is no limit.
    ``start_images`` and ``start_seconds`` are what a resumed run has behind it.  ``quiet`` shows nothing.
    stdout is never touched.
    """

    def __init__(
        self,
        total_images: int | None = None,
        total_seconds: float | None = None,
        *,
        quiet: bool = False,
        start_images: int = 0,
        start_seconds: float = 0.0,
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total_images = total_images
        self.total_seconds = total_seconds
        self.start_images = start_images
        self.start_seconds = start_seconds
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._now = now
        self._began = now()
        self._images = start_images
        self._scalars: Mapping[str, float] = {}
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = -PLAIN_EVERY
        self._pending = False

    def __enter__(self) -> Self:
        self._began = self._now()
        if not self._quiet and self._stream.isatty():
            self._open_bar()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        elif self._pending:
            self._print_plain()

    @property
    def seconds(self) -> float:
        """Seconds trained, with those before this process."""
        return self.start_seconds + self._now() - self._began

    def update(self, images: int, scalars: Mapping[str, float]) -> None:
        """Show that ``images`` have been seen, with a tick's scalars: "loss/D", "images_per_second", …"""
        self._images, self._scalars, self._pending = images, scalars, True
        if self._quiet:
            self._pending = False
        elif self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._fraction(), text=self._text())
        elif self._now() - self._began - self._told >= PLAIN_EVERY:
            self._print_plain()

    def say(self, message: str) -> None:
        """Print a line, above the bar where there is one."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False)
        else:
            print(message, file=self._stream, flush=True)

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
        from rich.text import Text

        class Times(ProgressColumn):
            """A clock that runs between updates too."""

            def render(_, task: Task) -> Text:  # noqa: N805  # self is the outer one
                return Text(self._times(), style="dim")

        console = Console(file=self._stream)
        if console.is_dumb_terminal:
            return
        limited = self.total_images is not None or self.total_seconds is not None
        percent = (TaskProgressColumn(),) if limited else ()
        self._bar = Progress(
            BarColumn(bar_width=None),
            *percent,
            TextColumn("{task.fields[text]}", markup=False),
            Times(),
            console=console,
            expand=True,
            refresh_per_second=4,
            redirect_stdout=False,  # stdout is for results
        )
        self._task = self._bar.add_task("", total=1.0 if limited else None, text="starting")
        self._bar.update(self._task, completed=self._fraction())
        self._bar.start()

    def _print_plain(self) -> None:
        self._told, self._pending = self._now() - self._began, False
        fraction = self._fraction()
        percent = f"{fraction:4.0%}  " if fraction else ""
        print(f"{percent}{self._text()}  {self._times()}", file=self._stream, flush=True)

    def _fraction(self) -> float:
        """How much is done: by images or by time, whichever is further."""
        parts = [self._images / self.total_images] if self.total_images else []
        parts += [self.seconds / self.total_seconds] if self.total_seconds else []
        return min(max(parts, default=0.0), 1.0)

    def _rate(self) -> float:
        """Images a second since this process began to train."""
        return (self._images - self.start_images) / max(self._now() - self._began, 1e-9)

    def _text(self) -> str:
        """The images, the speed of the last tick, the losses: 1.2M/4M images  431/s  G 0.71  D 0.68."""
        goal = f"/{count(self.total_images)}" if self.total_images is not None else ""
        speed = self._scalars.get("images_per_second", self._rate())
        losses = [(name[5:], value) for name, value in self._scalars.items() if name.startswith("loss/")]
        parts = [f"{count(self._images)}{goal} images", f"{count(speed)}/s"]
        return "  ".join(parts + [f"{name} {number(value)}" for name, value in losses[:MOST_LOSSES]])

    def _times(self) -> str:
        """The time gone and the time left, where that can be told: 1:12, 3:05 left."""
        left = [self.total_seconds - self.seconds] if self.total_seconds is not None else []
        if self.total_images is not None and self._rate() > 0:
            left.append((self.total_images - self._images) / self._rate())
        return clock(self.seconds) + (f", {clock(min(left))} left" if left else "")
