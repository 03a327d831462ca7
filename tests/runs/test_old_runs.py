"""A run that version 0.1.0 made, before the rooms moved: it samples and goes on as it would have there."""

import shutil
from pathlib import Path

import numpy as np
from tiny import TINY, Cli, resumes

import visavis

HERE = Path(__file__).parent


def test_a_run_of_an_older_version_samples_the_same_and_resumes(tmp_path: Path, cli: Cli) -> None:
    run = Path(shutil.copytree(HERE / "made-by-0.1.0", tmp_path / "run"))
    with np.load(HERE / "made-by-0.1.0-samples.npz") as file:
        then, labels = file["images"], file["labels"]
    now = visavis.load(run).pixels(len(then))
    assert np.abs(now.astype(int) - then.astype(int)).max() <= 1
    assert labels.tolist() == list(range(8))
    done = cli("train", "digits", *TINY, "--images", "96", "--checkpoint-every", "24", "--out", run, "--json")
    assert done.status == 0, done.err
    assert done.json["images"] == 96
    assert resumes(run) == [64]
