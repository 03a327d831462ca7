"""Thirty chosen cases of the walk; ``walk.py`` has all of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WALK = Path(__file__).with_name("walk.py")
COMMANDS = (
    *("train", "train on", "train, two processes"),
    *("sample to a folder", "sample to .npz", "translate", "export to a folder"),
)
"""Those that are quick."""


@pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")
@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")
def test_nothing_is_lost_at_thirty_points(tmp_path: Path) -> None:
    given = ["--cases", "30", "--commands", ";".join(COMMANDS), "--out", str(tmp_path / "found.json")]
    done = subprocess.run(
        [sys.executable, str(WALK), *given],
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = json.loads((tmp_path / "found.json").read_text()) if done.returncode in (0, 1) else None
    assert found is not None, done.stderr
    assert found["failed"] == [], done.stderr
    assert found["cases"] == 30
    assert all(points >= 3 for points in found["points"].values()), found["points"]  # the shim sees them
