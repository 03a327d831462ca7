"""The sheets of the three tasks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.data import DataConfig, ImageSet, PairSet, load_images
from visavis.errors import UserError
from visavis.models.load import load
from visavis.report.sheets import REAL, sheet


def nobody_asks() -> ImageSet | PairSet:
    raise AssertionError("a generator's sheet shows no held-out images, so none are read")


def test_a_sheet_of_few_classes_has_a_row_of_each_with_real_ones_apart(
    digits_run: Path, tmp_path: Path
) -> None:
    model, data = load(digits_run), load_images(DataConfig(source="digits"))
    found = sheet("generate", model, data, nobody_asks)
    assert found.columns is not None and found.apart == REAL
    rows = found.pixels.reshape(10, found.columns, 8, 8, 1)
    assert data.labels is not None
    for label in range(10):
        of_class = {image.tobytes() for image in data.images[data.labels == label]}
        assert all(image.tobytes() in of_class for image in rows[label, -REAL:])
    made = model.pixels(20)
    assert np.array_equal(rows[3, :2], made[[3, 13]])
    found.save(tmp_path / "sheet.png")
    wide, high = Image.open(tmp_path / "sheet.png").size
    assert wide / found.columns > high / 10, "a gap stands before the real ones"


def test_an_unknown_task_is_refused(digits_run: Path) -> None:
    data = load_images(DataConfig(source="digits"))
    with pytest.raises(UserError, match=r"'paint' \(allowed: generate, reconstruct, translate\)"):
        sheet("paint", load(digits_run), data, nobody_asks)
