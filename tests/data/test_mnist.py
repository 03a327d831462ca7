"""The embedded part of MNIST: its size, its record, its stacks; where it is at hand, the set it is of."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from visavis.data import DataConfig, load_images
from visavis.data.mnist import FILE, mnist, stacked_mnist
from visavis.errors import UserError
from visavis.recipes import RECIPES

ROOT = Path(__file__).parents[2]
WHOLE = ROOT.parent / "shared" / "data" / "mnist" / "mnist"


@pytest.mark.parametrize(("split", "of_each"), [("train", 800), ("test", 200)])
def test_as_many_of_each_digit(split: str, of_each: int) -> None:
    images, labels = mnist(split)
    assert images.shape == (10 * of_each, 28, 28, 1) and images.dtype == np.uint8 and images.max() == 255
    assert labels.dtype == np.int64 and np.bincount(labels).tolist() == [of_each] * 10
    assert len({image.tobytes() for image in images}) == len(images)


def test_the_file_is_the_one_of_the_record_and_has_its_licence_beside_it() -> None:
    record = json.loads((ROOT / "results" / "mnist-10k.json").read_text())
    assert len(FILE.read_bytes()) == record["bytes"] < 2_000_000
    for split in ("train", "test"):
        pixels = np.ascontiguousarray(mnist(split)[0][..., 0])
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == record[f"{split}_images_sha256"]
    beside = files("visavis.data") / "embedded"
    assert "CC BY-SA 3.0" in (beside / "MNIST.md").read_text()
    assert "Attribution-ShareAlike 3.0 Unported" in (beside / "CC-BY-SA-3.0.txt").read_text()


def test_stacks() -> None:
    images, labels = stacked_mnist("test")
    assert images.shape == (10_000, 28, 28, 3) and labels.shape == (10_000,)
    known = {image.tobytes(): label for image, label in zip(*mnist("test"), strict=True)}
    for image, label in zip(images[:20], labels[:20], strict=True):
        r, g, b = (known[np.ascontiguousarray(image[..., c]).tobytes()] for c in range(3))
        assert label == 100 * r + 10 * g + b
    assert len(np.unique(labels)) == 1000


def test_stacks_of_any_source_are_those_of_the_embedded_one(tmp_path: Path) -> None:
    images, labels = mnist("test")
    np.savez(tmp_path / "test.npz", images=images, labels=labels)
    found = load_images(DataConfig(source=f"stacked:{tmp_path / 'test.npz'}", channels="stacked"))
    wanted, theirs = stacked_mnist("test")
    assert found.classes == tuple(f"{label:03}" for label in range(1000)) and found.channels == 3
    assert found.labels is not None and len(found) == 60_000  # an .npz is one split, train
    again = load_images(DataConfig(source="stacked:mnist-10k", split="test", channels="stacked"))
    assert np.array_equal(np.asarray(again.images), wanted)
    assert again.labels is not None and np.array_equal(again.labels, theirs)


def test_stacks_of_other_classes_are_named_by_all_three(tmp_path: Path) -> None:
    images = np.repeat(np.arange(4, dtype=np.uint8), 16).reshape(4, 4, 4, 1)
    np.savez(tmp_path / "x.npz", images=images, labels=np.array(["cat", "dog", "cat", "dog"]))
    found = load_images(DataConfig(source=f"stacked:{tmp_path / 'x.npz'}"))
    assert found.labels is not None and found.classes[:3] == ("cat-cat-cat", "cat-cat-dog", "cat-dog-cat")
    names = ("cat", "dog", "cat", "dog")
    for image, label in zip(np.asarray(found.images[:50]), found.labels[:50], strict=True):
        assert found.classes[label] == "-".join(names[level] for level in image[0, 0])
    one = load_images(DataConfig(source=f"stacked:{tmp_path / 'x.npz'}", classes="dog-dog-dog"))
    assert set(np.unique(one.images)) == {1, 3}


def test_single_images_are_refused_where_stacks_are_wanted_with_the_mend(tmp_path: Path) -> None:
    mend = "give --data stacked:mnist-10k"
    with pytest.raises(UserError, match=f"'mnist-10k' holds single grey images.*{mend}"):
        load_images(DataConfig(source="mnist-10k", channels="stacked"))
    np.savez(tmp_path / "none.npz", images=np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(UserError, match=r"has none of the classes .*\(allowed: 1 to 10\)"):
        load_images(DataConfig(source=f"stacked:{tmp_path / 'none.npz'}"))
    with pytest.raises(UserError, match="unknown data 'nist'"):
        load_images(DataConfig(source="stacked:nist"))


def test_the_recipes_of_stacks_refuse_single_images() -> None:
    for name in ("stacked-mnist", "stacked-digits"):
        assert RECIPES[name]().data.channels == "stacked"


def test_names_and_splits() -> None:
    images = load_images(DataConfig(source="mnist-10k", split="test", classes="7,1"))
    assert len(images) == 400 and images.classes == ("7", "1") and images.channels == 1
    with pytest.raises(UserError, match=r"unknown split 'val' \(allowed: train, test\)"):
        load_images(DataConfig(source="stacked-mnist-10k", split="val"))


def test_the_sets_never_change() -> None:
    """Scores are compared by digest: a change here is a change of data set."""
    assert load_images(DataConfig(source="mnist-10k")).digest == "4b148b884fc239f871fc8dff9bf7834b"
    assert (
        load_images(DataConfig(source="stacked-mnist-10k", split="test")).digest
        == "3ab98fb69bf99a9dd6749cb5ecf2b7ff"
    )


@pytest.mark.skipif(not WHOLE.is_dir(), reason="MNIST's parquet files are not beside the checkout")
def test_stacks_of_the_whole_set() -> None:
    found = load_images(DataConfig(source=f"stacked:{WHOLE}", split="test", channels="stacked"))
    assert found.labels is not None and len(found) == 10_000 and len(found.classes) == 1000
    whole = load_images(DataConfig(source=str(WHOLE), split="test"))
    assert whole.labels is not None
    known = {
        np.asarray(image).tobytes(): label for image, label in zip(whole.images, whole.labels, strict=True)
    }
    for image, label in zip(np.asarray(found.images[:20]), found.labels[:20], strict=True):
        r, g, b = (known[np.ascontiguousarray(image[..., c]).tobytes()] for c in range(3))
        assert label == 100 * r + 10 * g + b
    with pytest.raises(UserError, match=r"single grey images.*stacked:"):
        load_images(DataConfig(source=str(WHOLE), split="test", channels="stacked"))


@pytest.mark.skipif(not WHOLE.is_dir(), reason="MNIST's parquet files are not beside the checkout")
def test_it_is_a_part_of_the_whole_set() -> None:
    whole = load_images(DataConfig(source=str(WHOLE), split="test"))
    with FILE.open("rb") as file, np.load(file) as arrays:
        rows = arrays["test_rows"]
    images, labels = mnist("test")
    assert whole.labels is not None and np.array_equal(whole.labels[rows], labels)
    assert np.array_equal(np.asarray(whole.images[rows])[..., :1], images)
