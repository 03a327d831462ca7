from typing import Any

import pytest

from visavis.report.verdict import verdict, words


def row(value: Any, null: Any = None, interval: Any = None, **more: Any) -> dict[str, Any]:
    return {"value": value, "interval": interval, "null": null, **more}


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("fd_x", row(1.0, 1.1), "near the null"),
        ("fd_x", row(2.0, 1.0, [0.9, 3.0]), "near the null"),
        ("fd_x", row(2.0, 1.0, [1.5, 2.5]), "above the null"),
        ("fd_x", row(20.0, 1.0, [15, 25]), "far from the null"),
        ("kd_x", row(1.0, -0.1, [0.5, 1.5]), "far from the null"),
        ("kd_x", row(0.1, -0.1, [-0.2, 0.4]), "near the null"),
        ("precision", row(0.5, 0.6, [0.45, 0.61]), "near the null"),
        ("precision", row(0.5, 0.6, [0.45, 0.55]), "below the null"),
        ("coverage", row(0.1, 0.9, [0.0, 0.2]), "far below the null"),
        ("support", row(1e5, 1e6, [5e4, None]), "far below the null"),
        ("collision_rate", row(0.1, 1e-5), "far from the null"),
        ("precision", row(0.5), ""),
        ("authenticity", row(0.88, 0.62, [0.85, 0.92]), "far above the null"),
        ("authenticity", row(0.65, 0.62, [0.6, 0.7]), "near the null"),
        ("spread", row(1.2, 1.05), "above the null"),
        ("spread", row(1.06, 1.05), "near the null"),
        ("gap", row(0.9, 1.05), "below the null"),
        ("kl", row(0.008, 0.0003, chance=0.0125), "near the null"),
        ("kl", row(0.02, 0.0003, chance=0.0125), "far from the null"),
        ("ndb", row(1.0, 0.2), "far from the null"),
        ("ndb", row(0.4, 0.2), "above the null"),
        ("support", row(103.0), "of as many held-out images no two are one"),
        ("quality", row(80.0, 100.0), "of 100"),
        ("exact_duplicates", row(0.1, 0.0), "copies: 10.00% of the images are in train"),
        ("exact_duplicates", row(0.0, 0.0), "none that is not by chance"),
        ("ct", row(-5.3, 0.1), "5.3 deviations nearer to train than held-out images"),
        ("ct", row(1.0, 0.1), "as near to train as held-out images"),
        ("near_copies", row(0.1, 0.01, p=1e-9, flagged=True), "look at the gallery"),
        ("near_copies", row(0.01, 0.01, p=0.4, flagged=False), "as many as chance makes, p = 0.4"),
        ("repeats", row(0.5), "50.00% equal an earlier image"),
        (
            "l1",
            {"value": 0.1, "interval": [0, 1], "model_is": "clearly better"},
            "the model is clearly better",
        ),
    ],
)
def test_words(name: str, part: dict[str, Any], said: str) -> None:
    assert words(name, part) == said or (said and said in words(name, part))


def test_the_table_has_a_line_a_figure_and_every_warning() -> None:
    record = {
        "images": 10,
        "weights": "ema",
        "source": "runs/x",
        "reference_images": 50,
        "reference": "digits",
    }
    record |= {"split": "train", "held_out": "test", "null_images": 10, "features": "f", "seed": 0}
    result = {
        "quality": row(None, why="too few images"),
        "fd_x": row(12.345, 1.0, [11, 13]),
        "birthday": {"support": row(20.0, None, [15.0, None]), "threshold": 0.1, "closest": [[0, 1, 0.1]]},
        "per_class": {"cat": {"fd_x": row(99.0)}},
        "classes": {"by": "f", "missing": ["dog"], "thinned": [], "shares": {"dog": row(0.0)}},
        "against": {"with": "other", "answers": [{"text": "A is better"}]},
        "warnings": ["this is one"],
        "record": record | {"features_sha256": "ab" * 32, "seconds": 3.2},
    }
    lines = verdict(result).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["figure", "quality", "fd_x", "birthday"]
    assert (
        lines[1].endswith("too few images")
        and "11 … 13" in lines[2]
        and lines[2].endswith("far from the null")
    )
    assert "15 … ∞" in lines[3] and "99" not in "\n".join(lines)
    assert "classes missing (as f sees them): dog" in lines and "note: this is one" in lines
    assert "against other:" in lines and "  A is better" in lines
    assert lines[-1].startswith(
        "10 images (ema) of runs/x against 50 of digits, split train; null: test (10)"
    )


def test_a_comparison_of_two_stored_results_has_no_table() -> None:
    text = verdict({"against": {"with": "b.json", "answers": [{"text": "fd_x: A 1, B 2"}]}})
    assert text.splitlines() == ["against b.json:", "  fd_x: A 1, B 2"]
