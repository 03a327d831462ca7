"""Logs that another program keeps: trackio (local, free) and wandb, which speak one language.

A logger that fails, at any moment and in any way, is told once and left alone: it never ends a training.
"""

import importlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from visavis.errors import UserError, unknown

LOG = logging.getLogger("visavis")
LOGGERS = ("trackio", "wandb")
PROJECT = "visavis"


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

    def log(self, row: Mapping[str, float]) -> None:
        """Send the scalars of one tick, at the images seen."""
        scalars = {name: value for name, value in row.items() if name != "images"}
        self._try(lambda: self._open().log(scalars, step=int(row["images"])))

    def close(self) -> None:
        """Send what is left; the next row opens the run again."""
        if self._run is not None:
            run, self._run = self._run, None
            self._try(lambda: run.finish())

    def _open(self) -> Any:
        if self._run is None:
            name = self._folder.resolve().name
            own = {"id": name, "dir": str(self._folder)} if self.name == "wandb" else {}
            self._run = self._module.init(
                project=PROJECT, name=name, config=dict(self._config), resume="allow", **own
            )
        return self._run

    def _try(self, send: Callable[[], object]) -> None:
        if self._failed:
            return
        try:
            send()
        except Exception as error:  # whatever it is: the training is worth more
            self._failed, self._run = True, None
            why = " ".join(str(error).split())[:200] or type(error).__name__
            LOG.warning("the logger '%s' failed and is left alone from here on: %s", self.name, why)
