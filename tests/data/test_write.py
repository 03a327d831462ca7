from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.data import DataConfig, load_images
from visavis.data.write import check_path, write_images
from visavis.errors import UserError

LABELS = np.array([1, 0, 1, 2], np.int64)
CLASSES = ("ant", "bee", "no such/../thing")


def images(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 5, 5, channels), dtype=np.uint8)


@pytest.mark.parametrize("name", ["x.npz", "x.parquet", "X.NPZ"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read_back(name: str, channels: int, tmp_path: Path) -> None:
    write_images(tmp_path / "made" / name, images(channels), LABELS, CLASSES)
    (tmp_path / "made" / name).rename(tmp_path / name.lower())
    read = load_images(DataConfig(source=str(tmp_path / name.lower())))
    assert np.array_equal(read.images[:], images(channels))
    assert read.labels.tolist() == LABELS.tolist() and read.classes == CLASSES


@pytest.mark.parametrize("name", ["x.npz", "x.parquet", "x"])
def test_without_labels(name: str, tmp_path: Path) -> None:
    write_images(tmp_path / name, images())
    read = load_images(DataConfig(source=str(tmp_path / name)))
    assert np.array_equal(read.images[:], images()) and read.labels is None


def test_a_folder_has_class_folders_inside_it(tmp_path: Path) -> None:
    write_images(tmp_path / "out", images(1), LABELS, CLASSES)
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png"))
    assert made == [
        "out/ant/000001.png",
        "out/bee/000000.png",
        "out/bee/000002.png",
        "out/no such_.._thing/000003.png",
    ]
    assert np.array_equal(Image.open(tmp_path / made[0]), images(1)[1, ..., 0])


@pytest.mark.parametrize("name", [".", "..", "", ".hidden", "/etc"])
def test_no_class_leaves_the_folder_or_hides_in_it(name: str, tmp_path: Path) -> None:
    write_images(tmp_path / "out", images()[:1], np.array([0]), (name,))
    (made,) = tmp_path.rglob("*.png")
    assert made.parent.parent == tmp_path / "out" and made.parent.name[0] != "."


def test_a_folder_is_never_mixed_with_other_images(tmp_path: Path) -> None:
    write_images(tmp_path / "out", images())
    write_images(tmp_path / "out", images())  # the same again may be
    with pytest.raises(UserError, match=r"such as '000003\.png'"):
        write_images(tmp_path / "out", images()[:3])


@pytest.mark.parametrize("name", ["x.gif", "x.jpeg", "x.PNG", "file"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot write"):
        check_path(tmp_path / name)
