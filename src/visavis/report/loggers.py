"""Logs that another program keeps: trackio (local, free) and wandb, which speak one language.

A logger that fails, at any moment and in any way, is told once and left alone: it never ends a training, nor
holds it up, for it is spoken to from a thread of its own.
"""

import importlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from visavis.errors import UserError, unknown

LOG = logging.getLogger("visavis")
LOGGERS = ("trackio", "wandb")
PROJECT = "visavis"
PATIENCE, MOST = 30.0, 10_000
"""Seconds that a logger has for what is left when a run ends, and rows that may wait for it."""
Send = Callable[[], object]


class Logger:
    """Sends a run's rows to a program with wandb's ``init``, ``log(…, step=)`` and ``finish``.

    Raises :class:`UserError` for a name that is none, and for a program that is not installed.
    """

    def __init__(self, name: str, folder: Path, config: Mapping[str, Any]) -> None:
        if name not in LOGGERS:
            raise unknown("logger", name, LOGGERS)
        try:
            self._module: Any = importlib.import_module(name)
        except ImportError as error:
            raise UserError(
                f"the logger '{name}' is not installed; pip install 'visavis[{name}]', or leave --logger out"
            ) from error
        self.name, self._folder, self._config = name, folder, config
        self._run: Any = None
        self._failed = False
        self._thread: threading.Thread | None = None
        self._waiting: queue.Queue[Send | None] = queue.Queue(MOST)

    def log(self, row: Mapping[str, float]) -> None:
        """Send the scalars of one tick, at the images seen."""
        scalars = {name: value for name, value in row.items() if name != "images"}
        self._send(lambda: self._open().log(scalars, step=int(row["images"])))

    def close(self) -> None:
        """Send what is left; the next row opens the run again."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if not self._failed:
            self._waiting.put(self._finish)
            self._waiting.put(None)
            thread.join(PATIENCE)
        if thread.is_alive():
            self._leave("it does not answer")

    def _open(self) -> Any:
        if self._run is None:
            name = self._folder.resolve().name
            own = {"id": name, "dir": str(self._folder)} if self.name == "wandb" else {}
            self._run = self._module.init(
                project=PROJECT, name=name, config=dict(self._config), resume="allow", **own
            )
        return self._run

    def _finish(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.finish()

    def _send(self, send: Send) -> None:
        if self._failed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._speak, args=(self._waiting,), daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(send)
        except queue.Full:
            self._leave("it does not answer")

    def _speak(self, waiting: "queue.Queue[Send | None]") -> None:
        while (send := waiting.get()) is not None and not self._failed:
            try:
                send()
            except BaseException as error:  # whatever it is: the training is worth more
                self._leave(" ".join(str(error).split())[:200] or type(error).__name__)

    def _leave(self, why: str) -> None:
        if not self._failed:
            self._failed, self._run = True, None
            LOG.warning("the logger '%s' failed and is left alone from here on: %s", self.name, why)
