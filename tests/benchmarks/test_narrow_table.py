"""The table of the narrow bench says what rows say, and is bold only where an interval leaves out 1."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

RECORD = {
    "images": 1000,
    "batch": 128,
    "penalty": 0.05,
    "penalty_every": 4,
    "samples": 100,
    "processor": "p",
    "torch": "t",
    "date": "d",
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("narrow_table")
    for name in ("narrow_table", "claims_table", "claims", "tables"):
        sys.modules.pop(name, None)


def rows(game: str, kls: list[float]) -> list[dict[str, Any]]:
    shared = {"game": game, "width": 4, "modes": 900, "fd_digitsr": 2.0}
    return [{**shared, "seed": seed, "kl": kl} for seed, kl in enumerate(kls)]


def test_ratios_are_paired_by_seed_and_bold_where_they_are_clear(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = rows("single", [1.0, 2.0, 4.0]) + rows("half", [0.5, 1.0, 2.0]) + rows("noisy", [2.0, 1.0, 4.0])
    found[3], found[5] = found[5], found[3]  # the order of the file must not matter
    failed = {"game": "broken", "width": 4, "seed": 0, "images": 3, "failed": "a loss is nan"}
    monkeypatch.setattr(
        module,
        "results",
        lambda name: {"record": RECORD, "untrained": rows("", [6.0]), "rows": [*found, failed]},
    )
    lines = module.narrow().splitlines()
    assert lines[2] == "| 4 | single | 900 | 2.33 | 2.0 |  |  |"
    assert lines[3].startswith("| 4 | half | 900 | 1.17 | 2.0 | **0.50 (0.50 to 0.50)** |")
    half = 4.303 * 0.6931 / 3**0.5  # logs of 2, 1/2, 1: mean 0, deviation log 2
    assert f"| 1.00 ({2.71828**-half:.2f} to {2.71828**half:.2f}) |" in lines[4]
    assert lines[5].startswith("| 4 | broken (1 of 1 diverged, 1 seed) |")
    assert lines[6] == "|  | none: G as it begins (1 seed) | 900 | 6.00 | 2.0 |  |  |"
    assert "seeds 0, 1, 2" in lines[-1]
