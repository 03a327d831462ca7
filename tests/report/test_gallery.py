from pathlib import Path

import numpy as np
import pytest
from flat_features import FlatExtractor
from PIL import Image

from visavis.data.digits import digits
from visavis.errors import UserError
from visavis.judge.evaluate import Options, evaluate
from visavis.report.gallery import NEIGHBOURS, ROWS, TITLE, save_gallery, sheet


def test_copies_come_first_beside_what_they_copy(tmp_path: Path) -> None:
    train, test = digits("train")[0], digits("test")[0]
    np.savez(tmp_path / "x.npz", images=np.concatenate([test[:60], train[:3], train[2:3]]))
    found = evaluate(tmp_path / "x.npz", Options(reference="digits"), extractor=FlatExtractor())
    nearest, by_pixels, closest = save_gallery(tmp_path / "sheets", found)
    names = ["nearest-train.png", "nearest-train-pixels.png", "closest-pairs.png"]
    assert [path.name for path in (nearest, by_pixels, closest)] == names
    assert Image.open(by_pixels).size == Image.open(nearest).size
    picture = np.asarray(Image.open(nearest))
    assert picture.ndim == 3 and picture.shape[0] > ROWS * 8 and picture.shape[1] > 2 * (1 + NEIGHBOURS) * 8
    cell = next(  # the enlargement that the grid chose
        s for s in range(1, 20) if TITLE + 2 + ROWS * (8 * s + 2) == picture.shape[0]
    )

    def tile(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
        step = 8 * cell + 2
        top, left = TITLE + 2 + row * step, 2 + column * step
        return sheet[top : top + 8 * cell : cell, left : left + 8 * cell : cell]

    copies = [tile(picture, row, 0) for row in range(4)]
    for row, copy in enumerate(copies):
        assert np.array_equal(copy, tile(picture, row, 1))
        assert any(np.array_equal(copy[..., :1], image) for image in train[:3])
    assert not np.array_equal(tile(picture, 4, 0), tile(picture, 4, 1))
    pairs = np.asarray(Image.open(closest))
    assert np.array_equal(tile(pairs, 0, 0)[..., :1], train[2]) and np.array_equal(
        tile(pairs, 0, 1)[..., :1], train[2]
    )


def test_without_held_out_images_there_is_one_block(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=digits("test")[0][:30])
    widths = []
    for held_out in ("auto", "none"):
        options = Options(reference="digits", held_out=held_out)
        found = evaluate(tmp_path / "x.npz", options, extractor=FlatExtractor())
        widths.append([Image.open(path).width for path in save_gallery(tmp_path / held_out, found)])
    assert all(one > 1.8 * other for one, other in zip(*widths, strict=True))


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=digits("test")[0][:10])
    found = evaluate(tmp_path / "x.npz", Options(reference="digits"), extractor=FlatExtractor())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        save_gallery(tmp_path / "file", found)


def test_titles_stand_above_their_blocks() -> None:
    block = np.zeros((4, 8, 8, 3), np.uint8)
    whole = np.asarray(sheet([("one", block, 2), ("a much longer title than its images are wide", block, 1)]))
    assert whole[:TITLE].min() < 100 and (whole[TITLE + 3 :, 3] == 0).any()
