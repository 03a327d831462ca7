"""Precision: settled by the hardware at the start, recorded, kept on resume; told in one line."""

import json
from pathlib import Path

import pytest
import torch
from tiny import TINY, Cli

from visavis.recipes import RECIPES, get
from visavis.runs import settle

CPU = torch.device("cpu")
AUTO = ["train", "vae-digits", "--batch-size", "8", "--tick", "16", "--metrics", "", "--device", "cpu"]
AUTO += ["--precision", "auto", "--networks.E.widths", "8,8", "--networks.G.widths", "8,8"]


def hardware(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    for ability in ("multiplies_bf16", "gains_by_bf16"):
        monkeypatch.setattr(settle, ability, lambda device: has)


def recorded(run: Path) -> str:
    return json.loads((run / "recipe.json").read_text())["recipe"]["precision"]


def notes(err: str) -> list[str]:
    return [line for line in err.splitlines() if "precision" in line]


@pytest.mark.parametrize(("has", "precision"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_what_the_hardware_multiplies(
    has: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware(monkeypatch, has)
    asks = [name for name in RECIPES if get(name).precision == "auto"]
    assert len(asks) >= 12 and not any(get(name).precision == "bf16" for name in RECIPES)
    for name in asks:
        assert settle.settled(get(name), None, CPU).precision == precision
    assert settle.settled(get("digits"), None, CPU).precision == "fp32", "this one asks for fp32"


def test_hardware_that_multiplies_bf16_without_gaining_by_it_trains_in_fp32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hardware(monkeypatch, True)
    monkeypatch.setattr(settle, "gains_by_bf16", lambda device: False)
    asked = get("vae-faces")
    recipe = settle.settled(asked, None, CPU)
    assert recipe.precision == "fp32"
    told = settle.said_of_precision(asked, recipe, CPU)
    assert told == "precision fp32 (auto: this processor gains nothing by bf16)"
    in_bf16 = asked.model_copy(update={"precision": "bf16"})
    assert settle.said_of_precision(in_bf16, in_bf16, CPU) is None, "as asked, and not emulated"


def test_a_run_records_it_and_keeps_it_whatever_it_is_resumed_on(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    hardware(monkeypatch, False)
    begun = cli(*AUTO, "--images", 16, "--out", run)
    assert begun.status == 0 and recorded(run) == "fp32"
    (line,) = notes(begun.err)
    assert line == "visavis: precision fp32 (auto: this processor has no bf16 arithmetic)"
    hardware(monkeypatch, True)
    gone_on = cli(*AUTO, "--images", 32, "--out", run)
    assert gone_on.status == 0 and recorded(run) == "fp32", gone_on.err
    assert notes(gone_on.err) == ["visavis: precision fp32 (as this run was begun)"]
    refused = cli(*AUTO, "--precision", "bf16", "--images", 48, "--out", run)
    assert refused.status == 2 and "precision" in refused.err and refused.err.count("\n") == 1


def test_a_run_in_bf16_goes_on_in_it_where_it_is_emulated_and_is_warned_of(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    hardware(monkeypatch, True)
    assert cli(*AUTO, "--images", 8, "--out", run).status == 0 and recorded(run) == "bf16"
    hardware(monkeypatch, False)
    for asked in ("auto", "bf16"):
        gone_on = cli(*AUTO, "--precision", asked, "--images", 16 if asked == "auto" else 24, "--out", run)
        assert gone_on.status == 0 and recorded(run) == "bf16"
        (line,) = notes(gone_on.err)
        assert "emulates" in line and "fp32" in line
    fresh = cli(*AUTO, "--images", 8, "--fresh", "--out", run)
    assert fresh.status == 0 and recorded(run) == "fp32", "a fresh start forgets the old run's"


def test_a_dry_run_says_it_too(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    hardware(monkeypatch, False)
    found = cli(*AUTO, "--out", tmp_path / "run", "--dry-run", "--json")
    assert found.status == 0 and found.json["precision"] == "fp32"
    assert len(notes(found.err)) == 1


def test_recipes_in_fp32_say_nothing(tmp_path: Path, cli: Cli) -> None:
    done = cli("train", "digits", *TINY, "--images", 8, "--out", tmp_path / "run")
    assert done.status == 0 and notes(done.err) == []
