from pathlib import Path

import pytest

from visavis.runs.energy import Meter


def zone(folder: Path, name: str, microjoules: int) -> Path:
    made = folder / name
    made.mkdir(exist_ok=True)
    (made / "energy_uj").write_text(str(microjoules))
    (made / "max_energy_range_uj").write_text("1000000000")
    return made


def test_packages_are_added_their_parts_are_not_and_a_counter_may_begin_again(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", 1)
    zone(tmp_path, "intel-rapl:1", 999_000_000)
    meter = Meter(tmp_path)
    zone(tmp_path, "intel-rapl:0", 8_000_000)
    zone(tmp_path, "intel-rapl:0:0", 3_000_000)
    zone(tmp_path, "intel-rapl:1", 1_500_000)
    assert meter.joules() == pytest.approx(3.0 + 2.5)
    assert meter.joules() == 0.0


def test_a_machine_that_does_not_tell_gives_none(tmp_path: Path) -> None:
    assert Meter(tmp_path).joules() is None
    assert Meter(tmp_path / "nowhere").joules() is None
