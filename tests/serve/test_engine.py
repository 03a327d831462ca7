import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from visavis.serve.engine import BusyError, ClosedError, Engine, Job


class Gate:
    """Work that stands still until it is let through, and notes its batches."""

    def __init__(self) -> None:
        self.open, self.begun = threading.Event(), threading.Event()
        self.batches: list[list[Any]] = []

    def run(self, given: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(list(given))
        self.begun.set()
        assert self.open.wait(10)
        if "bad" in given:
            raise RuntimeError("this one")
        return [f"{each}!" for each in given]

    def job(self, given: object, key: object = "a", size: int = 1) -> Job:
        return Job(key, self.run, given, size)


def behind_a_first(
    make: Callable[[Gate], list[Job]], limit: int = 99, batch: int = 8
) -> tuple[Gate, Engine, list[Job]]:
    """Jobs that gather while a first one is being made."""
    gate, engine = Gate(), Engine(limit, batch)
    engine.submit(gate.job("first"))
    assert gate.begun.wait(10)
    jobs = make(gate)
    for job in jobs:
        engine.submit(job)
    return gate, engine, jobs


def test_equal_jobs_go_together_and_each_gets_its_own() -> None:
    gate, engine, jobs = behind_a_first(
        lambda gate: [gate.job(1), gate.job(2), gate.job(3, "b"), gate.job(4), gate.job(5)]
    )
    gate.open.set()
    assert [job.future.result(10) for job in jobs] == ["1!", "2!", "3!", "4!", "5!"]
    assert gate.batches == [["first"], [1, 2, 4, 5], [3]]
    assert (engine.told.jobs, engine.told.batches, engine.told.images) == (6, 3, 6)


def test_a_batch_holds_no_more_images_than_allowed_and_one_of_few_numbers() -> None:
    gate, engine, jobs = behind_a_first(lambda gate: [gate.job(i) for i in range(46)], batch=30)
    gate.open.set()
    engine.stop(10)
    assert [len(batch) for batch in gate.batches[1:]] == [24, 16, 4, 2]
    assert [each for batch in gate.batches[1:] for each in batch] == list(range(46))
    assert all(job.future.done() for job in jobs)


def test_without_batching_each_is_made_alone_and_one_too_large_too() -> None:
    gate, engine, _ = behind_a_first(lambda gate: [gate.job(1), gate.job(2, size=3), gate.job(3)], batch=1)
    gate.open.set()
    engine.stop(10)
    assert gate.batches == [["first"], [1], [2], [3]]


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    gate, engine, _ = behind_a_first(lambda gate: [gate.job(i) for i in range(3)], limit=3)
    with pytest.raises(BusyError, match="ask again in 1 s") as raised:
        engine.submit(gate.job(4))
    assert raised.value.seconds == 1
    gate.open.set()


def test_what_nobody_waits_for_is_not_made() -> None:
    gate, engine, jobs = behind_a_first(lambda gate: [gate.job(i) for i in range(3)])
    jobs[1].dropped = True
    gate.open.set()
    assert jobs[2].future.result(10) == "2!"
    engine.stop(10)
    assert gate.batches[1:] == [[0, 2]]
    assert engine.told.dropped == 1


def test_a_stop_makes_what_was_accepted_and_takes_nothing_more() -> None:
    gate, engine, jobs = behind_a_first(lambda gate: [gate.job(i) for i in range(4)])
    assert not engine.stop(0.01)
    with pytest.raises(ClosedError):
        engine.submit(gate.job(9))
    gate.open.set()
    assert engine.stop(10)
    assert [job.future.result(0) for job in jobs] == ["0!", "1!", "2!", "3!"]


def test_one_that_fails_takes_no_other_with_it() -> None:
    gate, engine, jobs = behind_a_first(lambda gate: [gate.job(1), gate.job("bad"), gate.job(2), gate.job(3)])
    gate.open.set()
    with pytest.raises(RuntimeError, match="this one"):
        jobs[1].future.result(10)
    assert [jobs[i].future.result(10) for i in (0, 2, 3)] == ["1!", "2!", "3!"]
    assert engine.told.failed == 1
