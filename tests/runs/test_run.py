"""What a run leaves on disk: logs, pictures, snapshots; and how its parts are put together."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import NETWORKS, TINY, Cli, rows

import visavis
from visavis import api, recipes
from visavis.core import Shape
from visavis.data import load_images
from visavis.errors import UserError
from visavis.models import snapshot
from visavis.recipes.recipe import Recipe
from visavis.runs import saving, session
from visavis.runs.build import build_networks, build_state


def test_the_files_of_a_run(digits_run: Path) -> None:
    assert {path.name for path in digits_run.iterdir()} == {
        *("recipe.json", "stats.jsonl", "metrics.csv", "metrics.jsonl", "real.png", "samples", "snapshots"),
        *("checkpoint.safetensors", "checkpoint-previous.safetensors", "curves.png", "tensorboard"),
    }
    assert [path.name for path in sorted((digits_run / "samples").iterdir())] == [
        "000000000000.png",
        "000000000064.png",
    ]
    assert [path.stem for path in snapshot.snapshots(digits_run)] == ["000000000064"]
    assert any((digits_run / "tensorboard").glob("events.out.tfevents.*"))
    grids = [Image.open(digits_run / name).size for name in ("real.png", "samples/000000000064.png")]
    assert min(grids[0]) >= 8 * 8 and grids[1][0] > grids[1][1] >= 10 * 8, "a row a class, real ones beside"


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """At how many images the curves are drawn, from now on."""
    found: list[int] = []
    monkeypatch.setattr(saving, "plot_curves", lambda rows, path, **_: found.append(rows[-1]["images"]))
    return found


@pytest.mark.usefixtures("real_curves")
def test_a_run_draws_its_curves(tmp_path: Path, cli: Cli) -> None:
    assert (
        cli("train", "digits", *TINY, "--images", 32, "--metrics", "", "--out", tmp_path / "run").status == 0
    )
    assert Image.open(tmp_path / "run/curves.png").size[0] == 1600


def test_curves_are_drawn_at_the_end_and_on_the_way_where_it_is_long(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ["train", "digits", *TINY, "--snapshot-every", 32, "--metrics", "", "--images", 96, "--out"]
    found = drawn(monkeypatch)
    assert cli(*train, tmp_path / "short").status == 0
    assert found == [96]
    monkeypatch.setattr(saving, "CURVES_SECONDS", 0.0)
    assert cli(*train, tmp_path / "long").status == 0
    assert found[1:] == [32, 64, 96]


def test_the_log_of_a_run(digits_run: Path) -> None:
    assert [row["images"] for row in rows(digits_run)] == [16, 32, 48, 64]
    lines = map(json.loads, (digits_run / "stats.jsonl").read_text().splitlines())
    for row in (line for line in lines if "event" not in line):
        names = ["loss/D", "loss/G", "accuracy/unlike", "grad_norm/D", "grad_norm/G", "penalty/r1", "seconds"]
        assert all(np.isfinite(row[name]) for name in names)
        assert 0 <= row["accuracy/unlike"] <= 1
        assert row["images_per_second"] > 0 and row["grad_norm/D"] > 0
    with (digits_run / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [int(row["images"]) for row in table] == [16, 32, 48, 64]
    assert [float(row["loss/D"]) for row in table] == [row["loss/D"] for row in rows(digits_run)]


def test_the_recipe_file_is_enough_to_make_the_recipe(digits_run: Path) -> None:
    described = json.loads((digits_run / "recipe.json").read_text())
    recipe = Recipe.model_validate(described["recipe"])
    assert recipe.batch_size == 8 and recipe.name == "digits"
    assert described["data"]["images"] == 1438 and described["version"] == visavis.__version__
    assert described["data"]["classes"] == [str(i) for i in range(10)]


def test_metrics_are_taken_of_the_last_weights(digits_run: Path) -> None:
    (row,) = map(json.loads, (digits_run / "metrics.jsonl").read_text().splitlines())
    assert row["images"] == 64 and row["samples"] == 32 and row["weights"] == "ema"
    assert 1 <= row["digit-modes/modes"] <= 10


def test_old_snapshots_go_and_other_files_stay(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "run"
    command = ["train", "digits", *TINY, "--snapshot-every", 24, "--tick", 8, "--keep-snapshots", 2]
    command += ["--metrics", "", "--out", path]
    assert cli(*command, "--images", 24).status == 0
    (path / "snapshots" / "mine.safetensors").write_text("")
    assert cli(*command, "--images", 72).status == 0
    assert sorted(file.stem for file in (path / "snapshots").iterdir()) == [
        "000000000048",
        "000000000072",
        "mine",
    ]
    assert snapshot.find_snapshot(path).stem == "000000000072"


def test_snapshots_and_grids_of_after_the_checkpoint_are_cut_back(digits_run: Path, cli: Cli) -> None:
    """They would count as the newest."""
    for name in ("snapshots/000000000128.safetensors", "samples/000000000128.png"):
        (digits_run / name).write_bytes(b"of a time that is no more")
    assert cli("train", "digits", *TINY, "--images", 80, "--metrics", "", "--out", digits_run).status == 0
    assert snapshot.find_snapshot(digits_run).stem == "000000000080"
    assert not (digits_run / "samples" / "000000000128.png").exists()


def test_fresh_leaves_what_is_not_the_runs(digits_run: Path, cli: Cli) -> None:
    mine = [digits_run / "snapshots/my-best.safetensors", digits_run / "samples/7.png", digits_run / "note"]
    for path in mine:
        path.write_bytes(b"mine")
    command = ["train", "digits", *TINY, "--images", 32, "--metrics", "", "--out", digits_run, "--fresh"]
    assert cli(*command).status == 0
    assert all(path.read_bytes() == b"mine" for path in mine)
    assert [path.stem for path in snapshot.snapshots(digits_run)] == ["000000000032"]


def test_a_run_that_stands_there_names_its_recipe(digits_run: Path, cli: Cli) -> None:
    """What an error advises, ``visavis train --out RUN``, works for a run of any recipe and fields."""
    for file in (digits_run / "snapshots").iterdir():
        file.unlink()
    advice = cli("sample", digits_run).err
    assert f"visavis train --out {digits_run}" in advice
    done = cli(*advice.split("visavis ")[-1].split(), "--images", 72, "--metrics", "", "--device", "cpu")
    assert done.status == 0 and snapshot.find_snapshot(digits_run).stem == "000000000072"


def test_training_from_python(tmp_path: Path) -> None:
    fields = {"networks__G__widths": (8, 8), "networks__D__branch__widths": [8, 8], "metrics": ()}
    result = api.train("digits", tmp_path / "run", images=16, device="cpu", batch_size=8, lr=1e-4, **fields)
    assert result["images"] == 16 and result["metrics"] == {} and Path(result["snapshot"]).is_file()
    adam = json.loads((tmp_path / "run" / "recipe.json").read_text())["recipe"]["adam"]
    assert adam["G"]["lr"] == adam["D"]["lr"] == 1e-4
    assert len(visavis.load(tmp_path / "run").sample(3)) == 3
    with pytest.raises(UserError, match="did you mean 'batch_size'"):
        api.train("digits", tmp_path / "other", batch_sise=8)
    assert not (tmp_path / "other").exists()


def test_how_long_a_run_is() -> None:
    recipe = recipes.get("digits")
    data = load_images(recipe.data)
    out = Path("runs")
    for options, images in [
        (session.Options(out), recipe.images),
        (session.Options(out, images=5), 5),
        (session.Options(out, epochs=3), 3 * 1438),
        (session.Options(out, seconds=60), None),
        (session.Options(out, images=5, seconds=60), 5),
    ]:
        assert session.total_images(recipe, options, data) == images


def test_fresh_weights_depend_on_the_seed_and_the_network_alone() -> None:
    base = recipes.get("stacked-digits")
    one, two = (build_networks(base, Shape(3, 8), 0) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one["G"].parameters(), two["G"].parameters(), strict=True))
    other = build_networks(base.model_copy(update={"seed": 1}), Shape(3, 8), 0)
    assert not torch.equal(next(one["G"].parameters()), next(other["G"].parameters()))
    smaller = base.model_copy(
        update={"networks": {**base.networks, "D": base.networks["D"].model_copy(update={"hidden": (4,)})}}
    )
    again = build_networks(smaller, Shape(3, 8), 0)
    assert all(torch.equal(a, b) for a, b in zip(one["G"].parameters(), again["G"].parameters(), strict=True))


def test_every_recipe_counts_the_parameters_that_it_builds() -> None:
    from visavis.recipes.table import describe_all

    rows = {row["name"]: row for row in describe_all()}
    assert rows.keys() == recipes.RECIPES.keys()
    recipe = recipes.get("digits")
    state = build_state(recipe, load_images(recipe.data), torch.device("cpu"))
    built = {name: sum(p.numel() for p in state.nets[name].parameters()) for name in ("G", "D")}
    assert rows["digits"]["parameters"] == built


def test_a_dry_run_writes_nothing(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("train", "digits", *NETWORKS, "--batch-size", 8, "--epochs", 2, "--dry-run", "--json")
    assert done.status == 0 and done.json["images"] == 2 * 1438
    assert done.json["images_per_second"] > 0 and done.json["memory_bytes"] > 1e6
    assert done.json["threads"] == 1 and 0 < done.json["share_of_peak"] < 1
    assert done.json["gigaflop_per_image"] > 0
    assert done.json["estimated_seconds"] >= 0 and done.json["parameters"].keys() == {"G", "D"}
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_the_peak_of_bf16_where_it_is_emulated(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("visavis.runs.dryrun.peaks", lambda device: {"fp32_tflops": 0.5})
    fields = ("--batch-size", 8, "--precision", "bf16", "--device", "cpu", "--dry-run", "--json")
    done = cli("train", "digits", *NETWORKS, *fields)
    assert done.status == 0 and (done.json["precision"], done.json["peak_tflops"]) == ("bf16", 0.5)


def test_a_dry_run_refuses_what_training_refuses(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("")
    for bad in (
        ["--out", tmp_path / "full"],
        ["--out", tmp_path / "file" / "run"],
        ["--out", digits_run, "--lr", "1e-2"],
        ["--out", tmp_path / "new", "--init", tmp_path / "none"],
        ["--out", tmp_path / "new", "--watch.every", "8", "--watch.samples", "5"],
        ["--out", tmp_path / "new", "--watch.every", "4"],
    ):
        refused, dry = (cli("train", "digits", *TINY, *bad, *more) for more in ([], ["--dry-run"]))
        assert refused.status == dry.status == 2 and refused.err == dry.err, bad
    assert not (tmp_path / "new").exists()


def test_evaluations_and_snapshots_come_as_often_as_asked(tmp_path: Path, cli: Cli) -> None:
    """Below the recipe's tick too."""
    often = ["--tick", 64, "--watch.every", 16, "--watch.samples", 6, "--snapshot-every", 32]
    command = ["train", "digits", *TINY, *often, "--keep-snapshots", 9, "--metrics", "", "--images", 64]
    assert cli(*command, "--out", tmp_path / "run").status == 0
    found = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["images"] for row in found] == [16, 32, 48, 64]
    assert [int(path.stem) for path in snapshot.snapshots(tmp_path / "run")] == [32, 64]


def test_the_snapshot_that_is_due(tmp_path: Path, cli: Cli) -> None:
    """Once for each multiple of snapshot_every, though neither tick nor batch divide it."""
    command = [
        "train",
        "digits",
        *NETWORKS,
        "--batch-size",
        8,
        "--tick",
        20,
        "--snapshot-every",
        50,
        "--metrics",
        "",
    ]
    assert cli(*command, "--keep-snapshots", "null", "--images", 128, "--out", tmp_path / "run").status == 0
    assert [row["images"] for row in rows(tmp_path / "run")] == [24, 40, 64, 80, 104, 120, 128]
    assert [int(path.stem) for path in snapshot.snapshots(tmp_path / "run")] == [64, 104, 128]


@pytest.mark.parametrize(
    ("length", "words"),
    [
        ({"images": 0}, "images 0 is no whole number above 0"),
        ({"images": -5}, "images -5 is no whole number above 0"),
        ({"images": 2.5}, "images 2.5 is no whole number"),
        ({"epochs": 0}, "epochs 0 is no whole number"),
        ({"checkpoint_every": 0}, "checkpoint_every 0 is no whole number"),
        ({"seconds": -1}, "seconds -1 is no length of time"),
        ({"seconds": 0}, "seconds 0 is no length of time"),
        ({"seconds": float("nan")}, "seconds nan is no length of time"),
        ({"images": 640, "epochs": 1}, r"images 640 and epochs 1 \(allowed: one of both\)"),
    ],
)
def test_a_length_that_is_none_is_refused_before_anything_is_written(
    length: dict[str, float], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words) as refused:
        api.train("digits", tmp_path / "run", device="cpu", **length)
    assert "allowed" in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()
