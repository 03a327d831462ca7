from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.data import DataConfig, ImageSet, load_images
from visavis.errors import UserError

Picture = Callable[..., Image.Image]


def load(path: Path, **settings: object) -> ImageSet:
    return load_images(DataConfig(source=str(path), **settings))


def test_class_folders(animals: Path, picture: Picture) -> None:
    (animals / "cat" / "notes.txt").write_text("no picture")
    (animals / "cat" / ".hidden.png").write_bytes(b"no picture")
    (animals / ".cache").mkdir()
    images = load(animals)
    assert images.classes == ("cat", "dog", "emu")
    assert images.images.shape == (12, 8, 8, 3) and images.images.dtype == np.uint8
    assert (len(images), images.resolution, images.channels, images.name) == (12, 8, 3, "animals")
    assert images.labels is not None
    np.testing.assert_array_equal(images.labels, [0] * 3 + [1] * 4 + [2] * 5)
    np.testing.assert_array_equal(images.images[4], np.asarray(picture(11)))
    assert images.skipped == 0 and not images.streamed


def test_folder_without_classes(animals: Path) -> None:
    images = load(animals / "dog")
    assert images.labels is None and images.classes == () and len(images) == 4
    with pytest.raises(UserError, match="without labels"):
        load(animals / "dog", classes="cat")


def test_classes_are_renumbered_in_the_order_given(animals: Path, picture: Picture) -> None:
    images = load(animals, classes="emu,cat")
    assert images.classes == ("emu", "cat") and images.labels is not None
    np.testing.assert_array_equal(images.labels, [1] * 3 + [0] * 5)
    np.testing.assert_array_equal(images.images[0], np.asarray(picture(0)))
    with pytest.raises(UserError, match=r"unknown class 'cta'; did you mean 'cat'\?"):
        load(animals, classes="cta")
    with pytest.raises(UserError, match="twice"):
        load(animals, classes="cat,cat")


def test_empty_folders_and_classes(animals: Path, tmp_path: Path) -> None:
    (animals / "fox").mkdir()
    for classes in ("", "fox,cat"):
        with pytest.raises(UserError, match="class 'fox' has no images"):
            load(animals, classes=classes)
    assert len(load(animals, classes="cat,dog")) == 7
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no images in folder"):
        load(tmp_path / "empty")


def test_loose_pictures_beside_class_folders(animals: Path, picture: Picture) -> None:
    picture().save(animals / "loose.png")
    with pytest.raises(UserError, match=r"loose\.png"):
        load(animals)


def test_splits(tmp_path: Path, picture: Picture) -> None:
    for place in ("train/a", "train/b", "val/b", "test/b"):
        (tmp_path / "set" / place).mkdir(parents=True)
        picture(len(place)).save(tmp_path / "set" / place / "x.png")
    images = load(tmp_path / "set", split="test")
    assert images.classes == ("a", "b") and images.labels is not None and images.labels.tolist() == [1]
    assert len(load(tmp_path / "set", split="validation")) == 1
    both = load(tmp_path / "set", split="train+test")
    assert both.labels is not None and both.labels.tolist() == [0, 1, 1]
    with pytest.raises(UserError, match="class 'a' has no images"):
        load(tmp_path / "set", split="test", classes="a")
    with pytest.raises(
        UserError, match=r"unknown split 'tset'; did you mean 'test'\? \(allowed: test, train, val\)"
    ):
        load(tmp_path / "set", split="tset")
    with pytest.raises(UserError, match="twice"):
        load(tmp_path / "set", split="train+train")


def test_a_class_may_be_called_train(animals: Path) -> None:
    (animals / "cat").rename(animals / "train")
    assert load(animals).classes == ("dog", "emu", "train")
    with pytest.raises(UserError, match=r"unknown split 'test' \(allowed: train\)"):
        load(animals, split="test")


def test_sizes(animals: Path, picture: Picture) -> None:
    assert load(animals, resolution=6).images.shape == (12, 6, 6, 3)
    picture(0, 16, 16).save(animals / "dog" / "1.png")
    with pytest.raises(UserError, match=r"16x16.*8x8.*--resolution N"):
        load(animals)
    picture(0, 10, 8).save(animals / "cat" / "0.png")
    with pytest.raises(UserError, match=r"10x8.*--resolution N"):
        load(animals)
    assert load(animals, resolution=8).images.shape == (12, 8, 8, 3)


def test_a_resized_cache_does_not_hide_another_size(animals: Path, picture: Picture) -> None:
    picture(0, 16, 16).save(animals / "emu" / "4.png")
    assert len(load(animals, resolution=8)) == 12
    with pytest.raises(UserError, match="different sizes"):
        load(animals)


@pytest.mark.parametrize("stream", ["never", "always"])
def test_broken_images(animals: Path, stream: str) -> None:
    broken = animals / "dog" / "2.png"
    broken.write_bytes(broken.read_bytes()[:60])
    images = load(animals, stream=stream, skip_broken=True)
    assert (len(images), images.skipped) == (11, 1) and images.labels is not None
    assert images.images[:].shape == (11, 8, 8, 3)
    assert images.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 5
    with pytest.raises(UserError, match=r"broken image '.*dog/2\.png': .*--skip-broken") as raised:
        load(animals, stream=stream).images[:]
    assert "\n" not in str(raised.value)


def test_all_broken(animals: Path) -> None:
    for file in (animals / "cat").iterdir():
        file.write_bytes(b"")
    with pytest.raises(UserError, match="class 'cat' has no images"):
        load(animals, classes="dog,cat", skip_broken=True)
    for resolution in (None, 8):
        with pytest.raises(UserError, match="none of the 3 images decodes"):
            load(animals / "cat", skip_broken=True, resolution=resolution)


def test_digest_follows_contents_and_settings(animals: Path, picture: Picture) -> None:
    first = load(animals).digest
    assert load(animals, stream="always").digest == first
    assert load(animals, skip_broken=True).digest == first
    assert len({first, load(animals, resolution=4).digest, load(animals, classes="cat").digest}) == 3
    picture(99).save(animals / "cat" / "1.png")
    assert load(animals).digest != first


def test_streamed_images_index_as_the_array_does(animals: Path) -> None:
    held, streamed = load(animals), load(animals, device_bytes=100)
    assert streamed.streamed and streamed.images.shape == held.images.shape
    indices = np.array([7, 0, 0, 11])
    np.testing.assert_array_equal(streamed.images[indices], held.images[indices])
    np.testing.assert_array_equal(streamed.images[3:5], held.images[3:5])
    np.testing.assert_array_equal(streamed.images[-1], held.images[-1])


def test_facades_if_there() -> None:
    folder = Path(__file__).parents[3] / "shared" / "data" / "facades"
    if not folder.is_dir():
        pytest.skip("no shared/data/facades beside the repository")
    images = load(folder, split="test", resolution=16)
    assert images.images.shape == (50, 16, 16, 3) and images.labels is None
