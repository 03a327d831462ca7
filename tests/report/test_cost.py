"""What a run cost: time and, where the machine tells, energy."""

import json
from pathlib import Path

from runs_on_disk import make_run

from visavis.report.page import make_page
from visavis.report.runfiles import open_runs

NOTE = "This machine does not tell the energy that it takes."
WHOLE = "The energy is that of the whole processor"


def metered(run: Path, joules: float, ticks: int) -> Path:
    """The last ``ticks`` of a run with the joules that each took."""
    rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    for row in rows[-ticks:]:
        row["energy/joules"] = joules
    (run / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def test_a_machine_that_does_not_tell_its_energy_has_no_column_for_it(tmp_path: Path) -> None:
    made = make_page(open_runs([make_run(tmp_path / "a", ticks=10, sheets=0)]))
    (cost,) = [table for table in made.tables if table.name == "cost"]
    assert cost.header == ["run", "images", "training", "images/s"]
    assert cost.rows == [["a", "10,000", "20 s", "500"]]
    assert NOTE in made.html and WHOLE not in made.html


def test_energy_is_added_up_over_the_ticks_and_told_for_each_sample(tmp_path: Path) -> None:
    a = metered(make_run(tmp_path / "a", ticks=10, sheets=0), 25.0, 10)
    b = make_run(tmp_path / "b", ticks=10, sheets=0)
    made = make_page(open_runs([a, b]))
    (cost,) = [table for table in made.tables if table.name == "cost"]
    assert cost.header[4:] == ["energy", "samples/J"]
    assert [row[4:] for row in cost.rows] == [["250 J", "40"], ["", ""]]
    assert NOTE not in made.html and WHOLE in made.html
    assert "Energy of the processor" in made.html  # and as a curve, joules a tick
