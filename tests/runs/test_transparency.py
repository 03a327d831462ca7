"""Pictures with an alpha channel: trained as such where that is asked for, judged over white."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import TINY, Cli

from visavis.data.digits import digits
from visavis.data.pixels import over_white
from visavis.errors import UserError
from visavis.export.web.site import configure
from visavis.models.load import load


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Digits cut out: white ones, and what is no digit is transparent."""
    (tmp_path / "pictures").mkdir()
    for i, image in enumerate(digits("train")[0][:60]):
        rgba = np.concatenate([np.full((8, 8, 3), 200, np.uint8), image], 2)
        Image.fromarray(rgba).save(tmp_path / "pictures" / f"{i}.png")
    return tmp_path / "pictures"


def test_over_white() -> None:
    pixels = torch.tensor([[0, 100, 255, 0], [0, 100, 255, 255], [10, 100, 255, 51]], dtype=torch.uint8)
    laid = [[255, 255, 255], [0, 100, 255], [206, 224, 255]]  # 255 - (255 - 10) / 5 and so on
    assert over_white(pixels).tolist() == laid
    image = Image.fromarray(pixels.numpy().reshape(1, 3, 4))
    by_pillow = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    assert np.abs(np.asarray(by_pillow).astype(int).reshape(3, 3) - np.array(laid)).max() <= 1
    assert over_white(pixels[:, :3]) is not None and over_white(pixels[:, :3]).shape == (3, 3)


def test_a_run_makes_and_shows_transparent_pictures(pictures: Path, tmp_path: Path, cli: Cli) -> None:
    run = tmp_path / "run"
    options = ("--conditional", "false", "--metrics", "", "--images", 32, "--out", run)
    watched = ("--watch.every", 16, "--watch.samples", 20, "--data", pictures, "--data.channels", "rgba")
    done = cli("train", "digits", *TINY, *options, *watched)
    assert done.status == 0, done.err
    assert Image.open(run / "real.png").mode == "RGBA" and load(run).shape.channels == 4
    assert cli("sample", run, "-n", 5, "--out", tmp_path / "made").status == 0
    assert Image.open(tmp_path / "made" / "000000.png").mode == "RGBA"
    compared = cli("compare", run, pictures / "0.png", pictures / "1.png")
    assert compared.status == 0, compared.err
    judged = cli("evaluate", run, "-n", 40, "--json")
    assert judged.status == 0, judged.err
    record = judged.json["record"]
    assert record["channels"] == 3 and record["accounts"]["reference"]["channels"] == 3
    assert "over white" in record["quantisation"]
    plain = cli("train", "digits", *TINY, *options[:-1], tmp_path / "rgb", "--data", pictures)
    assert plain.status == 0 and load(tmp_path / "rgb").shape.channels == 3  # asked by name alone
    with pytest.raises(UserError, match="this run makes 4 channels"):
        configure(load(run), "run", "")
