"""What figures say while a run trains: the best, a plateau, a decline."""

from typing import Any

import pytest

from visavis.errors import UserError
from visavis.recipes.watch import Watch
from visavis.runs.watch import RECENT, best_row, copying, declines, plateau


def rows(name: str, *values: float | None) -> list[dict[str, Any]]:
    return [{"images": 100 * (i + 1), name: value} for i, value in enumerate(values)]


def test_the_best_row_is_the_first_lowest_distance_and_the_first_highest_coverage() -> None:
    assert best_row(rows("fd_digitsr", 5.0, 2.0, 2.0, 3.0), "fd_digitsr")["images"] == 200
    assert best_row(rows("coverage", 0.1, 0.9, None, 0.9), "coverage")["images"] == 200
    with pytest.raises(UserError, match=r"nothing was measured of 'psnr' \(measured: coverage\)"):
        best_row(rows("coverage", 0.1), "psnr")


def test_patience_counts_evaluations_without_a_better_one() -> None:
    series = rows("fd_digitsr", 5.0, 2.0, 2.1, 2.2)
    assert plateau(series, "fd_digitsr", None) is None
    assert plateau(series[:3], "fd_digitsr", 2) is None
    told = plateau(series, "fd_digitsr", 2)
    assert told is not None and "2 (at 200 images) in the last 2 evaluations" in told
    assert plateau([*series, {"images": 500, "fd_digitsr": 1.9}], "fd_digitsr", 2) is None


def test_lost_coverage_speaks_after_two_evaluations_and_not_after_one() -> None:
    assert declines(rows("coverage", 0.5, 0.8, 0.4), []) == {}
    told = declines(rows("coverage", 0.5, 0.8, 0.4, 0.5), [])
    assert list(told) == ["coverage"] and "from 0.80 (at 200 images) to 0.50" in told["coverage"]
    assert declines(rows("coverage", 0.5, 0.8, 0.7, 0.6), []) == {}


def test_images_that_repeat_others_more_and_more_are_a_collapse() -> None:
    assert declines(rows("duplicates", 0.01, 0.02, 0.02), []) == {}
    told = declines(rows("duplicates", 0.01, 0.3, 0.4), [])
    assert "40% of the images repeat others, 1% did before" in told["repeats"]


def test_a_critic_that_always_wins_is_told_of() -> None:
    won = [{"accuracy/unlike": 0.999, "loss/D": 0.001}] * RECENT
    assert "it has won" in declines([], won)["critic"]
    assert declines([], won[1:]) == {}
    assert declines([], [{"accuracy/unlike": 0.9, "loss/D": 0.3}] * RECENT) == {}


def test_patience_without_evaluations_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give --watch.every too"):
        Watch(patience=3)


def test_copying_is_told_after_two_evaluations_below_half_of_what_real_images_have() -> None:
    def series(*values: float) -> list[dict[str, Any]]:
        return [{**row, "authenticity_of_real": 0.6} for row in rows("authenticity", *values)]

    assert copying(series(0.9, 0.2)) is None and copying(series(0.2, 0.31)) is None
    told = copying(series(0.5, 0.25, 0.2))
    assert told is not None and "80% of the images" in told and "(40% of real ones do)" in told
    assert "copies" in declines(series(0.2, 0.2), [])
    assert copying(rows("authenticity", None, None)) is None
