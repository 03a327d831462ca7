import json
import shutil
from pathlib import Path

import pytest
from small_models import made
from tiny import Cli

import visavis
from visavis.core import Shape
from visavis.errors import UserError
from visavis.judge.verify import Check, checks, compare_records
from visavis.models.snapshot import save_snapshot

NONE = {"record": {}}


@pytest.mark.parametrize(
    ("claimed", "measured", "holds"),
    [
        ({"value": 2.0, "interval": [1.0, 3.0]}, {"value": 2.5, "interval": [1.5, 3.5]}, True),
        ({"value": 2.0, "interval": [1.0, 3.0]}, {"value": 3.5, "interval": [1.5, 4.5]}, False),
        # the interval is honest, the value not
        ({"value": 0.5, "interval": [1.0, 3.0]}, {"value": 2.0, "interval": [1.0, 3.0]}, False),
        ({"value": 9.0, "interval": [5.0, None]}, {"value": 50.0, "interval": [9.0, None]}, True),
        ({"value": 10, "interval": None}, {"value": 10, "interval": None}, True),
        ({"value": 1.0, "interval": None}, {"value": 1.1, "interval": None}, False),
        ({"value": 1.0}, {"value": None, "interval": None}, False),
    ],
)
def test_a_figure_holds_where_each_lies_in_the_others_interval(
    claimed: dict[str, object], measured: dict[str, object], holds: bool
) -> None:
    (found,) = checks({"fd": claimed}, {"fd": measured, **NONE})
    assert found.holds == holds


def test_a_figure_that_nobody_measures_does_not_hold() -> None:
    assert checks({"beauty": {"value": 1.0}}, NONE) == [Check("beauty", 1.0, None, None, False)]


def test_figures_inside_figures_are_found() -> None:
    (found,) = checks({"modes kl": {"value": 0.5}}, {"modes": {"kl": {"value": 0.5}}, **NONE})
    assert found.holds


def test_other_data_of_the_same_name_is_told() -> None:
    one, other = ({"record": {"reference": "x", "reference_digest": digest}} for digest in "ab")
    compare_records(one, one)
    with pytest.raises(UserError, match="'x' holds other pictures now"):
        compare_records(one, other)


@pytest.fixture(scope="module")
def _judged_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged") / "run"
    residual = {"kind": "residual", "widths": [4, 4], "z_dim": 4}
    model = made({"G": residual}, Shape(1, 8), "generate", tuple("0123456789"))
    model.description.recipe["data"] = {"source": "digits"}  # type: ignore[index]
    save_snapshot(folder / "snapshots" / "000000000005.safetensors", model.networks, model.description)
    visavis.evaluate(folder, out=folder / "evaluation.json", n=50, device="cpu")
    return folder


@pytest.fixture
def judged_run(_judged_run: Path, tmp_path: Path) -> Path:
    """A copy of a run that was judged."""
    return Path(shutil.copytree(_judged_run, tmp_path / "run"))


def lie(saved: Path, value: str = "1.5") -> None:
    """Claim another fd_digitsr on the card of an exported folder."""
    card = saved / "README.md"
    measured = str(json.loads((saved / "evaluation.json").read_text())["fd_digitsr"]["value"])
    assert measured in card.read_text()
    card.write_text(card.read_text().replace(measured, value))


def test_an_exported_run_is_measured_again_and_a_lie_is_found(judged_run: Path, tmp_path: Path) -> None:
    visavis.load(judged_run).save_pretrained(tmp_path / "saved")
    lie(tmp_path / "saved")
    found = visavis.verify(tmp_path / "saved", device="cpu")
    assert not found["holds"]
    assert [row["figure"] for row in found["figures"] if not row["holds"]] == ["fd_digitsr"]
    assert len(found["figures"]) > 15
    (judged_run / "evaluation.json").unlink()
    with pytest.raises(UserError, match="claims no figures of these weights"):
        visavis.verify(judged_run)


def test_the_command_ends_with_1_where_a_figure_is_outside(
    cli: Cli, judged_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "hub" / "models--owner--digits"
    saved = cached / "snapshots" / ("1" * 40)
    visavis.load(judged_run).save_pretrained(saved)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("1" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    status, out, _ = cli("verify", saved, "--device", "cpu")
    *figures, last = out.splitlines()
    assert status == 0, out
    assert all(line.startswith("holds ") for line in figures)
    assert last == f"{len(figures)} figures measured again, none outside"

    lie(saved)
    status, out, _ = cli("verify", "owner/digits", "--device", "cpu")
    assert status == 1
    (outside,) = (line for line in out.splitlines() if line.startswith("OUTSIDE"))
    assert outside.startswith("OUTSIDE fd_digitsr: claimed 1.5 (")
    assert out.splitlines()[-1] == f"{len(figures)} figures measured again, 1 outside"
