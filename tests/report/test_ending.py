"""What a training says at its end."""

import json
from pathlib import Path
from typing import Any

from visavis.report.ending import ending


def result(run: Path, **looked: Any) -> dict[str, Any]:
    return {"run": str(run), "images": 40_000, "seconds": 200.4, "guard": looked or None}


def test_what_was_made_how_good_and_what_is_next(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"data": {"classes": ["cat", "old dog"]}}')
    looked = {"samples": 1000, "variety": 0.734, "narrowest": "cat", "repeats": 0.0}
    found = result(tmp_path, **looked, steering=0.985, steering_interval=[0.975, 0.991], warnings=[])
    made, good, then = ending(found, "generate", True)
    assert made.startswith("made  40,000 images seen in 3:20: ") and "000000040000.png" in made
    assert "98.5 % (97.5 to 99.1) of 1,000 samples are of the class asked for" in good
    assert "two samples of a class differ 0.73 times as much as two real images" in good
    assert "repeat" not in good
    assert f"visavis sample {tmp_path} --label cat" in then and f"visavis evaluate {tmp_path}" in then


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    _, good, then = ending(result(tmp_path, variety=0.02, repeats=0.9, missing=["4", "7"]), "generate", False)
    assert "two samples differ 0.02 times" in good and "none shows 4, 7" in good
    assert "90% repeat another one" in good
    assert "--label" not in then


def test_a_translator_translates_next(tmp_path: Path) -> None:
    made, then = ending(result(tmp_path), "translate", False)
    assert made.startswith("made  ") and f"visavis translate {tmp_path}" in then


def judged(run: Path, quality: float | None, near: float | None) -> None:
    found = {
        "quality": {"value": quality, "interval": [8.0, 16.0], "null": 100.0},
        "kd_cifar10r": {"value": 0.5, "null": 0.01},
        "precision": {"value": 0.4, "null": 0.7},
        "coverage": {"value": 0.3, "null": None},
        "memorisation": {"near_copies": {"value": near, "p": 0.5, "flagged": False}},
        "record": {"trained_images": 40_000},
    }
    (run / "evaluation.json").write_text(json.dumps(found))


def test_the_best_the_score_and_the_page(tmp_path: Path) -> None:
    judged(tmp_path, 12.0, 0.01)
    more = {"best": {"images": 25_000, "fd_cifar10r": 31.4}, "report": "report.html"}
    lines = ending(result(tmp_path) | more, "generate", False)
    assert f"best  fd_cifar10r 31.4 at 25,000 images: {tmp_path}@best" in lines
    assert "score quality 12 (8 to 16) of 100; kd_cifar10r 0.5 (real images 0.01)" in lines
    assert "score near copies: as many as chance makes, p = 0.5" in lines and "page  report.html" in lines


def test_of_few_images_the_last_look_tells_of_copies(tmp_path: Path) -> None:
    judged(tmp_path, None, None)
    looked = {"metrics": {"authenticity": 0.2, "authenticity_of_real": 0.6}}
    lines = ending(result(tmp_path) | looked, "generate", False)
    assert "score kd_cifar10r 0.5 (real images 0.01); precision 0.4 (real images 0.7); coverage 0.3" in lines
    assert any("copies: 80% lie nearer" in line and "(of real ones 40%)" in line for line in lines)
    assert not any(line.startswith("score") for line in ending({**result(tmp_path), "images": 9}, "x", False))
