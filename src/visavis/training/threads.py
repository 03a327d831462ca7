"""How many threads a step takes on a CPU: chosen by measuring, watched, chosen anew when the machine changes.

A step's threads wait for one another by spinning.  Where another program is busy, the system may put all of
them on what is left of the cores, and a step that took 0.1 s takes 3 s; one thread is not touched by that. On
an idle machine more threads are faster, how much depends on the networks' size (docs/speed.md has the table).
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from visavis.core import Objective, mix
from visavis.training.loop import Batches, Schedule, State, gradients_of

BETTER, MUCH_BETTER = 0.9, 0.67
"""Another number is taken up where its step takes less than this share of the time; when a run goes on, much
less, since it goes on bit for bit with the number that it had."""
WORSE = 1.5
"""Steps that take this many times what was expected say that the machine has changed."""
WINDOW = 1.0
"""Seconds over which steps are averaged before that is believed."""
LOOKS, SLOW_LOOKS = (20.0, 160.0), (2.0, 160.0)
"""Seconds until the other numbers are tried again, at any time and once steps are slow; the wait doubles from
the first to the second, while the looks change nothing."""
PATIENCE, STEPS, LONG = 0.3, 4, 3.0
"""A number is measured for so many seconds and steps, of which not all cost the same; two steps are enough
once they took that long."""

Step = Callable[[int], None]
"""A step that leaves nothing behind, the k-th from where training stands."""
Clock = Callable[[], float]


MOST = torch.get_num_threads()
"""As many threads as this process may use: torch's own default, a core each, or ``OMP_NUM_THREADS``."""


def candidates(largest: int) -> list[int]:
    """1, 2, 4, … and the largest.

    >>> candidates(6)
    [1, 2, 4, 6]
    """
    return [*(2**k for k in range(largest.bit_length()) if 2**k < largest), largest]


def rehearsal(state: State, objective: Objective, batches: Batches, schedule: Schedule) -> Step:
    """A training step that leaves nothing behind: losses and gradients are computed and forgotten.

    Only Adam and the averages are left out. Buffers (running moments, pools) are put back.
    """

    def step(k: int) -> None:
        kept = {key: value.clone() for key, value in state.nets.state_dict().items() if key in moved}
        number = state.images // schedule.batch_size + k
        batch = batches(number)
        for index, phase in enumerate(objective.phases()):
            if not phase.due(number, state.images):
                continue
            torch.manual_seed(mix(schedule.seed, number, index))
            gradients_of(state, phase, batch, schedule)
            state.nets.zero_grad(set_to_none=True)
        state.nets.load_state_dict(kept, strict=False)

    parameters = {key for key, _ in state.nets.named_parameters(remove_duplicate=False)}
    moved = state.nets.state_dict().keys() - parameters
    return step


def time_steps(
    step: Step, numbers: list[int], best: float = math.inf, now: Clock = time.perf_counter
) -> dict[int, float]:
    """Seconds a step takes with each number of threads, on average, in rising order.

    A number whose first step takes twice the best so far, or ``best``, is given up after it.
    """
    found: dict[int, float] = {}
    for number in sorted(numbers):
        torch.set_num_threads(number)
        began = now()
        step(0)  # the first one starts the threads
        took = now() - began
        if took > PATIENCE and took > 2 * best:
            found[number] = took
            continue
        steps, began, took = 0, now(), 0.0
        while steps < 2 or (took < LONG and (took < PATIENCE or steps < STEPS)):
            steps += 1
            step(steps)
            took = now() - began
        found[number] = took / steps
        best = min(best, found[number])
    return found


def fastest(seconds: Mapping[int, float], now_used: int | None = None, share: float = BETTER) -> int:
    """The number with the shortest step, the smaller of equals; what is used stays where it is nearly that.

    >>> fastest({1: 0.10, 2: 0.095})
    1
    >>> fastest({1: 0.10, 2: 0.06}), fastest({1: 0.1, 2: 2.7}), fastest({1: 0.1, 2: 0.105}, now_used=2)
    (2, 1, 2)
    """
    best = now_used or min(seconds)
    for number in sorted(seconds, key=lambda n: (seconds[n], n)):
        if seconds[number] < share * seconds[best]:
            return number
    return best


@dataclass(frozen=True)
class Choice:
    """Threads that were chosen, and the seconds a step took with each number when they were."""

    threads: int
    seconds: Mapping[int, float]


class Threads:
    """The number of threads of a training.

    ``given`` stays as it is, as ``OMP_NUM_THREADS`` does; ``before`` is what the run used when it stopped,
    with which it goes on.  Between two changes a run's steps are the same bit for bit; a change moves them by
    rounding.
    """

    def __init__(
        self, step: Step, given: int | None = None, before: int | None = None, now: Clock = time.perf_counter
    ) -> None:
        fixed = given or (MOST if "OMP_NUM_THREADS" in os.environ else None)
        self.numbers = [fixed] if fixed else candidates(MOST)
        self.threads = fixed or min(before or MOST, MOST)
        self._known = before is not None
        self._step, self._now = step, now
        self._expected = math.inf
        self._steps, self._spent = 0, 0.0
        self._looked, self._pause, self._slow_pause = now(), LOOKS[0], SLOW_LOOKS[0]

    def settle(self) -> Choice | None:
        """Set the number at the start; what was measured, if anything had to be."""
        torch.set_num_threads(self.threads)
        if len(self.numbers) == 1:
            return None
        found, before = time_steps(self._step, self.numbers, now=self._now), self.threads
        if not self._known:
            return self._choose(found, None)
        choice = self._choose({before: math.inf} | found, before, MUCH_BETTER)
        return choice if choice.threads != before else None

    def watch(self, seconds: float) -> Choice | None:
        """Take note of a step's time; the new choice where that leads to another number."""
        self._steps, self._spent = self._steps + 1, self._spent + seconds
        if len(self.numbers) == 1 or self._spent < WINDOW:
            return None
        pace, self._steps, self._spent = self._spent / self._steps, 0, 0.0
        waited, slow = self._now() - self._looked, pace > WORSE * self._expected
        self._expected = min(pace, self._expected)
        if waited < (min(self._slow_pause, self._pause) if slow else self._pause):
            return None
        return self._look(pace, slow)

    def _look(self, pace: float, slow: bool) -> Choice | None:
        """Measure again; a number that has just been slow is believed to be, however fast it now may look."""
        before = self.threads
        asked = [number for number in self.numbers if not (slow and number == before)]
        found = time_steps(self._step, asked, pace, self._now)
        choice = self._choose({before: pace} | found, before)
        self._pause = min(2 * self._pause, LOOKS[1])
        if choice.threads != before:
            self._slow_pause = SLOW_LOOKS[0]
            return choice
        self._slow_pause = min(2 * self._slow_pause, SLOW_LOOKS[1])
        return None

    def _choose(self, seconds: Mapping[int, float], now_used: int | None, share: float = BETTER) -> Choice:
        self.threads = fastest(seconds, now_used, share)
        torch.set_num_threads(self.threads)
        self._expected, self._looked = seconds[self.threads], self._now()
        return Choice(self.threads, dict(sorted(seconds.items())))
