import builtins
import csv
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from visavis import files
from visavis.errors import UserError
from visavis.report.logs import RunLog


@pytest.fixture
def without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fail(name: str, *rest: object) -> object:
        if name == "torch.utils.tensorboard":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", fail)


def row(images: int, **scalars: float) -> dict[str, float]:
    return {"images": images, "seconds": images / 100, "images_per_second": 100.0, **scalars}


def table(log: RunLog) -> list[list[str]]:
    with log.csv.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.usefixtures("without_tensorboard")
def test_rows_events_and_csv(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "run")
    log.append(row(10, **{"loss/D": 0.5}))
    log.event("resume", 10, why="test")
    log.append(row(20, **{"loss/D": float("nan")}))
    log.image("samples", np.zeros((2, 2, 3), np.uint8), 20)
    log.close()
    assert log.rows()[1] == {"event": "resume", "images": 10, "why": "test"}
    assert log.rows()[2]["loss/D"] is None
    assert table(log) == [
        ["images", "seconds", "images_per_second", "loss/D"],
        ["10", "0.1", "100.0", "0.5"],
        ["20", "0.2", "100.0", ""],
    ]
    for line in log.stats.path.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    assert not (tmp_path / "run" / "tensorboard").exists()


@pytest.mark.usefixtures("without_tensorboard")
def test_a_new_column_rewrites_the_csv_and_other_rows_only_append(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path)
    rewritten = []
    monkeypatch.setattr(log, "_rewrite_csv", lambda real=log._rewrite_csv: (rewritten.append(1), real()))
    log.append(row(10, a=1.0))
    log.append(row(20, a=2.0))
    log.append(row(30, b=3.0))
    log.append(row(40, a=4.0, b=5.0))
    assert len(rewritten) == 2
    assert table(log)[0][3:] == ["a", "b"]
    assert [line[3:] for line in table(log)[1:]] == [["1.0", ""], ["2.0", ""], ["", "3.0"], ["4.0", "5.0"]]


@pytest.mark.usefixtures("without_tensorboard")
def test_cut_back_and_another_process(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for images in (10, 20, 30):
        log.append(row(images))
    with log.csv.open("a") as file:
        file.write("40,0.")  # torn
    again = RunLog(tmp_path)
    again.cut_back(20)
    again.event("resume", 20)
    again.append(row(30, new=1.0))
    assert [line.get("event", line["images"]) for line in again.rows()] == [10, 20, "resume", 30]
    assert [line[0] for line in table(again)] == ["images", "10", "20", "30"]


@pytest.mark.usefixtures("without_tensorboard")
def test_a_csv_that_a_killed_process_left_behind_is_made_anew(tmp_path: Path) -> None:
    RunLog(tmp_path).append(row(10))
    (tmp_path / "metrics.csv").unlink()
    RunLog(tmp_path).append(row(20))
    assert [line[0] for line in table(RunLog(tmp_path))] == ["images", "10", "20"]


@pytest.mark.usefixtures("without_tensorboard")
def test_a_full_disk_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match="disk is full"):
        RunLog(tmp_path).append(row(10))


def test_tensorboard_purges_what_a_resume_repeats(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = RunLog(tmp_path)
    for images in (10, 20, 30):
        log.append(row(images, **{"loss/D": float(images)}))
    log.image("samples", np.zeros((4, 4, 1), np.uint8), 30)
    log.close()
    again = RunLog(tmp_path)
    again.cut_back(20)
    again.event("resume", 20)
    again.append(row(30, **{"loss/D": -30.0}))
    again.image("samples", np.zeros((4, 4, 3), np.uint8), 30)
    again.close()
    shown = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    shown.Reload()
    assert [(e.step, e.value) for e in shown.Scalars("loss/D")] == [(10, 10.0), (20, 20.0), (30, -30.0)]
    assert [e.step for e in shown.Images("samples")] == [30]
