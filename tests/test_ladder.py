"""The ladder: a line a recipe, modes counted on the way, lines that do not compare kept apart."""

from pathlib import Path

import pytest
import torch
from tiny import Cli

from visavis.bench import ladder
from visavis.bench.ladder import RUNGS, Ladder, at_side, climb, in_words, on_rung
from visavis.bench.rows import Row
from visavis.errors import UserError
from visavis.files import read_json
from visavis.recipes import RECIPES, get
from visavis.recipes.recipe import Recipe
from visavis.training.loop import Diverged


def short(out: Path, **fields: object) -> Ladder:
    known = {"recipes": ("stacked-digits",), "on": "stacked-digits", "seconds": 0.4, "looks": 2}
    return Ladder(**{**known, "samples": 300, "quality": False, "out": out, **fields})  # type: ignore[arg-type]


def test_a_line_counts_on_the_way_and_the_untrained_generator_is_the_null(tmp_path: Path) -> None:
    """One step may take all of the time on a loaded machine: the clock is asked for its floor alone."""
    out = tmp_path / "ladder.json"
    found = climb(short(out))
    line, null = found["rows"]
    first, last = line["curve"]
    assert first["images"] <= last["images"] == line["images"] and null["images"] == 32 <= line["images"]
    assert 0.2 <= first["seconds"] <= last["seconds"] == line["seconds"] and line["seconds"] >= 0.4
    assert 0 < line["modes"] <= 300 and line["kl"] > 1
    assert line["seconds_to_all_modes"] is line["seconds_to_kl"] is None
    assert null["recipe"] == "untrained stacked-digits" and "curve" not in null
    assert f"stacked-digits (seed 0): {line['modes']} modes" in in_words(found)
    assert read_json(out)["stacked-digits"]["rows"] == found["rows"]


class Steps:
    """Stands for the training of a part: as many images as asked seconds, and scores in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *scores: tuple[int, float]) -> None:
        self.scores, self.trained = iter(scores), 0
        monkeypatch.setattr(ladder, "_part", self)

    def __call__(self, recipe: Recipe, *_: object, seconds: float = 0, images: int = 0) -> Row:
        self.trained += 1
        modes, kl = next(self.scores, (5, 6.0))
        seen = {"seconds": seconds, "images": images or int(1000 * seconds), "images_per_second": 1000.0}
        return seen | {"modes": modes, "kl": kl}


def test_lines_of_other_seeds_are_added_and_other_budgets_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, steps = tmp_path / "ladder.json", Steps(monkeypatch)
    climb(short(out))
    again = climb(short(out, seeds=(1,)))
    assert [(row["recipe"], row["seed"]) for row in again["rows"]] == [
        *(("stacked-digits", 0), ("untrained stacked-digits", 0)),
        *(("stacked-digits", 1), ("untrained stacked-digits", 1)),
    ]
    assert steps.trained == 6
    with pytest.raises(UserError, match=r"rows with seconds = 0.4, and these have 0.3: they do not compare"):
        climb(short(out, seconds=0.3))
    with pytest.raises(UserError, match=r"rows with looks = 2"):
        climb(short(out, looks=3))
    assert steps.trained == 6
    assert read_json(out)["stacked-digits"]["rows"] == again["rows"]


def test_all_modes_and_an_even_spread_are_told_at_the_look_that_saw_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Steps(monkeypatch, (1000, 0.3), (1000, 0.09))
    (line, _) = climb(short(tmp_path / "ladder.json"))["rows"]
    assert [look["seconds"] for look in line["curve"]] == [0.2, 0.4]
    assert (line["seconds_to_all_modes"], line["seconds_to_kl"]) == (0.2, 0.4)


def test_a_named_recipe_that_cannot_climb_is_refused_in_one_line_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    steps = Steps(monkeypatch)
    for name, why in (("vae-digits", "does not generate"), ("sagan-mnist", "attention at 14×14")):
        given = ("--recipes", f"stacked-digits,{name}", "--on", "stacked-digits", "--seconds", "1")
        done = cli("bench", "ladder", *given, "--out", tmp_path / "x.json")
        assert done.status == 2 and done.err.count("\n") == 1
        assert f"recipe '{name}' cannot climb 'stacked-digits'" in done.err and why in done.err
    assert steps.trained == 0 and not (tmp_path / "x.json").exists()


def test_a_recipe_that_fails_in_training_stays_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(*_: object, **__: object) -> None:
        raise Diverged("loss/D is nan after 64 images")

    monkeypatch.setattr(ladder, "_part", diverges)
    found = climb(short(tmp_path / "x.json"))
    assert [row["failed"] for row in found["rows"]] == ["loss/D is nan after 64 images"] * 2
    assert "stacked-digits: loss/D is nan" in in_words(found)


def test_all_generating_recipes_that_reach_8_pixels_climb_and_the_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Steps(monkeypatch)
    found = climb(short(tmp_path / "ladder.json", recipes=()))
    climbed = {row["recipe"] for row in found["rows"]}
    assert {"stacked-digits", "dcgan-mnist", "stylegan2-mnist", "r3gan-mnist"} < climbed
    assert "attention at 14×14" in found["left_out"]["sagan-mnist"]
    assert not climbed & found["left_out"].keys()
    of_digits = {name for name in RECIPES if name.endswith(("mnist", "-digits"))}
    generate = {name for name in of_digits if get(name).task == "generate"}
    assert climbed - {"untrained mnist"} | found["left_out"].keys() == generate
    assert "left out sagan-mnist: attention" in in_words(found)


def test_networks_take_8_pixels_where_they_can_and_else_keep_their_own() -> None:
    rung = RUNGS["stacked-digits"]
    small, large = on_rung(get("stylegan2-mnist"), rung), on_rung(get("siamese-catsdogs"), rung)
    assert isinstance(small, Recipe) and small.data.resolution is None
    assert isinstance(large, Recipe) and large.data.resolution == 32
    kept = on_rung(get("stylegan2-mnist"), RUNGS["stacked-mnist"])
    assert isinstance(kept, Recipe) and kept.data.resolution == 32
    watched = on_rung(get("stabilised-mnist"), rung)
    assert isinstance(watched, Recipe) and watched.watch.every is None


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
