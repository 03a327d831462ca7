"""Evaluation while training, end to end: rows, the best weights, plateau, resume."""

import json
from pathlib import Path
from typing import Any

from tiny import TINY, Cli

from visavis.models.load import load

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
