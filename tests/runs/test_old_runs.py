"""A run that version 0.1.0 made, before the rooms moved: it samples and goes on as it would have there."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
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


def test_a_run_on_grey_files_goes_on_with_the_channels_it_began_with(tmp_path: Path, cli: Cli) -> None:
    """Before there was ``--data.channels``, grey files were read as RGB: such a run goes on so."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(8):
        Image.fromarray(np.full((8, 8), 30 * i, np.uint8)).save(pictures / f"{i}.png")
    words = [
        "train",
        "digits",
        *TINY,
        "--data",
        pictures,
        "--conditional",
        "false",
        "--metrics",
        "",
        "--json",
    ]
    run = tmp_path / "run"
    begun = cli(*words, "--images", "16", "--data.channels", "rgb", "--out", run)
    assert begun.status == 0, begun.err
    described = json.loads((run / "recipe.json").read_text())
    assert described["data"]["channels"] == 3
    del described["recipe"]["data"]["channels"]  # as version 0.1.0 wrote it
    (run / "recipe.json").write_text(json.dumps(described))
    assert cli(*words, "--images", "32", "--out", run).status == 0
    assert resumes(run) == [16]
    fresh = cli(*words, "--images", "16", "--out", tmp_path / "other")
    assert fresh.status == 0, fresh.err
    described = json.loads((tmp_path / "other" / "recipe.json").read_text())
    assert described["data"]["channels"] == 1 and described["recipe"]["data"]["channels"] == "grey"
