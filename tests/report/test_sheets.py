"""The sheets of the three tasks."""

from pathlib import Path

import pytest

from visavis.data import ImageSet, PairSet
from visavis.errors import UserError
from visavis.models.load import load
from visavis.report.sheets import GRID, sheet


def nobody_asks() -> ImageSet | PairSet:
    raise AssertionError("a generator's sheet shows no held-out images, so none are read")


def test_a_generators_sheet_reads_no_held_out_images(digits_run: Path) -> None:
    pixels, columns = sheet("generate", load(digits_run), nobody_asks)
    assert pixels.shape == (GRID, 8, 8, 1) and columns is None


def test_an_unknown_task_is_refused(digits_run: Path) -> None:
    with pytest.raises(UserError, match=r"'paint' \(allowed: generate, reconstruct, translate\)"):
        sheet("paint", load(digits_run), nobody_asks)
