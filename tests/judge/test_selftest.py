"""The oracles hold here, and would say so if they did not."""

import json

import pytest
import torch

from visavis.judge import selftest as module
from visavis.judge.selftest import Check, selftest


def test_every_oracle_holds() -> None:
    rows = selftest()
    assert len(rows) >= 40
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        assert list(row) == ["name", "expected", "measured", "tolerance", "ok"]
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize("measured", [1.2, 0.8, float("nan"), float("inf")])
def test_a_wrong_figure_is_told(measured: float) -> None:
    assert Check("x", 1.0, measured, 0.1).row()["ok"] is False
    assert Check("x", 1.0, 1.05, 0.1).row()["ok"] is True


def test_a_broken_metric_fails_its_oracles(monkeypatch: pytest.MonkeyPatch) -> None:
    right = module.frechet_distance
    monkeypatch.setattr(
        module, "frechet_distance", lambda a, b: right(a, b)._replace(value=1.3 * right(a, b).value)
    )
    wrong = [check.row() for check in module.frechet_oracles()]
    assert sum(not row["ok"] for row in wrong) >= 4
    monkeypatch.setattr(module, "among", lambda x, k: module.Moments)  # not reached by the rest
    monkeypatch.setattr(module, "mse", lambda x, y: torch.zeros(1))
    assert any(not check.row()["ok"] for check in module.image_oracles())
