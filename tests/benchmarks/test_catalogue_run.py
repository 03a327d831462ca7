"""The catalogue's run: lengths in processor time, several representations, rows that fail or stand."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from visavis.data import DataConfig, load
from visavis.metrics.features import load_extractor

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("catalogue")
    for name in ("catalogue", "command", "tables"):
        sys.modules.pop(name, None)


def evaluation(module: Any) -> dict[str, Any]:
    """As `visavis evaluate` gives it; each figure is another number."""

    def figures(name: str, at: int) -> dict[str, Any]:
        parts = {f"{each}_{name}": {"value": at + k, "interval": [at, at + 9], "null": 0.5, "why": None}
                 for k, each in enumerate(("fd", "kd", "swd"))}  # fmt: skip
        return parts | {"record": {"features_sha256": f"hash {at}"}}

    first, *others = module.REPRESENTATIONS.values()
    more = {name: figures(name, 10 * (k + 1)) for k, name in enumerate(others)}
    whole = {"quality": {"value": 50.0, "interval": [40.0, 60.0]}, "recall": {"value": 0.5, "null": 0.9}}
    return whole | figures(first, 0) | {"other_features": more}


def test_a_row_has_each_distance_in_each_representation(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(module, "visavis", lambda *words: told.append(words) or evaluation(module))
    row = module.judged("stylegan2-mnist", Path("run"))
    assert told[0][told[0].index("--features") + 1] == ",".join(module.REPRESENTATIONS.values())
    assert told[0][-2:] == ("--resize", "bicubic-pil"), "it makes 32×32"
    assert (
        row["fd_mnistr"] == {"value": 0, "interval": [0, 9], "null": 0.5} == row["features"]["mnistr"]["fd"]
    )
    assert list(row["features"]) == ["mnistr", "digitsr", "cifar10r", "cifar10s", "untrained", "pixels"]
    assert row["features"]["pixels"] == {
        "fd": {"value": 50, "interval": [50, 59], "null": 0.5},
        "kd": {"value": 51, "interval": [50, 59], "null": 0.5},
        "swd": {"value": 52, "interval": [50, 59], "null": 0.5},
        "sha256": "hash 50",
    }


def test_lengths_follow_the_time_of_an_image(module: Any) -> None:
    assert module.images_in(600, lambda seen: 0.01, None) == 60_000
    told: list[int] = []

    def slower(seen: int) -> float:
        told.append(seen)
        return 0.001 if seen < 8_000 else 0.004

    assert module.images_in(30, slower, 8_000) == 8_000 + 5_500  # 8 s, and 22 of the 32 s of the second stage
    assert told == [4_000, 12_000], "a stage's time is that of its middle"


def test_a_recipe_is_timed_on_its_own_processor_time(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0, 12.0])  # the warm-up took 9, the four steps of 64 images 3
    monkeypatch.setattr(module.time, "process_time", lambda: next(clock))
    assert module.length("mlp-gan-mnist", 30) == 30 * (4 * 64) // 3


def test_a_failure_is_a_row_and_what_was_known_stays(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = {"images": 64, "seconds": 1.0, "images_per_second": 64.0, "guard": {"variety": 0.5}}

    def command(*words: object) -> dict[str, Any]:
        if words[0] == "evaluate":
            raise RuntimeError("no figures today")
        return trained

    monkeypatch.setattr(module, "visavis", command)
    row = module.measured("dcgan-mnist", 64, Path("run"), Path("sheets"))
    assert (row["failed"], row["images"], row["variety"]) == ("no figures today", 64, 0.5)


def test_it_goes_on_where_it_was_stopped(
    module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, done = tmp_path / "found.json", []

    def measured(name: str, images: int, run: Path, sheets: Path) -> dict[str, Any]:
        done.append((name, images))
        if name == "lsgan-mnist" and len(done) == 3:
            raise KeyboardInterrupt
        return {"recipe": name} | ({"failed": "nan"} if name == "dcgan-mnist" else {})

    def start(seconds: int, *names: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["", *names, "--seconds", str(seconds), "--out", str(out)])
        module.main()
        return [row["recipe"] for row in json.loads(out.read_text())["rows"]]

    monkeypatch.setattr(module, "measured", measured)
    monkeypatch.setattr(module, "lengths", lambda names, seconds: dict.fromkeys(names, 10 * int(seconds)))
    three = ("dcgan-mnist", "mlp-gan-mnist", "lsgan-mnist")
    with pytest.raises(KeyboardInterrupt):
        start(6, *three)
    assert done == [("dcgan-mnist", 60), ("mlp-gan-mnist", 60), ("lsgan-mnist", 60)]
    monkeypatch.setattr(module, "lengths", lambda names, seconds: dict.fromkeys(names, 7))
    assert start(6, "lsgan-mnist") == list(three)
    assert done[3:] == [("lsgan-mnist", 60)], "the length that was told before the stop"
    assert start(6, *three) == ["mlp-gan-mnist", "lsgan-mnist", "dcgan-mnist"], "a named failure, once more"
    assert done[4:] == [("dcgan-mnist", 60)]
    assert start(8, "lsgan-mnist") == ["mlp-gan-mnist", "dcgan-mnist", "lsgan-mnist"]
    rows = json.loads(out.read_text())["rows"]
    assert [row.get("record", {}).get("seconds") for row in rows] == [6, 6, None], "of another length"
    start(8, "mlp-gan-mnist")
    assert done[-1] == ("mlp-gan-mnist", 7), "which is no row of this one"


def test_own_representations_are_what_they_say() -> None:
    digits = torch.from_numpy(load(DataConfig(source="mnist-10k")).images[:32].copy())
    plain, untrained, other = (
        load_extractor(f"{BENCHMARKS / 'representations.py'}:{name}")
        for name in ("pixels", "untrained", "otherdigits")
    )
    grey = digits[..., 0].float() / 127.5 - 1
    assert_close(plain(digits).vectors, grey.reshape(32, 14, 2, 14, 2).mean((2, 4)).flatten(1))
    assert untrained(digits).vectors.shape == (32, 128)
    assert untrained.sha256[:8] == "5fb3adf3", "the same weights wherever they are drawn"
    assert other(digits).vectors.shape == (32, 64) and len(other.classes) == 10
    torch.testing.assert_close(plain(digits.flip(0)).vectors.flip(0), plain(digits).vectors)
