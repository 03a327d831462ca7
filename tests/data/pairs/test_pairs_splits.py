import numpy as np
import pytest

from visavis.data.pairs import splits
from visavis.errors import UserError


def test_without_parts_four_fifths_a_tenth_and_a_tenth() -> None:
    parts = {part: splits.rows_of(100, ["train"], part).tolist() for part in splits.PARTS}
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 80, "val": 10, "test": 10}
    assert sorted(row for rows in parts.values() for row in rows) == list(range(100))
    assert parts["val"] == sorted(parts["val"]) != list(range(10))
    assert parts["val"] == splits.rows_of(100, ["train"], "val").tolist()


def test_what_the_source_has_is_its_own() -> None:
    present = ["test", "train"]
    assert splits.rows_of(30, present, "test").tolist() == list(range(30))
    train, val = (splits.rows_of(100, present, part) for part in ("train", "val"))
    assert len(train) == 90 and sorted([*train, *val]) == list(range(100))
    assert splits.rows_of(7, ["train", "val", "test"], "train").tolist() == list(range(7))
    assert (
        splits.read_from(present, "val", "x") == "train" and splits.read_from(present, "test", "x") == "test"
    )


@pytest.mark.parametrize(("n", "sizes"), [(1, (1, 0, 0)), (2, (2, 0, 0)), (3, (1, 1, 1)), (24, (20, 2, 2))])
def test_small_sets(n: int, sizes: tuple[int, int, int]) -> None:
    rows = [splits.rows_of(n, ["train"], part) for part in splits.PARTS]
    assert tuple(map(len, rows)) == sizes
    assert sorted(np.concatenate(rows)) == list(range(n))


def test_names() -> None:
    assert splits.check_part("validation") == splits.check_part("valid") == "val"
    with pytest.raises(UserError, match="unknown split 'tran'; did you mean 'train'"):
        splits.check_part("tran")
    with pytest.raises(UserError, match="no split 'val' in 'x' and no 'train'"):
        splits.read_from(["test"], "val", "x")
    with pytest.raises(UserError, match="split 'val' of 'x' is empty"):
        splits.need(0, "val", "x")
