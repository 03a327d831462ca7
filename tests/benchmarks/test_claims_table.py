import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from claims import SIDES
from claims_table import CLAIMS, ratio, said, spearman


def test_a_ratio_is_paired_by_seed_and_its_interval_is_students() -> None:
    middle, low, high = ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])
    assert (middle, low, high) == pytest.approx((0.5, 0.5, 0.5))
    middle, low, high = ratio([1.0, 1.0, 1.0], [1.0, 2.718281828, 7.389056099])
    assert middle == pytest.approx(1 / 2.718281828)
    assert low < 0.05 and high > 1  # 1 ± 4.303 / √3 in the exponent


def test_what_is_said_follows_the_interval() -> None:
    assert [said(0.5, 0.9), said(0.9, 1.1), said(1.1, 1.5)] == ["holds", "not clear", "the contrary"]


def test_rank_correlation_of_a_monotone_map_is_one() -> None:
    assert spearman([1.0, 2.0, 3.0, 9.0], [1.0, 4.0, 9.0, 10.0]) == pytest.approx(1.0)
    assert spearman([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)


def test_every_claim_is_between_sides_that_are_trained() -> None:
    assert {side for _, a, b in CLAIMS for side in (a, b)} <= SIDES.keys()
