from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.report.grids import BACKGROUND, LARGEST, grid, save_grid


def test_places_and_enlarges_by_nearest_neighbour() -> None:
    images = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
    sheet = np.asarray(grid(images, columns=2, scale=3, padding=1))
    assert sheet.shape == (2 * 7 + 1, 2 * 7 + 1, 3)
    np.testing.assert_array_equal(sheet[1:7, 1:7], images[0].repeat(3, 0).repeat(3, 1))
    np.testing.assert_array_equal(sheet[8:14, 1:7], images[2].repeat(3, 0).repeat(3, 1))
    assert (sheet[8:, 8:] == BACKGROUND).all() and (sheet[0] == BACKGROUND).all()


def test_greyscale() -> None:
    sheet = grid(np.zeros((4, 8, 8, 1), np.uint8))
    assert sheet.mode == "L"
    assert sheet.size == (2 * (96 + 2) + 2,) * 2


@pytest.mark.parametrize(
    ("side", "n", "factor"), [(8, 64, 12), (32, 64, 3), (64, 64, 2), (256, 64, 1), (8, 4096, 4)]
)
def test_enlargement_is_bounded(side: int, n: int, factor: int) -> None:
    sheet = grid(np.zeros((n, side, side, 3), np.uint8), padding=0)
    assert sheet.width == side * factor * round(n**0.5)
    assert factor == 1 or sheet.width <= LARGEST


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((2, 3, 8, 8), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
)
def test_refuses_other_arrays(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        grid(wrong)


def test_save(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    save_grid(tmp_path / "samples" / "x.png", images, scale=1, padding=0)
    with Image.open(tmp_path / "samples" / "x.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), images[0])
    assert [file.name for file in (tmp_path / "samples").iterdir()] == ["x.png"]
