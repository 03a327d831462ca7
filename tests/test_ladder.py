"""The ladder: a line a recipe, modes counted on the way, lines that do not compare kept apart."""

from pathlib import Path

import pytest
import torch

from visavis.bench.ladder import RUNGS, Ladder, at_side, climb, in_words, on_rung
from visavis.errors import UserError
from visavis.files import read_json
from visavis.recipes import get


def short(out: Path, **fields: object) -> Ladder:
    known = {"recipes": ("stacked-digits",), "on": "stacked-digits", "seconds": 0.4, "looks": 2}
    return Ladder(**{**known, "samples": 300, "quality": False, "out": out, **fields})  # type: ignore[arg-type]


def test_a_line_counts_on_the_way_and_the_untrained_generator_is_the_null(tmp_path: Path) -> None:
    out = tmp_path / "ladder.json"
    found = climb(short(out, recipes=("stacked-digits", "vae-faces")))
    line, other, null = found["rows"]
    assert [look["images"] for look in line["curve"]] == sorted({look["images"] for look in line["curve"]})
    assert len(line["curve"]) == 2 and line["images"] == line["curve"][-1]["images"] > null["images"]
    assert 0.4 <= line["seconds"] < 5 and 0 < line["modes"] <= 300 and line["kl"] > 1
    assert line["seconds_to_all_modes"] is line["seconds_to_kl"] is None
    assert "does not generate" in other["failed"]
    assert null["recipe"] == "untrained stacked-digits"
    assert f"stacked-digits (seed 0): {line['modes']} modes" in in_words(found)
    again = climb(short(out, seeds=(1,)))
    assert [(row["recipe"], row["seed"]) for row in again["rows"]] == [
        *(("stacked-digits", 0), ("vae-faces", 0), ("untrained stacked-digits", 0)),
        *(("stacked-digits", 1), ("untrained stacked-digits", 1)),
    ]
    with pytest.raises(UserError, match=r"rows with seconds = 0.4, and these have 0.3: they do not compare"):
        climb(short(out, seconds=0.3))
    with pytest.raises(UserError, match=r"rows with looks = 2"):
        climb(short(out, looks=3))
    assert read_json(out)["stacked-digits"]["rows"] == again["rows"]


def test_all_modes_and_an_even_spread_are_told_at_the_look_that_saw_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from visavis.bench import ladder

    counted = iter([{"modes": 1000, "kl": 0.3}, {"modes": 1000, "kl": 0.09}, {"modes": 5, "kl": 6.0}])
    monkeypatch.setitem(ladder.METRICS, "stacked-modes", lambda pixels: next(counted))
    (line, _) = climb(short(tmp_path / "ladder.json"))["rows"]
    assert line["seconds_to_all_modes"] == line["curve"][0]["seconds"] < line["seconds_to_kl"]
    assert line["seconds_to_kl"] == line["curve"][1]["seconds"]


def test_a_conditional_recipe_climbs_without_classes() -> None:
    assert get("mnist").conditional
    recipe = on_rung(get("mnist"), RUNGS["stacked-mnist"])
    assert not isinstance(recipe, str) and not recipe.conditional
    assert recipe.data.source == "stacked-mnist-10k" and recipe.metrics == ()


def test_images_of_a_network_that_wants_another_side_are_counted_at_the_classifiers() -> None:
    images = torch.arange(4 * 4, dtype=torch.uint8).reshape(1, 4, 4, 1)
    assert at_side(images, 2)[0, :, :, 0].tolist() == [[2, 4], [10, 12]]  # 2.5, 4.5, … to the even one
    assert at_side(images, 4) is images


def test_no_such_rung(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown ladder 'cifar'"):
        climb(short(tmp_path / "x.json", on="cifar"))
