"""Evaluation while training, end to end: rows, the best weights, plateau, resume."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny import TINY, Cli

from visavis.core import Shape
from visavis.data import DataConfig
from visavis.errors import UserError
from visavis.judge.quick import Score
from visavis.judge.reference import Real, open_real
from visavis.metrics.features import load_extractor
from visavis.models.load import load
from visavis.recipes import get
from visavis.recipes.recipe import Recipe, override
from visavis.runs import judging

WATCH = ["--watch.every", "32", "--watch.samples", "48", "--metrics", ""]


def evaluations(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_watched_run_keeps_the_best_weights(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = cli("train", "digits", "--out", run, "--images", "96", *TINY, *WATCH, "--json")
    assert done.status == 0, done.err
    rows = evaluations(run)
    assert [row["images"] for row in rows] == [32, 64, 96]
    assert all(row["fd_digitsr"] > 0 and 0 <= row["coverage"] <= 1 for row in rows)
    best = min(rows, key=lambda row: float(row["fd_digitsr"]))
    assert load(run / "best.safetensors").description.images == best["images"]
    assert done.json["metrics"]["fd_digitsr"] == rows[-1]["fd_digitsr"]


def test_a_plateau_ends_the_run_and_a_resumed_one_knows_it(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    patient = ["--watch.metric", "precision", "--watch.patience", "1"]
    frozen = ["--lr", "1e-30"]  # nothing changes, so nothing gets better
    command = ["train", "digits", "--out", run, "--images", "640", *TINY, *WATCH, *patient, *frozen, "--json"]
    done = cli(*command)
    assert done.status == 0, done.err
    assert done.json["images"] == 64 and "no better precision" in done.err
    again = cli(*command)
    assert again.json["images"] == 64 and len(evaluations(run)) == 2
    more = cli(*[*command[:4], "--images", "640", *TINY, *WATCH, *patient[:3], "4", *frozen, "--json"])
    assert more.json["images"] > 64


def test_a_run_is_ended_by_its_quality(cli: Cli, tmp_path: Path) -> None:
    """As S5 is: the score is taken on the way, and the last of the best weights are kept."""
    run = tmp_path / "run"
    watch = ["--watch.every", "32", "--watch.samples", "100", "--watch.metric", "quality"]
    frozen = ["--watch.patience", "2", "--lr", "1e-30", "--metrics", ""]
    done = cli("train", "digits", "--out", run, "--images", "640", *TINY, *watch, *frozen, "--json")
    assert done.status == 0, done.err
    assert done.json["images"] == 96 and "no better quality than" in done.err
    rows = evaluations(run)
    assert [row["images"] for row in rows] == [32, 64, 96]
    assert len({row["quality"] for row in rows}) == 1 and 0 <= rows[0]["quality"] < 100
    assert done.json["best"] == {"images": 32, "quality": rows[0]["quality"]}


@pytest.mark.parametrize("name", ["stabilised-mnist", "stabilised-cifar10", "stabilised-cifar10-as-written"])
def test_s5_watches_its_quality(name: str) -> None:
    recipe = get(name)
    watch, session = recipe.watch, Session(recipe, Shape(3, 32))
    assert (watch.metric, watch.patience) == ("quality", 15)
    assert watch.every is not None and recipe.images >= 16 * watch.every, "patience has time to end"
    assert judging.seen_by(session) == ("cifar10r", False)  # type: ignore[arg-type]


class Session:
    """What a judge asks of a session."""

    def __init__(self, recipe: Recipe, shape: Shape) -> None:
        self.recipe, self.device = recipe, "cpu"
        self.data = SimpleNamespace(shape=shape, channels=shape.channels)


def test_what_was_trained_in_does_not_judge(tmp_path: Path) -> None:
    """D of the projected recipe sees features of cifar10r: others choose the best weights."""
    drawn = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", images=drawn.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8))
    changes = {"data.source": str(tmp_path / "noise.npz"), "conditional": "false", "watch.every": "64"}
    small = {**changes, "data.classes": "", "data.split": "train", "watch.samples": "12"}
    recipe = override(get("projected-catsdogs"), small)
    session = Session(recipe, Shape(3, 32))
    assert judging.TASKS["generate"].metric(session) == "fd_cifar10s"  # type: ignore[arg-type]
    judge = judging.TASKS["generate"].judge(session)  # type: ignore[arg-type]
    made = drawn.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    figures = judge(SimpleNamespace(pixels=lambda n, seed: made))  # type: ignore[arg-type]
    assert figures["fd_cifar10s"] > 0 and not {"fd_cifar10r", "quality"} & figures.keys()


@pytest.mark.parametrize(
    ("metric", "seen"),
    [("", "cifar10s"), ("coverage", "cifar10s"), ("quality", "cifar10s"), ("kd_cifar10s", "cifar10s")],
)
def test_figures_are_taken_in_features_beside(metric: str, seen: str) -> None:
    projected = override(get("projected-catsdogs"), {"watch.every": "128", "watch.metric": metric})
    session = Session(projected, Shape(3, 32))
    assert judging.seen_by(session) == (seen, False)  # type: ignore[arg-type]


def test_features_that_were_trained_in_are_refused_or_told() -> None:
    def seen(shape: Shape, metric: str, features: str) -> tuple[str, bool]:
        recipe = override(get("projected-catsdogs"), {"watch.every": "128", "watch.metric": metric})
        plain = recipe.model_dump(mode="json")
        plain["networks"]["D"]["branch"]["seen"] = features
        fake = SimpleNamespace(watch=recipe.watch, model_dump=lambda mode: plain)
        return judging.seen_by(Session(fake, shape))  # type: ignore[arg-type]

    with pytest.raises(UserError, match=r"trained in cifar10r.*give --watch.metric fd_cifar10s"):
        seen(Shape(3, 32), "fd_cifar10r", "cifar10r")
    assert seen(Shape(1, 28), "fd_mnistr", "mnistr") == seen(Shape(1, 28), "", "mnistr") == ("mnistr", True)
    with pytest.raises(UserError, match="no quality in mnistr, which the generator is trained in"):
        seen(Shape(1, 28), "quality", "mnistr")


def test_a_quality_without_held_out_images_or_of_few_is_refused() -> None:
    extractor = load_extractor("digitsr")
    real = open_real(DataConfig(source="digits"), extractor)
    with pytest.raises(UserError, match="no quality can be watched without held-out images"):
        Score(replace(real, held_out=None, why="none was asked for"), 200)
    with pytest.raises(UserError, match="99 images are too few for a quality score"):
        Score(real, 99)
    score = Score(real, 200)
    assert score(real.extractor(torch.from_numpy(held_out_pixels(real, 200)))) == 100.0


def held_out_pixels(real: Real, n: int) -> Any:
    """The held-out images that a score of n is divided by."""
    assert real.held_out is not None
    return np.array(real.held_out.some(n).read(np.arange(n)))


def test_a_figure_that_is_not_measured_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("train", "digits", "--out", tmp_path / "run", *TINY, *WATCH, "--watch.metric", "fd_digits")
    assert done.status == 2 and "fd_digitsr" in done.err and not (tmp_path / "run").exists()


def test_pairs_from_training_to_translation_and_judgement(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = ["--batch-size", "8", "--tick", "16", "--snapshot-every", "64", "--device", "cpu"]
    watch = ["--watch.every", "32"]
    done = cli("train", "cyclegan-digits", "--out", run, "--images", "64", *small, *watch, "--json")
    assert done.status == 0, done.err
    assert [row["images"] for row in evaluations(run)] == [32, 64]
    assert (run / "best.safetensors").exists() and (run / "samples/000000000064.png").exists()
    digits = tmp_path / "digits"
    pictures = cli("sample", run, "-n", "4", "--out", digits)
    assert pictures.status == 2 and "cannot sample (it can: translate)" in pictures.err
    judged = cli("evaluate", run, "--json")
    assert judged.status == 0, judged.err
    assert judged.json["l1"]["value"] > 0 and "mean-photo" in judged.json["baselines"]
    translated = cli("translate", run, run / "real.png", "--out", tmp_path / "made", "--json")
    assert translated.status == 0, translated.err
    assert (tmp_path / "made" / "real.png").exists()
