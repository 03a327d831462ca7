"""Arrays of other types, layouts and ranges: what leaves no doubt is read, the rest is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.data import DataConfig, load_images
from visavis.data import stored as room
from visavis.data.stored import Stored, pixels_of
from visavis.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)


def read(folder: Path, images: NDArray[Any], span: str = "auto") -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    np.save(folder / "a.npy", images)
    return pixels_of(Stored(folder / "a.npy", None), span)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32) - 1e-7,
        (PIXELS / 127.5 - 1).astype(np.float32),
        PIXELS.astype(np.float64),
        PIXELS.astype(np.int64),
        PIXELS.transpose(0, 3, 1, 2),
        np.asfortranarray(PIXELS),
    ],
    ids=["uint8", "unit", "a hair below 0", "signed", "float bytes", "int64", "NCHW", "fortran"],
)
def test_every_form_gives_the_same_pixels(tmp_path: Path, images: NDArray[Any]) -> None:
    found, notes = read(tmp_path, images)
    np.testing.assert_array_equal(found, PIXELS)
    assert bool(notes) == (images.dtype != np.uint8 or images.shape[1] == 3)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1.5), (-0.3, 1), (-2, 2), (0, 300), (-1, 255), (-0.1, 1.0)], ids=str
)
def test_a_doubtful_range_is_refused_until_it_is_told(tmp_path: Path, low: float, high: float) -> None:
    images = np.linspace(low, high, PIXELS.size).reshape(PIXELS.shape)
    with pytest.raises(UserError, match=r"in doubt .* --range unit"):
        read(tmp_path, images)
    found, _ = read(tmp_path, images, "unit")  # what the line tells to give works
    np.testing.assert_array_equal(found, np.rint(images.clip(0, 1) * 255))


def test_booleans_and_dark_pictures(tmp_path: Path) -> None:
    found, notes = read(tmp_path, PIXELS[..., 0] > 99)
    np.testing.assert_array_equal(found[..., 0], np.where(PIXELS[..., 0] > 99, 255, 0))
    assert "booleans" in notes[0]
    dark, _ = read(tmp_path, np.full((2, 4, 4, 3), 0.2))
    assert (dark == 51).all()


def test_values_that_are_not_finite_are_named_by_their_row(tmp_path: Path) -> None:
    images = PIXELS / 255
    images[3, 0, 0, 0], images[4, 1, 1, 1] = np.nan, np.inf
    with pytest.raises(UserError, match=r"2 of 5 rows hold NaN .*first: row 3"):
        read(tmp_path, images)


def test_pieces_are_small_and_make_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=PIXELS / 255)
    monkeypatch.setattr(room, "PIECE", 2 * PIXELS[0].size * 8)
    stored = Stored(tmp_path / "a.npz", "images.npy")
    assert [len(piece) for piece in stored.pieces()] == [2, 2, 1]
    np.testing.assert_array_equal(pixels_of(stored)[0], PIXELS)


def test_labels_may_be_names_or_whole_floats_and_nothing_between(tmp_path: Path) -> None:
    square = PIXELS[:, :6, :6]

    def classes(**arrays: NDArray[Any]) -> tuple[tuple[str, ...], list[int]]:
        np.savez(tmp_path / "b.npz", **arrays)
        found = load_images(DataConfig(source=str(tmp_path / "b.npz")))
        assert found.labels is not None
        return found.classes, found.labels.tolist()

    names = np.array(["cat", "dog", "cat", "dog", "dog"])
    assert classes(images=square, labels=names) == (("cat", "dog"), [0, 1, 0, 1, 1])
    whole = np.array([0.0, 1, 1, 0, 2])
    assert classes(arr_0=square / 255, arr_1=whole) == (("0", "1", "2"), [0, 1, 1, 0, 2])
    assert classes(images=square / 255, labels=whole, classes=np.array(["a", "b", "c"]))[0] == ("a", "b", "c")
    with pytest.raises(UserError, match="whole numbers"):
        classes(images=square, labels=np.array([0, 0.5, 1, 1, 1]))
