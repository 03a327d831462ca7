import numpy as np
import pytest

from visavis.data import DataConfig, load_images
from visavis.data.digits import digits, stacked_digits
from visavis.errors import UserError


def test_split_is_stratified_and_complete() -> None:
    (train, train_labels), (test, test_labels) = digits("train"), digits("test")
    assert train.shape == (1438, 8, 8, 1) and test.shape == (359, 8, 8, 1)
    assert train.dtype == np.uint8 and train_labels.dtype == np.int64 and train.max() == 255
    share = np.bincount(test_labels) / (np.bincount(train_labels) + np.bincount(test_labels))
    assert np.abs(share - 0.2).max() < 0.005


def test_equal_to_scikit_learn() -> None:
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    source = load_digits()
    ours = np.concatenate([digits("train")[0], digits("test")[0]])[..., 0]
    theirs = np.round(source.images * 255 / 16).astype(np.uint8)
    assert sorted(image.tobytes() for image in ours) == sorted(image.tobytes() for image in theirs)


def test_stacks() -> None:
    images, labels = stacked_digits("test")
    assert images.shape == (10_000, 8, 8, 3) and labels.shape == (10_000,)
    known = {image.tobytes(): label for image, label in zip(*digits("test"), strict=True)}
    for image, label in zip(images[:50], labels[:50], strict=True):
        r, g, b = (known[np.ascontiguousarray(image[..., c]).tobytes()] for c in range(3))
        assert label == 100 * r + 10 * g + b
    assert len(np.unique(stacked_digits("train")[1])) == 1000


def test_embedded_sets() -> None:
    images = load_images(DataConfig(source="digits", split="train+test"))
    assert len(images) == 1797 and images.classes == tuple("0123456789")
    stacked = load_images(DataConfig(source="stacked-digits", split="test", resolution=16, classes="007,123"))
    assert stacked.images.shape[1:] == (16, 16, 3) and stacked.classes == ("007", "123")
    with pytest.raises(UserError, match=r"unknown split 'val' \(allowed: train, test\)"):
        load_images(DataConfig(source="digits", split="val"))


def test_the_sets_never_change() -> None:
    """Scores are compared by digest: a change here is a change of data set."""
    assert load_images(DataConfig(source="digits")).digest == "40199bdf6cf8a84d1df875c16f1f295a"
