"""Grey, RGB or RGBA: what ``--data.channels`` makes of files and arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.data import DataConfig, ImageSet, load_images
from visavis.errors import UserError

Picture = Callable[..., Image.Image]
MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def load(path: Path, **settings: object) -> ImageSet:
    return load_images(DataConfig(source=str(path), **settings))


@pytest.fixture
def grey(tmp_path: Path, picture: Picture) -> Path:
    """Four grey files."""
    (tmp_path / "grey").mkdir()
    for i in range(4):
        picture(i).convert("L").save(tmp_path / "grey" / f"{i}.png")
    return tmp_path / "grey"


def test_grey_files_have_one_channel(grey: Path, picture: Picture) -> None:
    images = load(grey)
    assert images.images.shape == (4, 8, 8, 1) and images.channels == 1
    np.testing.assert_array_equal(images.images[2, ..., 0], np.asarray(picture(2).convert("L")))
    lazy = load(grey, stream="always")
    np.testing.assert_array_equal(lazy.images[:], images.images)
    assert lazy.digest == images.digest


def test_grey_files_as_rgb_are_what_they_were_before(grey: Path) -> None:
    images = load(grey, channels="rgb")
    assert images.images.shape == (4, 8, 8, 3) and (images.images == images.images[..., :1]).all()
    assert images.digest != load(grey).digest


def test_one_coloured_file_makes_the_set_rgb(grey: Path, picture: Picture) -> None:
    picture(9).save(grey / "9.png")
    assert load(grey).images.shape == (5, 8, 8, 3)
    images = load(grey, channels="grey")
    np.testing.assert_array_equal(images.images[4, ..., 0], np.asarray(picture(9).convert("L")))


def test_rgba_keeps_transparency(tmp_path: Path, picture: Picture) -> None:
    folder = tmp_path / "clear"
    folder.mkdir()
    clear = picture(1).convert("RGBA")
    clear.putalpha(51)
    clear.save(folder / "1.png")
    picture(2).save(folder / "2.png")
    images = load(folder, channels="rgba")
    assert images.images.shape == (2, 8, 8, 4)
    np.testing.assert_array_equal(images.images[0], np.asarray(clear))
    assert (images.images[1, ..., 3] == 255).all()
    assert load(folder).channels == 3  # over white unless asked


def test_arrays_are_converted_when_asked_for(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "grey.npz", images=grey)
    np.savez(tmp_path / "rgb.npz", images=grey.repeat(3, 3))
    np.savez(tmp_path / "two.npz", images=grey.repeat(2, 3))
    assert load(tmp_path / "rgb.npz").channels == 3  # an array says what it has
    np.testing.assert_array_equal(load(tmp_path / "rgb.npz", channels="grey").images, grey)
    np.testing.assert_array_equal(load(tmp_path / "grey.npz", channels="rgb").images, grey.repeat(3, 3))
    assert load(tmp_path / "grey.npz", channels="grey").digest == load(tmp_path / "grey.npz").digest
    with pytest.raises(UserError, match="2 channels"):
        load(tmp_path / "two.npz", channels="rgb")


def test_settled_reads_others_alike() -> None:
    config = DataConfig(source="x")
    assert [config.settled(n).channels for n in (1, 2, 3, 4)] == ["grey", "auto", "rgb", "rgba"]
    assert DataConfig(source="x", channels="rgb").settled(1).channels == "rgb"


def test_mnist() -> None:
    if not MNIST.is_dir():
        pytest.skip("no shared/data/mnist beside the repository")
    images = load(MNIST, split="test", stream="always")
    assert images.images.shape == (10_000, 28, 28, 1) and images.classes == tuple("0123456789")
