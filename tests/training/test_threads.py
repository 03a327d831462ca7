"""Threads: the fastest number is found, kept while it is, and left when the machine changes."""

import os
from collections.abc import Iterator

import pytest
import torch

from visavis.recipes import RECIPES
from visavis.runs.build import prepare
from visavis.training import threads
from visavis.training.loop import train
from visavis.training.threads import LOOKS, SLOW_LOOKS, Threads, candidates, fastest, rehearsal, time_steps


class Machine:
    """A clock that only steps move, and what a step takes with each number of threads."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds, self.time, self.steps = dict(seconds), 0.0, 0

    def step(self, k: int) -> None:
        self.time += self.seconds[torch.get_num_threads()]
        self.steps += 1

    def now(self) -> float:
        return self.time


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "MOST", 4)
    yield
    torch.set_num_threads(before)


def watched(machine: Machine, chosen: Threads, steps: int) -> list[int]:
    """The changes while so many steps are trained."""
    found = []
    for _ in range(steps):
        took = machine.seconds[chosen.threads]
        machine.time += took
        choice = chosen.watch(took)
        if choice is not None:
            found.append(choice.threads)
    return found


@pytest.mark.parametrize(
    ("largest", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_candidates(largest: int, expected: list[int]) -> None:
    assert candidates(largest) == expected


def test_the_fastest_is_found_and_set() -> None:
    machine = Machine({1: 0.1, 2: 0.06, 4: 0.07})
    chosen = Threads(machine.step, now=machine.now)
    choice = chosen.settle()
    assert choice is not None and choice.threads == chosen.threads == torch.get_num_threads() == 2
    assert choice.seconds == pytest.approx(machine.seconds)


def test_nearly_as_fast_is_no_reason_to_change() -> None:
    assert fastest({1: 0.1, 2: 0.095, 4: 0.092}) == 1
    assert fastest({1: 0.1, 2: 0.095, 4: 0.105}, now_used=4) == 4
    assert fastest({1: 0.1, 2: 0.08}, now_used=1, share=threads.MUCH_BETTER) == 1


def test_a_number_that_spins_is_given_up_after_one_step() -> None:
    machine = Machine({1: 0.1, 2: 3.0, 4: 5.0})
    assert time_steps(machine.step, [1, 2, 4], now=machine.now) == pytest.approx(machine.seconds)
    assert machine.time < 10


def test_another_program_comes_and_goes() -> None:
    idle, busy = {1: 0.1, 2: 0.06, 4: 0.05}, {1: 0.1, 2: 2.0, 4: 3.0}
    machine = Machine(idle)
    chosen = Threads(machine.step, now=machine.now)
    chosen.settle()
    assert chosen.threads == 4 and watched(machine, chosen, 1000) == []
    machine.seconds = busy
    began = machine.time
    assert watched(machine, chosen, 3) == [1] and machine.time - began < 15
    assert watched(machine, chosen, 1000) == []
    machine.seconds = idle
    assert watched(machine, chosen, int(2 * LOOKS[1] / 0.05)) == [4]


def test_looks_become_rare_where_they_change_nothing() -> None:
    machine = Machine({1: 0.1, 2: 0.06, 4: 0.05})
    chosen = Threads(machine.step, now=machine.now)
    chosen.settle()
    steps, time = machine.steps, machine.time
    watched(machine, chosen, 20_000)
    looks = (machine.time - time) / LOOKS[1] + 4
    assert machine.steps - steps < looks * 25
    machine.seconds = {
        number: 2 * seconds for number, seconds in machine.seconds.items()
    }  # slower, all alike
    steps = machine.steps
    assert watched(machine, chosen, 2000) == []
    assert 0 < machine.steps - steps < 25 * (2 * 200 / SLOW_LOOKS[0])


def test_what_is_given_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine({1: 0.1, 3: 9.0, 4: 0.01})
    chosen = Threads(machine.step, given=3, now=machine.now)
    assert chosen.settle() is None and torch.get_num_threads() == 3
    assert watched(machine, chosen, 50) == [] and machine.steps == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    by_environment = Threads(machine.step, now=machine.now)
    assert by_environment.settle() is None and by_environment.threads == 4 and machine.steps == 0


def test_a_run_goes_on_with_the_number_that_it_had_unless_that_is_ruinous() -> None:
    machine = Machine({1: 0.06, 2: 0.05, 4: 0.05})
    chosen = Threads(machine.step, before=1, now=machine.now)
    assert chosen.settle() is None and chosen.threads == 1
    machine.seconds = {1: 0.06, 2: 2.0, 4: 2.0}
    ruined = Threads(machine.step, before=2, now=machine.now)
    choice = ruined.settle()
    assert choice is not None and choice.threads == 1


@pytest.mark.parametrize("name", ["digits", "cyclegan-digits"])
def test_a_rehearsal_leaves_nothing_behind(name: str) -> None:
    """The same steps with and without one between them, pools and counters included."""
    recipe, cpu = RECIPES[name]().model_copy(update={"batch_size": 8}), torch.device("cpu")
    found = []
    for rehearse in (False, True):
        _, state, batches = prepare(recipe, cpu)
        step = rehearsal(state, recipe.objective, batches, recipe.schedule())
        for until in (16, 32):
            list(train(state, recipe.objective, batches, recipe.schedule(), until))
            if rehearse:
                step(0)
                step(1)
        found.append(state.tensors())
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
    assert "OMP_NUM_THREADS" not in os.environ
