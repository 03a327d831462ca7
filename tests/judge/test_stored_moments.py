from pathlib import Path

import numpy as np
import pytest
from flat_features import FlatExtractor

from visavis.errors import UserError
from visavis.judge.stored_moments import Statistics, is_statistics, read_statistics

MEAN = np.array([1.0, -2.0, 0.5])
SIGMA = np.diag([1.0, 4.0, 0.25])


def test_what_is_written_is_read_and_is_what_pytorch_fid_reads(tmp_path: Path) -> None:
    written = Statistics(MEAN, SIGMA, features="flat", features_sha256="ab", resize="none", images=7)
    written.write(tmp_path / "s.npz")
    read = read_statistics(tmp_path / "s.npz")
    assert read.told() == written.told() and read.told()["dims"] == 3 and read.source is None
    with np.load(tmp_path / "s.npz") as file:
        assert (file["mu"][:] == MEAN).all() and (file["sigma"][:] == SIGMA).all()
    assert is_statistics(tmp_path / "s.npz") and read.content == written.content


def test_a_file_of_pytorch_fid_says_nothing_but_the_moments(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", mu=MEAN, sigma=SIGMA)
    read = read_statistics(tmp_path / "s.npz")
    assert (read.features, read.images, read.resize) == (None, None, None)
    read.check(FlatExtractor(3), "s.npz")  # nothing to disagree with


def test_images_and_other_files_are_no_statistics(tmp_path: Path) -> None:
    np.savez(tmp_path / "i.npz", images=np.zeros((2, 4, 4, 1), np.uint8))
    (tmp_path / "text.npz").write_text("mu sigma")
    for name in ("i.npz", "text.npz", "missing.npz", "digits"):
        assert not is_statistics(tmp_path / name)


@pytest.mark.parametrize(
    ("mu", "sigma", "words"),
    [
        (MEAN, np.eye(2), r"mu float64 \[3\] and sigma float64 \[2, 2\]"),
        (MEAN[None], SIGMA, r"mu float64 \[1, 3\]"),
        (np.arange(3), SIGMA, "mu int64"),
        (np.array([1, np.nan, 0]), SIGMA, "NaN"),
        (MEAN, SIGMA + np.triu(np.ones((3, 3)), 1), "not symmetric"),
        (MEAN, -SIGMA, "below 0"),
        (MEAN, np.array([[None]]), "pickle"),
    ],
)
def test_what_is_no_moment_is_refused(mu: np.ndarray, sigma: np.ndarray, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", mu=mu, sigma=sigma)
    with pytest.raises(UserError, match=words):
        read_statistics(tmp_path / "s.npz")


def test_other_features_weights_or_resizing_are_refused() -> None:
    own = FlatExtractor(3)
    Statistics(MEAN, SIGMA, "flat", own.sha256, "none").check(own, "s.npz")
    for stored, words in (
        (Statistics(MEAN, SIGMA, "inception"), "features 'inception'.*'flat'"),
        (Statistics(MEAN, SIGMA, "flat", "0" * 64), "weights of the features '0000000000000000'"),
        (Statistics(MEAN, SIGMA, "flat", own.sha256, "tf1-bilinear"), "resize rule 'tf1-bilinear'.*--resize"),
    ):
        with pytest.raises(UserError, match=words):
            stored.check(own, "s.npz")
    with pytest.raises(UserError, match=r"'s.txt' is no place for statistics .*\.npz"):
        Statistics(MEAN, SIGMA).write("s.txt")
