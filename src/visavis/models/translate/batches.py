"""Tiles of many pictures, gathered into batches of one size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from visavis.models.translate.translator import Sheet, Translator

GROUPS = 4
"""Batches' worth of tiles of different sizes that may wait for more of their kind."""


class Tiles:
    """Runs the network on ``batch_size`` tiles of one size at a time, whatever pictures they are of.

    ``finished(sheet)`` is called for each picture whose tiles are all done.
    """

    def __init__(self, translator: Translator, batch_size: int, finished: Callable[[Sheet], None]) -> None:
        self._translator = translator
        self._batch_size = batch_size
        self._finished = finished
        self._waiting: dict[tuple[int, int], deque[tuple[Sheet, int]]] = {}

    @property
    def waiting(self) -> int:
        """How many tiles wait for their batch to fill."""
        return sum(map(len, self._waiting.values()))

    def add(self, sheet: Sheet) -> None:
        """Take in a picture; runs what batches it fills."""
        size = sheet.rows.tile, sheet.columns.tile
        for index in range(sheet.left):
            self._waiting.setdefault(size, deque()).append((sheet, index))
            if len(self._waiting[size]) >= self._batch_size:
                self._run(size)
        while self.waiting > GROUPS * self._batch_size:
            self.run_some()

    def run_some(self) -> None:
        """Run the fullest batch, though it is not full."""
        self._run(max(self._waiting, key=lambda size: len(self._waiting[size])))

    def run_all(self) -> None:
        """Run whatever waits."""
        while self._waiting:
            self.run_some()

    def _run(self, size: tuple[int, int]) -> None:
        waiting = self._waiting[size]
        batch = [waiting.popleft() for _ in range(min(self._batch_size, len(waiting)))]
        if not waiting:
            del self._waiting[size]
        made = self._translator.run(np.stack([sheet.tile(index) for sheet, index in batch]))
        for (sheet, index), y in zip(batch, made, strict=True):
            sheet.add(index, y, self._translator.scale)
        for sheet in {id(sheet): sheet for sheet, _ in batch if not sheet.left}.values():
            self._finished(sheet)
