import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_features import FlatExtractor

from visavis.data.digits import digits
from visavis.errors import UserError
from visavis.files import write_json
from visavis.judge.against import answer, of_results, read_result, stored
from visavis.judge.evaluate import Options, evaluate
from visavis.metrics.bootstrap import Comparison

TEST = digits("test")[0]
DIGITS = Options(reference="digits")


def noisy(path: Path, amount: int, seed: int, n: int = 300) -> Path:
    noise = np.random.default_rng(seed).integers(-amount, amount + 1, TEST[:n].shape)
    np.savez(path, images=(TEST[:n].astype(int) + noise).clip(0, 255).astype(np.uint8))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A little and much noise."""
    return noisy(tmp_path / "a.npz", 10, 0), noisy(tmp_path / "b.npz", 120, 1)


def test_the_better_one_is_named_with_how_sure_that_is(pair: tuple[Path, Path]) -> None:
    for given, other, better in ((*pair, "A"), (*pair[::-1], "B")):
        found = evaluate(given, DIGITS, other, FlatExtractor())
        (row,) = found.result["against"]["answers"]
        assert row["figure"] == "fd_flat" and row["better"] == better and row["p"] < 0.01 and row["paired"]
        assert row["a"] == pytest.approx(found.result["fd_flat"]["value"])
        assert row["interval"][0] < row["difference"] < row["interval"][1]
        assert row["interval"][0] * row["interval"][1] > 0
        assert f"{better} is better by" in row["text"] and "p = " in row["text"]


def test_chance_is_called_chance(tmp_path: Path) -> None:
    a, b = noisy(tmp_path / "a.npz", 10, 0), noisy(tmp_path / "b.npz", 10, 1)
    (row,) = evaluate(a, DIGITS, b, FlatExtractor()).result["against"]["answers"]
    assert row["better"] is None and row["p"] > 0.05 and "no more than chance" in row["text"]
    (same,) = evaluate(a, DIGITS, a, FlatExtractor()).result["against"]["answers"]
    assert same["better"] is None and same["difference"] == 0 and same["p"] == 1


def test_unequal_records_are_refused_by_field(pair: tuple[Path, Path], tmp_path: Path) -> None:
    few = noisy(tmp_path / "few.npz", 10, 3, n=200)
    with pytest.raises(UserError, match="'images' is 300 in one record and 200 in the other"):
        evaluate(pair[0], DIGITS, few, FlatExtractor())
    assert evaluate(pair[0], replace(DIGITS, n=200), few, FlatExtractor()).result["against"]


def test_a_stored_result_is_compared_by_its_intervals(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = (evaluate(path, DIGITS, extractor=FlatExtractor()).result for path in pair)
    for name, result in (("a", a), ("b", b)):
        write_json(tmp_path / f"{name}.json", result)
    rows = {row["figure"]: row for row in stored(a, b)}
    assert {"quality", "fd_flat", "kd_flat", "swd_flat", "precision", "recall", "coverage", "variety"} == set(
        rows
    )
    assert rows["fd_flat"]["better"] == "A" and not rows["fd_flat"]["paired"]
    assert rows["precision"]["better"] == "A" and rows["precision"]["difference"] > 0
    assert [row["better"] for row in stored(a, a)] == [None] * len(rows)
    live = evaluate(pair[0], DIGITS, tmp_path / "b.json", FlatExtractor()).result["against"]
    assert live == of_results(tmp_path / "a.json", tmp_path / "b.json")["against"]
    other = replace(DIGITS, classes=("1", "2"))
    with pytest.raises(UserError, match="reference_digest"):
        evaluate(pair[0], other, tmp_path / "b.json", FlatExtractor())


def test_a_difference_of_normals_by_hand() -> None:
    def result(value: float, half: float) -> dict[str, Any]:
        return {"fd_x": {"value": value, "interval": [value - half, value + half]}, "record": {}}

    (row,) = stored(result(10, 1.959963984540054 * 3), result(5, 1.959963984540054 * 4))
    assert row["difference"] == 5 and row["interval"] == pytest.approx([5 - 9.79982, 5 + 9.79982], abs=1e-4)
    assert row["p"] == pytest.approx(math.erfc(1 / math.sqrt(2))) and row["better"] is None


def test_words() -> None:
    sure = Comparison(-3.0, -4.0, -2.0, 0.005)
    assert answer("fd_x", 5, 8, sure)["text"] == "fd_x: A 5, B 8; A is better by 3 ± 1, p = 0.005"
    assert answer("precision", 5, 8, sure)["better"] == "B"


def test_files_that_are_no_results(tmp_path: Path) -> None:
    for content in ("[]", "{}", '{"record": {}}', '"x"'):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(UserError, match="no result of visavis evaluate"):
            read_result(tmp_path / "x.json")
    (tmp_path / "x.json").write_text(json.dumps({"record": {"protocol": 1}}))
    with pytest.raises(UserError, match="only be compared with another"):
        of_results(tmp_path / "x.json", None)
    with pytest.raises(UserError, match="cannot read"):
        of_results(tmp_path / "x.json", tmp_path / "none.json")
