"""How a run keeps pace with its machine: threads chosen and written down, a busy machine told."""

import logging
import os
from pathlib import Path
from typing import Any

from visavis.report.words import count
from visavis.runs.clock import Clock
from visavis.runs.session import Session
from visavis.training import parallel
from visavis.training.threads import Choice, Threads, rehearsal

LOG = logging.getLogger("visavis")
STAT = Path("/proc/stat")
LISTEN = 5.0
"""Seconds of training after which it is asked what else the machine does."""
BUSY = 0.5
"""Cores used by other programs that are worth a line."""


class Pace:
    """The clock of a session's training, and the threads of its steps.

    Threads are chosen on a CPU by one process; several, and a GPU, are left as they are.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clock = Clock(session.state.seconds)
        self._threads = threads_of(session)
        self._others: Others | None = None

    def start(self) -> None:
        """Choose, before the first step."""
        with self.clock.stopped():
            if self._threads is not None:
                self._record(self._threads.settle(), "")
        self._others = Others()

    def step(self) -> None:
        """Between two steps: tell the state the time, and watch."""
        state, seconds = self.session.state, self.clock.seconds
        took, state.seconds = seconds - state.seconds, seconds
        with self.clock.stopped():
            if self._threads is not None and took > 0:
                self._record(self._threads.watch(took), "the machine has changed: ")
            if self._others is not None and self._others.seconds > LISTEN:
                self._tell_busy(self._others.cores())
                self._others = None

    def _record(self, choice: Choice | None, why: str) -> None:
        if choice is None:
            return
        session, batch = self.session, self.session.recipe.batch_size
        rates = {number: batch / seconds for number, seconds in choice.seconds.items()}
        told = ", ".join(f"{number}: {count(rate)}" for number, rate in rates.items())
        plural = "s" if choice.threads > 1 else ""
        LOG.info("%s%d thread%s (images/s with %s)", why, choice.threads, plural, told)
        images_per_second = {str(number): round(rate, 2) for number, rate in rates.items()}
        session.log.event(
            "threads", session.state.images, threads=choice.threads, images_per_second=images_per_second
        )

    def _tell_busy(self, cores: float | None) -> None:
        if cores is not None and cores > BUSY and self.session.writes:
            own = os.cpu_count()
            LOG.warning(
                "other programs use %.1f of this machine's %s cores: training takes longer", cores, own
            )


def threads_of(session: Session) -> Threads | None:
    """The threads of a session that may choose; with the number that a resumed run used when it stopped."""
    if session.device.type != "cpu" or parallel.active():
        return None
    recipe, state = session.recipe, session.state
    step = rehearsal(state, recipe.objective, session.batches, recipe.schedule())
    return Threads(step, session.options.threads, used(session.log.rows()) if state.images else None)


def used(rows: list[dict[str, Any]]) -> int | None:
    """The number of threads that a run's log last tells."""
    told = [row["threads"] for row in rows if row.get("event") == "threads"]
    return told[-1] if told else None


class Others:
    """What other programs take of the processor, from when this is made; only Linux tells."""

    def __init__(self) -> None:
        self._clock, self._busy, self._own = Clock(), _busy_seconds(), _own_seconds()

    @property
    def seconds(self) -> float:
        """Since when."""
        return self._clock.seconds

    def cores(self) -> float | None:
        """Cores that they used on average; None where the system does not tell."""
        busy = _busy_seconds()
        if busy is None or self._busy is None:
            return None
        return max(busy - self._busy - (_own_seconds() - self._own), 0.0) / self.seconds


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds() -> float | None:
    """Seconds that all processors together have worked since the system began."""
    try:
        user, nice, system = STAT.read_text().split(maxsplit=4)[1:4]
    except (OSError, ValueError):
        return None
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")
