"""The time that a run has trained: it stands still while the run looks at itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Clock:
    """Seconds of training, going on from ``seconds``."""

    def __init__(self, seconds: float = 0.0, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._began = now() - seconds

    @property
    def seconds(self) -> float:
        """Seconds trained so far."""
        return self._now() - self._began

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What is done here (an evaluation, a sheet) is no training."""
        at = self._now()
        try:
            yield
        finally:
            self._began += self._now() - at
