from pathlib import Path

import numpy as np
import pytest
import torch
from flat_features import FlatExtractor

from visavis.judge.by_class import shortened
from visavis.judge.evaluate import Options, evaluate
from visavis.metrics.frechet import frechet_distance

DIMS = 4


def write(path: Path, per_class: dict[int, int], names: list[str], seed: int) -> Path:
    """So many images of each class, which differ in how bright they are."""
    labels = np.repeat(list(per_class), list(per_class.values()))
    noise = np.random.default_rng(seed).integers(0, 60, (len(labels), 4, 4, 1))
    images = (noise + (labels % 64 * 3)[:, None, None, None]).astype(np.uint8)
    np.savez(path, images=images, labels=labels, classes=names)
    return path


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cache_folder")
def test_the_mean_over_many_classes_is_that_of_the_distances_of_each(tmp_path: Path) -> None:
    names = [f"c{i:03d}" for i in range(103)]
    real = write(tmp_path / "real.npz", dict.fromkeys(range(103), 7), names, 0)
    held = write(tmp_path / "held.npz", dict.fromkeys(range(103), 6), names, 1)
    made = write(tmp_path / "made.npz", dict.fromkeys(range(101), 6) | {101: 2}, names, 2)
    options = Options(reference=str(real), held_out=str(held), n=None)
    found = evaluate(made, options, extractor=FlatExtractor(DIMS)).result
    with np.load(made) as a, np.load(real) as b:
        x, y = (FlatExtractor(DIMS)(torch.from_numpy(file["images"])).vectors for file in (a, b))
        of_x, of_y = (torch.from_numpy(file["labels"]) for file in (a, b))
        each = [frechet_distance(x[of_x == k], y[of_y == k]).value for k in range(101)]
    row = found["intra_fd_flat"]
    assert row["value"] == pytest.approx(sum(each) / 101, rel=1e-6) and row["interval"] is None
    assert "of 101 of 103 classes, too few images of c101, c102" in row["why"]
    assert row["null"] == pytest.approx(np.mean(each), rel=1)  # of six images a class, all 103
    assert found["per_class"]["c007"]["fd_flat"]["value"] == pytest.approx(each[7], rel=1e-6)
    assert found["fd_flat"]["value"] < row["value"]  # all classes together hide what each one is


@pytest.mark.usefixtures("cache_folder")
def test_a_class_of_too_few_images_for_its_dimensions_says_so_and_swapped_classes_are_seen(
    tmp_path: Path,
) -> None:
    names = ["dark", "bright"]
    real = write(tmp_path / "real.npz", {0: 30, 50: 30}, names * 26, 0)
    with np.load(real) as file:
        labels, images = (file["labels"] > 0).astype(np.int64), file["images"]
    np.savez(real, images=images, labels=labels, classes=names)
    np.savez(tmp_path / "swapped.npz", images=images, labels=1 - labels, classes=names)
    options = Options(reference=str(real), held_out="none")
    right = evaluate(real, options, extractor=FlatExtractor(DIMS)).result
    wrong = evaluate(tmp_path / "swapped.npz", options, extractor=FlatExtractor(DIMS)).result
    assert right["fd_flat"]["value"] == pytest.approx(wrong["fd_flat"]["value"], abs=1e-9)
    assert right["intra_fd_flat"]["value"] == pytest.approx(0, abs=1e-9)
    assert wrong["intra_fd_flat"]["value"] > 0.1
    few = evaluate(real, options, extractor=FlatExtractor(31)).result
    assert "mostly bias" in few["intra_fd_flat"]["why"]
    assert "mostly bias" not in right["intra_fd_flat"]["why"]


def test_names_are_shortened() -> None:
    assert shortened(["a", "b"]) == "a, b" and shortened(list("abcdefg")) == "a, b, c, d, e and 2 more"
