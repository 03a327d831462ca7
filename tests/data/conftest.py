"""Every test has a cache of its own, and no network."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"  # read when datasets is first imported


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def picture() -> Callable[..., Image.Image]:
    """A smooth RGB picture that differs with its seed."""

    def make(seed: int = 0, width: int = 8, height: int = 8) -> Image.Image:
        small = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
        return Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR)

    return make


@pytest.fixture
def animals(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """Three class folders: 3 cats, 4 dogs, 5 emus, 8x8."""
    for label, (name, count) in enumerate([("cat", 3), ("dog", 4), ("emu", 5)]):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for i in range(count):
            picture(10 * label + i).save(tmp_path / "animals" / name / f"{i}.png")
    return tmp_path / "animals"
