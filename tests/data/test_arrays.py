from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visavis.data import DataConfig, ImageSet, load_images
from visavis.errors import UserError


def load(path: Path, **settings: object) -> ImageSet:
    return load_images(DataConfig(source=str(path), **settings))


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), dtype=np.uint8)


def test_npz(tmp_path: Path) -> None:
    file = save(tmp_path / "a.npz", images=PIXELS, labels=np.array([0, 2, 2, 0, 2], np.uint8))
    images = load(file)
    np.testing.assert_array_equal(images.images, PIXELS)
    assert images.classes == ("0", "1", "2") and images.name == "a.npz"
    assert images.labels is not None and images.labels.dtype == np.int64
    file = save(
        tmp_path / "b.npz", images=PIXELS, labels=np.array([0, 1, 1, 0, 1]), classes=np.array(["x", "y"])
    )
    assert load(file).classes == ("x", "y")
    assert len(load(file, classes="y")) == 3
    assert load(file).digest != images.digest


def test_grey_and_unlabelled(tmp_path: Path) -> None:
    images = load(save(tmp_path / "a.npz", images=PIXELS[..., 0]))
    assert images.images.shape == (5, 6, 6, 1) and images.labels is None and images.channels == 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_resize(tmp_path: Path, channels: int) -> None:
    flat = np.full((2, 6, 8, channels), 40, np.uint8)
    file = save(tmp_path / "a.npz", images=flat)
    with pytest.raises(UserError, match=r"8x6.*--resolution N"):
        load(file)
    images = load(file, resolution=4)
    assert images.images.shape == (2, 4, 4, channels) and (images.images[:] == 40).all()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": PIXELS}, "no 'images' in .* it has x"),
        ({"images": PIXELS / 255 * 1.5}, "float64 from .* in doubt .* --range unit"),
        ({"images": np.full((2, 4, 4, 3), np.nan)}, "float64"),
        ({"images": PIXELS[0, 0]}, "allowed: uint8"),
        ({"images": PIXELS[:0]}, "no images in"),
        ({"images": np.zeros((2, 5, 32, 32), np.uint8)}, r"\[2, 5, 32, 32\]"),
        ({"images": PIXELS, "labels": np.zeros(4, int)}, r"int64 \[4\]"),
        ({"images": PIXELS, "labels": np.full(5, np.nan)}, "float64"),
        ({"images": PIXELS, "labels": np.array([0, 0, 0, 0, -1])}, "from -1 to 0"),
        (
            {"images": PIXELS, "labels": np.array([0, 0, 0, 0, 9]), "classes": np.array(["a"])},
            "allowed: 0 to 0",
        ),
        ({"images": PIXELS, "labels": np.array([0, 0, 0, 0, 10**12])}, "allowed: 0 to 999"),
        ({"images": np.array([{"a": 1}], dtype=object)}, "without pickles"),
    ],
)
def test_errors(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        load(save(tmp_path / "a.npz", **arrays))
    assert "\n" not in str(raised.value)


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04 broken", b"text"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(UserError, match=r"cannot read .*: it is no \.npz, or was cut short"):
            load(tmp_path / "a.npz")
    whole = save(tmp_path / "c.npz", images=PIXELS).read_bytes()
    (tmp_path / "c.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut short"):
        load(tmp_path / "c.npz")
    with pytest.raises(UserError, match="holds Python objects") as refused:
        load(save(tmp_path / "d.npz", images=np.array([{"a": 1}], dtype=object)))
    assert "allow_pickle" not in str(refused.value)
    with (tmp_path / "b.npz").open("wb") as file:
        np.save(file, PIXELS)
    with pytest.raises(UserError, match="cannot read"):
        load(tmp_path / "b.npz")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match="holds no set of images"):
        load(tmp_path / "a.txt")
