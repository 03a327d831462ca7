import pytest

from visavis.report.words import clock, count, duration, number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1k"),
        (12_345, "12.3k"),
        (999_999, "1M"),
        (1.25e6, "1.25M"),
        (-2000, "−2k"),
    ],
)
def test_count(value: float, words: str) -> None:
    assert count(value) == words


def test_number_duration_clock() -> None:
    assert [number(v) for v in (0.6931, -12.34, 999.9, 34_500)] == ["0.693", "−12.3", "1k", "34.5k"]
    assert [duration(s) for s in (42, 720, 12_600)] == ["42 s", "12 min", "3.5 h"]
    assert [clock(s) for s in (-1, 42, 725, 12_600)] == ["0:00", "0:42", "12:05", "3:30:00"]
