from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.report.grids import grid, save_grid
from visavis.report.pictures import closest, fitted, read, small, spread, taken_apart, through_time


def images(n: int, side: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (n, side, side, channels), dtype=np.uint8)


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (8, 3), (28, 1), (32, 3), (64, 3)])
def test_a_sheet_is_taken_apart_into_the_images_that_it_was_made_of(side: int, channels: int) -> None:
    given = images(30, side, channels)
    found = taken_apart(grid(given, columns=8), side)
    assert found is not None
    assert found.columns == 8
    assert np.array_equal(found.images, given)


def test_what_stands_apart_on_a_sheet_is_none_of_its_images(tmp_path: Path) -> None:
    given = images(22, 28, 1)
    save_grid(tmp_path / "sheet.png", given, columns=11, apart=8)
    picture = read(tmp_path / "sheet.png")
    found = None if picture is None else taken_apart(picture, 28)
    assert found is not None and found.columns == 8
    assert np.array_equal(found.images, given[[*range(8), *range(11, 19)]])


def test_another_picture_is_no_sheet_and_is_made_smaller() -> None:
    assert taken_apart(Image.new("RGB", (101, 57)), 32) is None
    assert small(Image.new("RGB", (3000, 100)), 32).size == (1024, 34)


def test_pictures_are_made_worse_until_they_fit() -> None:
    given = [grid(images(64, 32, 3, seed), scale=1) for seed in range(4)]
    whole, tight = fitted(given, 10_000_000), fitted(given, 100_000)
    assert sum(map(len, tight)) < 100_000 < sum(map(len, whole))
    assert all(each.startswith("data:image/webp;base64,") for each in whole)


def test_moments_are_spread_over_training_with_both_ends() -> None:
    assert spread(3, 10) == [0, 1, 2]
    assert spread(101, 5) == [0, 25, 50, 75, 100]


def test_the_same_seeds_stand_in_a_row_through_time() -> None:
    sheets = [taken_apart(grid(images(16, 8, seed=seed)), 8) for seed in range(3)]
    strip = through_time([sheet for sheet in sheets if sheet is not None], "generate", rows=2)
    assert strip is not None
    assert strip.size == (3 * 9 + 1, 2 * 9 + 1)
    assert np.array_equal(np.asarray(strip)[1:9, 10:18], images(16, 8, seed=1)[0, ..., 0])


def test_the_closest_pairs_are_found_each_image_once() -> None:
    given = np.zeros((6, 4, 4, 1), np.uint8)
    given[:, 0, 0, 0] = [0, 100, 200, 4, 104, 250]
    pairs, distance = closest(given, pairs=2)
    assert sorted(pairs[:, 0, 0, 0].tolist()) == [0, 4, 100, 104]
    assert distance == pytest.approx(1.0)  # √(4² / 16)


def test_a_picture_that_is_half_written_is_none(tmp_path: Path) -> None:
    grid(images(4, 8)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    assert read(tmp_path / "half.png") is None
    assert read(tmp_path / "whole.png") is not None
