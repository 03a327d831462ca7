"""Tiny runs of ``visavis``, and what tests ask of a run's files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

NETWORKS = [
    *("--networks.G.widths", "8,8", "--networks.G.z_dim", "8"),
    *("--networks.D.branch.widths", "8,8", "--networks.D.branch.features", "8"),
]
"""The digits' networks, shrunk."""
TINY = [
    *NETWORKS,
    *("--batch-size", "8", "--tick", "16", "--snapshot-every", "64", "--metric-samples", "32"),
    *("--objective.penalty_every", "1", "--device", "cpu"),
]
"""``visavis train digits`` in a second."""


class Outcome(NamedTuple):
    """What a command left: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Outcome]


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path from there."""
    return {
        file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


def rows(run: Path) -> list[dict[str, Any]]:
    """The scalars of a run's log, without what is told by the clock."""
    found = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [
        {
            name: value
            for name, value in row.items()
            if name not in ("seconds", "images_per_second", "energy/joules")
        }
        for row in found
        if "event" not in row
    ]


def resumes(run: Path) -> list[int]:
    """The images at which a run was resumed, as its log tells."""
    found = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [row["images"] for row in found if row.get("event") == "resume"]


def assert_like_run(one: Path, other: Path, rtol: float = 1e-4, atol: float = 1e-4) -> None:
    """Weights, averages and the log are equal to rounding."""
    a, b = (load_file(run / "checkpoint.safetensors") for run in (one, other))
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        if name.startswith(("nets.", "ema.")):
            torch.testing.assert_close(b[name], tensor, rtol=rtol, atol=atol)
    for mine, theirs in zip(rows(one), rows(other), strict=True):
        assert mine == pytest.approx(theirs, rel=max(rtol, 1e-3), abs=atol)


def assert_same_run(one: Path, other: Path) -> None:
    """The last snapshot, the checkpoint and the log are equal bit for bit."""
    names = [sorted(path.name for path in (run / "snapshots").iterdir())[-1] for run in (one, other)]
    assert names[0] == names[1]
    for file in (f"snapshots/{names[0]}", "checkpoint.safetensors"):
        a, b = load_file(one / file), load_file(other / file)
        assert a.keys() == b.keys()
        assert [name for name in a if not torch.equal(a[name], b[name])] == []
    assert rows(one) == rows(other)
    newest = sorted(path.name for path in (one / "samples").iterdir())[-1]
    assert (one / "samples" / newest).read_bytes() == (other / "samples" / newest).read_bytes()
