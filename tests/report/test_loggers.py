import logging
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import TINY, Cli

from visavis.errors import UserError
from visavis.report import loggers
from visavis.report.loggers import Logger
from visavis.report.logs import RunLog


class Fake:
    """A program with wandb's language that fails at the ``fails``-th call of ``log``."""

    def __init__(self, fails: int = -1) -> None:
        self.fails = fails
        self.rows: list[tuple[dict[str, Any], int]] = []
        self.calls: list[str] = []

    def init(self, **given: Any) -> SimpleNamespace:
        self.calls.append(f"init {given['name']} {given['resume']}")
        return SimpleNamespace(log=self.log, finish=lambda: self.calls.append("finish"))

    def log(self, row: dict[str, Any], step: int) -> None:
        if len(self.rows) == self.fails:
            raise ConnectionError("no\nnetwork")
        self.rows.append((row, step))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setitem(sys.modules, "trackio", made)  # type: ignore[arg-type]
    return made


def test_rows_arrive_at_their_images(tmp_path: Path, fake: Fake) -> None:
    log = RunLog(tmp_path / "run", Logger("trackio", tmp_path / "run", {}))
    log.append({"images": 16, "seconds": 1.0, "loss/D": 0.5})
    log.close()
    assert fake.rows == [({"seconds": 1.0, "loss/D": 0.5}, 16)]
    assert fake.calls == ["init run allow", "finish"]


def fails(*_: Any, **__: Any) -> None:
    raise ConnectionError("no network")


def leaves(*_: Any, **__: Any) -> None:
    raise SystemExit(1)


def hangs(*_: Any, **__: Any) -> None:
    threading.Event().wait()


@pytest.mark.parametrize("what", ["init", "log", "finish"])
@pytest.mark.parametrize(
    ("how", "why"), [(fails, "no network"), (leaves, "1"), (hangs, "it does not answer")]
)
def test_one_that_fails_leaves_or_hangs_does_not_hold_up_a_run(
    what: str, how: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(loggers, "PATIENCE", 0.2)
    monkeypatch.setattr(loggers.LOG, "warning", lambda text, *given: told.append(text % given))
    run = SimpleNamespace(log=lambda *_, **__: None, finish=lambda: None)
    module = SimpleNamespace(init=lambda **_: run)
    setattr(module if what == "init" else run, what, how)
    monkeypatch.setitem(sys.modules, "trackio", module)  # type: ignore[arg-type]
    log = RunLog(tmp_path / "run", Logger("trackio", tmp_path / "run", {}))
    began = time.monotonic()
    for images in (16, 32, 48):
        log.append({"images": images, "loss/D": 0.5})
    log.close()
    assert time.monotonic() - began < 10
    assert [row["images"] for row in log.rows()] == [16, 32, 48]
    assert len(told) == 1 and told[0].endswith(f"left alone from here on: {why}")


def test_one_that_fails_is_told_once_and_left_alone(
    tmp_path: Path, fake: Fake, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.fails = 1
    monkeypatch.setattr(logging.getLogger("visavis"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("visavis"), "handlers", [])
    log = RunLog(tmp_path / "run", Logger("trackio", tmp_path / "run", {}))
    for images in (16, 32, 48):
        log.append({"images": images, "loss/D": 0.5})
    log.close()
    assert len(fake.rows) == 1
    assert [row["images"] for row in log.rows()] == [16, 32, 48]
    told = {id(r): r.getMessage() for r in caplog.records}  # one record may pass by two handlers
    assert list(told.values()) == ["the logger 'trackio' failed and is left alone from here on: no network"]


def test_a_training_goes_on_without_its_logger(tmp_path: Path, cli: Cli, fake: Fake) -> None:
    fake.fails = 0
    run = tmp_path / "run"
    done = cli("train", "digits", *TINY, "--images", "32", "--out", run, "--logger", "trackio", "--json")
    assert done.status == 0, done.err
    assert done.json["images"] == 32
    assert "the logger 'trackio' failed" in done.err


def test_an_unknown_and_a_missing_logger_are_told_before_anything_is_written(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"pip install 'visavis\[wandb\]'"):
        Logger("wandb", tmp_path, {})
    done = cli("train", "digits", *TINY, "--out", tmp_path / "run", "--logger", "tracio")
    assert done.status == 2 and "did you mean 'trackio'?" in done.err
    assert not (tmp_path / "run").exists()
