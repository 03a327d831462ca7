"""An autoencoder's reconstructions, where it is known how good they are."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from visavis.core import Shape
from visavis.data import DataConfig, load_images
from visavis.errors import UserError
from visavis.files import to_json
from visavis.judge.aligned import CEILING
from visavis.judge.reconstruction import evaluate_reconstruction, validate_reconstruction
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description


class Flat(nn.Module):
    """The pixels are the latents."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x.flatten(1), torch.zeros(len(x), x[0].numel())


class Unflat(nn.Module):
    """Back again, every value moved by ``off``."""

    z_dim = 64

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off = off

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return (z + self.off).clamp(-1, 1).unflatten(1, (1, 8, 8))


def model(off: float = 0.0) -> Model:
    description = Description({}, Shape(1, 8), (), False, 5, {}, "test", "reconstruct")
    return model_of({"E": Flat(), "G": Unflat(off)}, description)


def test_a_perfect_autoencoder_is_as_real_as_held_out_images() -> None:
    found = evaluate_reconstruction(model(), DataConfig(source="digits"))
    assert found["mse"] == {"value": 0, "interval": [0, 0]}
    assert found["psnr"]["value"] == pytest.approx(CEILING) and found["ssim"]["value"] == pytest.approx(1)
    assert found["fd_digitsr"]["value"] == found["fd_digitsr"]["null"] > 0
    assert found["record"]["images"] == len(load_images(DataConfig(source="digits", split="test")))
    assert found["record"]["trained_images"] == 5 and found["record"]["ssim_window"] == 7
    to_json(found)


def test_an_error_of_a_known_size() -> None:
    found = evaluate_reconstruction(model(off=0.2), DataConfig(source="digits"), most=100)
    real = load_images(DataConfig(source="digits", split="test"))
    assert found["record"]["images"] == 100
    # a tenth of the range, less where white leaves no room
    assert 0.07 < found["l1"]["value"] < 0.1 and 20 < found["psnr"]["value"] < 22
    assert found["fd_digitsr"]["value"] > found["fd_digitsr"]["null"]
    low, high = found["l1"]["interval"]
    assert low < found["l1"]["value"] < high and len(real) > 100


def test_validation() -> None:
    pixels = torch.zeros(3, 8, 8, 1, dtype=torch.uint8)
    found = validate_reconstruction(model(off=0.4), pixels)
    assert found.keys() == {"l1", "mse", "psnr", "ssim"}
    assert found["l1"] == pytest.approx(51 / 255) and found["psnr"] == pytest.approx(-20 * math.log10(0.2))


def test_nothing_held_out(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(tmp_path / f"{i}.png")
    with pytest.raises(UserError, match="no image is held out to reconstruct"):
        evaluate_reconstruction(model(), DataConfig(source=str(tmp_path)))
