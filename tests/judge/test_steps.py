from pathlib import Path

import numpy as np

from visavis.data.digits import digits
from visavis.judge.evaluate import Options, evaluate
from visavis.judge.matched import judge_pairs
from visavis.judge.steps import SILENT, counted
from visavis.metrics.features import load_extractor


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None, int]] = []

    def begin(self, what: str, total: int | None = None) -> None:
        self.steps.append((what, total, 0))

    def advance(self, n: int) -> None:
        what, total, done = self.steps[-1]
        self.steps[-1] = what, total, done + n


def test_every_image_is_counted_once_and_the_figures_are_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=digits("test")[0][:60])
    told, options = Told(), Options(reference="digits")
    found = evaluate(tmp_path / "x.npz", options, steps=told).result
    names = [what for what, _, _ in told.steps]
    assert names[:4] == [
        "reading images",
        "features of real images",
        "taking images",
        "features of the images",
    ]
    of_sample = next(step for step in told.steps if step[0] == "features of the images")
    batch = found["record"]["batch_size"]
    assert of_sample[1:] == (60, -(-60 // batch) * batch)
    silent = evaluate(tmp_path / "x.npz", options).result
    assert silent["fd_digitsr"] == found["fd_digitsr"]
    assert silent["record"]["features_sha256"] == found["record"]["features_sha256"]


def test_nobody_who_listens_leaves_the_extractor_alone() -> None:
    extractor = load_extractor("digitsr")
    assert counted(extractor, SILENT) is extractor


def test_pairs_are_counted(tmp_path: Path) -> None:
    from visavis.data.write import write_images

    for side in ("a", "b"):
        write_images(tmp_path / side, digits("test")[0][:40])
    told = Told()
    judge_pairs(tmp_path / "a", tmp_path / "b", Options(), told)
    assert told.steps == [("comparing pairs", 40, 40)]
