"""Your own pictures: one command from a folder to a sheet, a score and a page; what is no use is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import Cli, assert_same_run

from visavis.recipes import get
from visavis.recipes.recipe import Recipe, override
from visavis.recipes.sizes import Plan
from visavis.runs.planning import planned, too_few
from visavis.runs.session import Options

SMALL = {"networks.G.widest": "8", "networks.D.branch.widest": "8", "batch_size": "8"}
QUICK = [word for path, text in SMALL.items() for word in (f"--{path}", text)]


def photos(folder: Path, n: int = 120, side: int = 18, classes: tuple[str, ...] = ("",)) -> Path:
    """Pictures of a bright square somewhere on a coloured ground, a little wider than high."""
    random = np.random.default_rng(0)
    for i in range(n):
        place = folder / classes[i % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.full((side, side + 4, 3), random.integers(0, 256, 3), np.uint8)
        row, column = random.integers(0, side - 5, 2)
        pixels[row : row + 6, column : column + 6] = random.integers(0, 256, 3)
        Image.fromarray(pixels).save(place / f"{i}.png")
    return folder


def recorded(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "recipe.json").read_text())["recipe"]
    return found


def test_from_a_folder_to_a_sheet_a_score_and_a_page(cli: Cli, tmp_path: Path) -> None:
    data, run = photos(tmp_path / "photos"), tmp_path / "run"
    done = cli("train", "images", "--data", data, "--size", "tiny", "--images", 32, *QUICK, "--out", run)
    assert done.status == 0, done.err
    found = recorded(run)
    facts = found["plan"]["facts"]
    assert (facts["images"], facts["resolution"], facts["classes"]) == (120, 16, {})
    assert found["objective"]["r1"] == pytest.approx(1e-4 * facts["spread"], rel=0.01)
    assert found["objective"]["augment"]["target"] == 0.6
    assert found["images"] == found["adam"]["G"]["lr"]["images"] == 32, "rates fall over what is asked for"
    assert found["networks"]["G"]["widest"] == 8, "what was given stays"
    assert "120 pictures at 16x16; as one class; size tiny" in done.err
    assert "take about" in done.err and "are too few for size tiny" in done.err
    for file in ("samples/000000000032.png", "evaluation.json", "report.html", "best.safetensors"):
        assert (run / file).exists(), file
    assert "score kd_cifar10r " in done.out and "coverage" in done.out and "page " in done.out
    assert "score copies: " in done.out and "(of real ones " in done.out
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"fd_cifar10r", "authenticity", "authenticity_of_real"} <= rows[-1].keys()


def test_the_same_command_goes_on_bit_for_bit_and_keeps_what_was_settled(cli: Cli, tmp_path: Path) -> None:
    data = photos(tmp_path / "photos")
    words = ["train", "images", "--size", "tiny", "--images", 32, *QUICK, "--judged", "false"]
    words += ["--watch.every", 999, "--snapshot-every", 999]
    straight, again = tmp_path / "straight", tmp_path / "again"
    assert cli(*words, "--data", data, "--out", straight, "--checkpoint-every", 8).status == 0
    shutil.copytree(straight, again)
    (again / "checkpoint.safetensors").unlink()  # as if it had been killed before its last one
    moved = data.rename(tmp_path / "moved")
    gone_on = cli(*words, "--data", moved, "--out", again)
    assert gone_on.status == 0, gone_on.err
    assert "going on" in gone_on.err and "take about" not in gone_on.err
    assert_same_run(straight, again)


def plan_for(data: Path, changes: dict[str, str], **length: Any) -> Recipe:
    """What a run would begin with."""
    asked = override(get("images"), {"data.source": str(data), **SMALL, **changes})
    return planned(asked, Options(data.parent / "none", **length), torch.device("cpu"))


def test_time_becomes_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = photos(tmp_path / "photos")
    with caplog.at_level("INFO", logger="visavis"):
        few, many = (plan_for(data, {}, seconds=seconds) for seconds in (0.5, 500.0))
    assert few.images < 10_000 < many.images
    assert few.adam["G"].lr.images == few.images  # type: ignore[union-attr]
    assert "too few for size small" in caplog.text and "--size tiny" in caplog.text


def test_class_folders_are_classes_unless_they_are_to_be_one(tmp_path: Path) -> None:
    two = photos(tmp_path / "two", classes=("cat", "dog"))
    found = plan_for(two, {}, images=8)
    assert found.plan is not None and found.plan.facts is not None
    assert found.conditional and found.plan.facts.classes == {"cat": 60, "dog": 60}
    nine = photos(tmp_path / "nine", classes=tuple("abcdefghi"))
    assert not plan_for(nine, {"conditional": "false"}, images=8).conditional


def test_what_would_be_enough_is_told_in_minutes_where_the_rate_is_known() -> None:
    told = too_few(Plan(), 3_000, rate=10.0)
    assert told == (
        "3k images are too few for size small, which is made for 200k and wants 40k at least; give "
        "--time 67m, or --size tiny"
    )
    assert too_few(Plan(size="tiny"), 3_000, None).endswith("give --images 10000")


@pytest.mark.parametrize(
    ("pictures", "words", "told"),
    [
        ({"n": 99}, (), "has 99 pictures (allowed: 100 and more)"),
        ({"side": 12}, (), "pictures of 12 pixels (allowed: 16 and more)"),
        ({}, ("--resolution", 8), "resolution 8 (allowed: 16 to 256)"),
        ({}, ("--resolution", 300), "resolution 300 (allowed: 16 to 256)"),
        ({}, ("--resolution", 17), "resolution 17 is no doubling"),
        ({"classes": tuple("abcdefghi")}, (), "class 'd' has 13 pictures (allowed: 20 and more)"),
        ({}, ("--size", "huge"), "plan.size"),
    ],
)
def test_what_is_no_use_is_refused_in_one_line(
    pictures: dict[str, Any], words: tuple[object, ...], told: str, cli: Cli, tmp_path: Path
) -> None:
    data, run = photos(tmp_path / "photos", **pictures), tmp_path / "run"
    done = cli("train", "images", "--data", data, *words, "--images", 16, "--out", run)
    assert (done.status, done.err.count("\n")) == (2, 1) and told in done.err, done.err
    assert not run.exists()


def test_no_pictures_are_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    same = tmp_path / "same"
    same.mkdir()
    for i in range(100):
        Image.new("RGB", (16, 16), "red").save(same / f"{i}.png")
    for words, told in (
        ((), "give --data FOLDER"),
        (("--data", tmp_path / "empty"), "no images in folder"),
        (("--data", tmp_path / "none"), "no file or folder"),
        (("--data", same), "are all the same"),
    ):
        done = cli("train", "images", *words, "--out", tmp_path / "run")
        assert (done.status, done.err.count("\n")) == (2, 1) and told in done.err, done.err
