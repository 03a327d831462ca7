"""The clock of a training, what its log tells of threads, and other programs' share of the machine."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from visavis import files
from visavis.recipes import RECIPES
from visavis.runs import pace
from visavis.runs.clock import Clock
from visavis.runs.pace import Others, used
from visavis.runs.run import Options, run
from visavis.training import threads


def test_the_clock_stands_while_it_is_stopped() -> None:
    times = iter([10.0, 13.0, 20.0, 21.0, 30.0])
    clock = Clock(5.0, now=lambda: next(times))  # made at 10
    with clock.stopped():  # from 13 to 20
        pass
    assert clock.seconds == 5 + (21 - 10) - (20 - 13)
    assert clock.seconds == 5 + (30 - 10) - (20 - 13)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "MOST", 2)
    monkeypatch.setattr(threads, "PATIENCE", 0.01)
    yield
    torch.set_num_threads(before)


def events(folder: Path) -> list[dict[str, object]]:
    return [row for row in files.JsonLines(folder / "stats.jsonl").rows() if row.get("event") == "threads"]


def small(name: str = "digits") -> object:
    return RECIPES[name]().model_copy(update={"batch_size": 8, "metrics": (), "tick": 64})


@pytest.mark.usefixtures("two_cores")
def test_a_run_tells_what_it_chose_and_goes_on_with_it(tmp_path: Path) -> None:
    result = run(small(), Options(tmp_path / "run", images=16, device="cpu", quiet=True))
    (told,) = events(tmp_path / "run")
    assert told["images"] == 0 and told["threads"] == result["threads"]
    assert told["images_per_second"].keys() == {"1", "2"}
    assert used([told, {"images": 3}]) == result["threads"] and used([]) is None
    fixed = run(small(), Options(tmp_path / "run", images=32, device="cpu", quiet=True, threads=1))
    assert fixed["threads"] == 1 and len(events(tmp_path / "run")) == 1


def test_a_run_that_ends_before_its_first_tick_ends_like_any_other(tmp_path: Path) -> None:
    recipe = small().model_copy(update={"tick": 100_000, "metrics": RECIPES["digits"]().metrics})
    result = run(
        recipe.model_copy(update={"metric_samples": 300}),
        Options(tmp_path / "run", seconds=0.5, device="cpu"),
    )
    assert result["images"] > 0 and Path(result["snapshot"]).exists()
    rows = [row for row in files.JsonLines(tmp_path / "run/stats.jsonl").rows() if "event" not in row]
    assert [row["images"] for row in rows] == [result["images"]]
    assert (tmp_path / "run/curves.png").exists()


def test_evaluations_are_no_training_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visavis.runs import judging

    monkeypatch.setattr(judging.Watcher, "look", lambda self: time.sleep(0.3))
    recipe = small().model_copy(update={"watch": small().watch.model_copy(update={"every": 64})})
    began = time.monotonic()
    result = run(recipe, Options(tmp_path / "run", images=256, device="cpu", quiet=True))
    assert time.monotonic() - began > result["seconds"] + 4 * 0.3


@pytest.mark.skipif(not pace.STAT.exists(), reason="the system does not tell what its processors do")
def test_another_program_is_noticed() -> None:
    others = Others()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        while (spent := Path(f"/proc/{child.pid}/stat").read_text().split()[13]) in ("0", "1", "2", "3"):
            time.sleep(0.01)
        share = others.cores()
        child.kill()
    assert share is not None and share * others.seconds >= 0.5 * int(spent) / 100


def test_where_the_system_does_not_tell_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pace, "STAT", tmp_path / "none")
    assert Others().cores() is None
