from pathlib import Path

import numpy as np
import pytest
import torch
from flat_features import FlatExtractor
from torch.testing import assert_close

from visavis.data import DataConfig, draws
from visavis.data.digits import digits
from visavis.errors import UserError
from visavis.judge.reference import SHARE, open_real
from visavis.metrics.frechet import Reference, frechet_distance


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def npz(path: Path, n: int = 60, seed: int = 0) -> Path:
    np.savez(path, images=draws.bits(n * 16, seed).astype(np.uint8).reshape(n, 4, 4, 1))
    return path


def test_the_test_split_is_held_out() -> None:
    real = open_real(DataConfig(source="digits"), FlatExtractor())
    assert (len(real.reference), len(real.held_out or ()), real.held_out_name) == (1438, 359, "test")
    assert real.unseen and real.trained_on is real.whole and real.shape == (8, 8, 1)
    images, labels = digits("test")
    assert real.held_out is not None and real.held_out.labels is not None
    assert np.array_equal(real.held_out.read(np.arange(359)), images)
    assert real.held_out.labels.tolist() == labels.tolist()
    assert_close(real.held_out.vectors, FlatExtractor()(torch.from_numpy(images)).vectors)


def test_a_source_with_one_split_holds_a_seeded_part_of_it_out(tmp_path: Path) -> None:
    config = DataConfig(source=str(npz(tmp_path / "x.npz")))
    real, again = (open_real(config, FlatExtractor()) for _ in range(2))
    assert real.held_out is not None and again.held_out is not None
    assert (len(real.whole), len(real.reference), len(real.held_out)) == (60, 48, 60 // SHARE)
    hashes = {row.tobytes() for side in (real.reference, real.held_out) for row in side.hashes}
    assert len(hashes) == 60 and "seeded" in real.held_out_name
    assert torch.equal(real.held_out.vectors, again.held_out.vectors)
    assert real.unseen and not open_real(config, FlatExtractor(), trained=True).unseen
    assert real.trained_on is real.reference
    assert open_real(config, FlatExtractor(), trained=True).trained_on.digest == real.whole.digest


def test_features_and_statistics_are_cached_by_content(tmp_path: Path) -> None:
    path = npz(tmp_path / "x.npz")
    config = DataConfig(source=str(path))
    first, second, other = FlatExtractor(), FlatExtractor(), FlatExtractor()
    real = open_real(config, first)
    gaussian, cells = real.gaussian, real.cells(3)
    again = open_real(config, second)
    assert first.calls == 1 and second.calls == 0
    assert torch.equal(again.gaussian.factor, gaussian.factor)
    assert torch.equal(again.cells(3).centres, cells.centres)
    npz(path, seed=1)  # the same name, other images
    changed = open_real(config, other)
    assert other.calls == 1
    assert frechet_distance(changed.gaussian, Reference.of(gaussian)).value > 1e-3
    renamed = FlatExtractor()
    renamed.sha256 = "0" * 64
    open_real(config, renamed)
    assert renamed.calls == 1


@pytest.mark.parametrize("dims", [8, 100])
def test_the_cached_gaussian_is_that_of_the_features(tmp_path: Path, dims: int) -> None:
    config = DataConfig(source=str(npz(tmp_path / "x.npz")))
    made = open_real(config, FlatExtractor(dims))
    read = open_real(config, FlatExtractor(dims))
    direct = Reference.of(made.reference.vectors)
    for real in (made, read):
        assert real.gaussian.n == 48 and (real.gaussian.covariance is None) == (dims == 100)
        assert_close(real.gaussian.factor, direct.factor, rtol=0, atol=0)


def test_a_reference_that_is_all_of_the_source_is_refused() -> None:
    config = DataConfig(source="digits", split="train+test")
    with pytest.raises(UserError, match=r"no real image is held out.*--held-out none"):
        open_real(config, FlatExtractor())
    real = open_real(config, FlatExtractor(), held_out="none")
    assert real.held_out is None and real.why and len(real.reference) == 1797


@pytest.mark.parametrize(
    ("held_out", "words"),
    [("tset", "did you mean 'test'"), ("train", "part of the reference 'train'")],
)
def test_held_out_splits_that_cannot_be(held_out: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_real(DataConfig(source="digits"), FlatExtractor(), held_out)


def test_held_out_images_that_are_in_the_reference_are_refused(tmp_path: Path) -> None:
    from visavis.data.write import write_images

    images = draws.bits(30 * 16, 7).astype(np.uint8).reshape(30, 4, 4, 1)
    write_images(tmp_path / "x" / "train", images)
    write_images(tmp_path / "x" / "test", images[:20])
    with pytest.raises(UserError, match="20 of the 20 held-out images"):
        open_real(DataConfig(source=str(tmp_path / "x")), FlatExtractor())


def test_parts_keep_everything_together() -> None:
    real = open_real(DataConfig(source="digits"), FlatExtractor(classes=("a", "b")))
    rows = np.array([5, 2, 9])
    part = real.reference.part(rows).part(np.array([2, 0]))
    assert part.labels is not None and real.reference.labels is not None
    assert part.labels.tolist() == real.reference.labels[[9, 5]].tolist()
    assert np.array_equal(part.read(np.arange(2)), real.reference.read(np.array([9, 5])))
    assert torch.equal(part.vectors, real.reference.vectors[[9, 5]]) and part.predicted is not None
    assert len(real.reference.some(10)) == 10 and real.reference.some(5000) is real.reference
    assert real.reference.some(10).digest != real.reference.some(10, seed=1).digest


def test_another_source_is_held_out_and_all_of_the_reference_kept(tmp_path: Path) -> None:
    reference, others = npz(tmp_path / "a.npz"), npz(tmp_path / "b.npz", n=25, seed=1)
    config = DataConfig(source=str(reference))
    real = open_real(config, FlatExtractor(), str(others), trained=True)
    assert real.held_out is not None and (len(real.reference), len(real.held_out)) == (60, 25)
    assert real.unseen and real.held_out_name == "b.npz" and real.trained_on is real.whole
    assert real.held_out_account is not None and real.held_out_account.used == 25
    with pytest.raises(UserError, match=r"60 of the 60 held-out images \('a.npz'\)"):
        open_real(config, FlatExtractor(), str(reference))
    with pytest.raises(UserError, match=r"no file or folder '\./c.npz'.*"):
        open_real(config, FlatExtractor(), "./c.npz")


def test_all_splits_of_the_other_source_count_and_labels_where_the_classes_are_the_references(
    tmp_path: Path,
) -> None:
    images = draws.bits(60 * 16, 3).astype(np.uint8).reshape(60, 4, 4, 1)
    for name, classes in (("same", ["b", "a"]), ("other", ["a", "c"])):
        np.savez(tmp_path / f"{name}.npz", images=images, labels=np.arange(60) % 2, classes=classes)
    source = draws.bits(40 * 16, 4).astype(np.uint8).reshape(40, 4, 4, 1)
    np.savez(tmp_path / "r.npz", images=source, labels=np.arange(40) % 2, classes=["a", "b"])
    config = DataConfig(source=str(tmp_path / "r.npz"))
    same, other = (
        open_real(config, FlatExtractor(), str(tmp_path / f"{name}.npz")).held_out
        for name in ("same", "other")
    )
    assert same is not None and same.labels is not None and same.labels[:4].tolist() == [1, 0, 1, 0]
    assert other is not None and other.labels is None
    # the splits of a source win over a folder of that name, which ./test means
    real = open_real(DataConfig(source="digits"), FlatExtractor(), "test")
    assert len(real.held_out or ()) == 359
