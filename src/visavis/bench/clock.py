"""How much of a bench's time is gone."""

import time
from collections.abc import Callable

TOLD_EVERY = 10.0
"""Seconds between two lines of progress."""


class Clock:
    """The seconds that a bench may take, from now on; :meth:`until` is the clock of a part of them."""

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._now = now
        self._began = self._told = now()

    @property
    def seconds(self) -> float:
        """How many are gone."""
        return self._now() - self._began

    @property
    def left(self) -> float:
        """How many are left, 0 at least."""
        return max(self.limit - self.seconds, 0.0)

    def over(self, share: float = 1.0) -> bool:
        """Whether that share of the time is gone."""
        return self.seconds >= share * self.limit

    def until(self, share: float) -> "Clock":
        """The same clock, stopped when that share of the time is gone."""
        part = Clock(share * self.limit, self._now)
        part._began = self._began
        return part

    def due(self) -> bool:
        """Whether it is time for a line of progress."""
        if self._now() - self._told < TOLD_EVERY:
            return False
        self._told = self._now()
        return True
