"""Runs that do more than generate, through the one function that judges everything."""

from pathlib import Path
from typing import Any

import pytest

import visavis
from visavis.errors import UserError
from visavis.judge.by_task import task_of


def test_a_run_knows_its_task_and_images_have_none(digits_run: Path, tmp_path: Path) -> None:
    assert task_of(digits_run) == task_of(tmp_path) == task_of("digits") == "generate"


def verified(run: Path) -> dict[str, dict[str, Any]]:
    """What measuring a run's claims again finds, by figure, when all of it holds."""
    found = visavis.verify(run, device="cpu")
    assert found["holds"], [row for row in found["figures"] if not row["holds"]]
    return {row["figure"]: row for row in found["figures"]}


def test_an_autoencoder_is_judged_by_samples_and_by_what_it_restores(tmp_path: Path) -> None:
    run = tmp_path / "vae"
    visavis.train("vae-digits", run, images=64, device="cpu", metrics=())
    assert task_of(run) == "reconstruct"
    found = visavis.evaluate(run, n=50, device="cpu", out=run / "evaluation.json")
    assert next(iter(found)) == "quality" and found["fd_digitsr"]["value"] > 0
    assert {"l1", "mse", "psnr", "ssim", "fd_digitsr", "record"} <= found["reconstruction"].keys()
    assert found["reconstruction"]["mse"]["value"] > 0
    again = verified(run)
    for name, part in (
        ("fd_digitsr", found["fd_digitsr"]),
        ("reconstruction l1", found["reconstruction"]["l1"]),
    ):
        assert again[name]["claimed"] == part["value"] == pytest.approx(again[name]["measured"])


def test_a_translator_is_judged_on_its_pairs_and_takes_few_options(tmp_path: Path) -> None:
    run = tmp_path / "cycle"
    visavis.train("cyclegan-digits", run, images=16, device="cpu", metrics=())
    assert task_of(run) == "translate"
    found = visavis.evaluate(run, device="cpu", out=run / "evaluation.json")
    assert {"l1", "psnr", "ssim", "baselines", "b-to-a", "l1_cycle", "record"} <= found.keys()
    assert (run / "evaluation.json").is_file()
    again = verified(run)
    for name, part in (("l1", found["l1"]), ("b-to-a ssim", found["b-to-a"]["ssim"])):
        assert again[name]["claimed"] == part["value"] == pytest.approx(again[name]["measured"])
    for option, value in (("n", 20), ("raw", True), ("per_class", True)):
        with pytest.raises(UserError, match="does not apply to a run that translates"):
            visavis.evaluate(run, device="cpu", **{option: value})
    with pytest.raises(UserError, match="--against and --gallery are for runs that generate"):
        visavis.evaluate(run, device="cpu", gallery=tmp_path / "sheets")
