"""Work for models: a bounded queue, one thread that takes from it, equal jobs made in one batch."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import torch

Run = Callable[[Sequence[Any]], Sequence[Any]]
"""From what several jobs give to what each gets, in order."""


class BusyError(Exception):
    """The queue is full; ``seconds``: when to ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too much to do (allowed: what the queue holds); ask again in {seconds} s")
        self.seconds = seconds


class ClosedError(Exception):
    """The service is stopping and takes nothing more."""


@dataclass
class Job:
    """One request's work.  Jobs of equal ``key`` are made together, by the first one's ``run``.

    ``size``: images, of which a batch holds so many.  ``dropped``: nobody waits for it any longer.
    """

    key: Hashable
    run: Run
    given: Any
    size: int = 1
    future: "Future[Any]" = field(default_factory=Future)
    dropped: bool = False
    queued: float = field(default_factory=time.monotonic)


@dataclass
class Told:
    """What an engine has done, for its metrics."""

    jobs: int = 0
    batches: int = 0
    images: int = 0
    dropped: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0


class Engine:
    """Takes up to ``limit`` jobs into its queue and makes them, up to ``batch`` images at a time.

    ``batch`` 1 makes each job alone.  Nothing is waited for: while one batch is made, the next gathers.
    """

    def __init__(self, limit: int, batch: int) -> None:
        self.limit, self.batch = limit, batch
        self.told = Told()
        self._queue: deque[Job] = deque()
        self._ready = threading.Condition()
        self._open = True
        self._busy = False
        self._thread = threading.Thread(target=self._work, name="visavis-engine", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; raises :class:`BusyError` for a full queue, :class:`ClosedError` after a stop."""
        with self._ready:
            if not self._open:
                raise ClosedError
            if len(self._queue) >= self.limit:
                self.told.refused += 1
                raise BusyError(self._wait())
            self._queue.append(job)
            self._ready.notify()

    def __len__(self) -> int:
        """Jobs that wait."""
        return len(self._queue)

    def _wait(self) -> int:
        """Whole seconds until the queue will have been made, at the rate so far."""
        each = self.told.seconds / self.told.jobs if self.told.jobs else 0.01
        return max(1, round(each * len(self._queue)))

    def stop(self, seconds: float | None = None) -> bool:
        """Take nothing more, make what waits; whether that was done within ``seconds``."""
        with self._ready:
            self._open = False
            self._ready.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._queue and self._open:
                    self._ready.wait()
                if not self._queue:
                    return
                jobs = self._rounded(list(self._next()))
            if jobs:
                self._make(jobs)

    def _next(self) -> Iterator[Job]:
        """The oldest job and those behind it that fit beside it; the others keep their places."""
        room, key, others = self.batch, None, []
        while self._queue:
            job = self._queue.popleft()
            if job.dropped:
                self.told.dropped += 1
            elif key is None:
                key, room = job.key, room - job.size
                yield job
            elif job.key == key and job.size <= room:
                room -= job.size
                yield job
            else:
                others.append(job)
                if len(others) >= self.batch:
                    break
        self._queue.extendleft(reversed(others))

    def _rounded(self, jobs: list[Job]) -> list[Job]:
        """As many of them as make 1, 2, 4 or a multiple of 8 images; the others go back to the queue's head.

        A convolution is prepared anew for each size of batch that it has not seen.
        """
        total = sum(job.size for job in jobs)
        most = total - total % 8 if total >= 8 else 1 << max(total.bit_length() - 1, 0)
        while len(jobs) > 1 and total > most:
            total -= jobs[-1].size
            self._queue.appendleft(jobs.pop())
        return jobs

    def _make(self, jobs: list[Job]) -> None:
        began = time.monotonic()
        try:
            with torch.inference_mode():
                made = jobs[0].run([job.given for job in jobs])
        except Exception as error:
            if len(jobs) > 1:  # one of them is to blame: the others get theirs
                for job in jobs:
                    self._make([job])
                return
            self.told.failed += 1
            jobs[0].future.set_exception(error)
        else:
            for job, each in zip(jobs, made, strict=True):
                job.future.set_result(each)
        self.told.jobs += len(jobs)
        self.told.batches += 1
        self.told.images += sum(job.size for job in jobs)
        self.told.seconds += time.monotonic() - began
