"""What a training says at its end."""

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
