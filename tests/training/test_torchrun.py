"""Two real processes under torchrun: the same run as one, and a clear end when one of them dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny import NETWORKS, Cli, assert_like_run, resumes

from visavis.models.results import figures
from visavis.models.snapshot import load_checkpoint

TRAIN = [
    *("train", "digits", *NETWORKS, "--batch-size", "8", "--tick", "16", "--device", "cpu"),
    *("--snapshot-every", "100000"),
]
STEADY = ["--adam.G.eps", "1e-3", "--adam.D.eps", "1e-3"]
"""Adam makes a whole step of a gradient that is but rounding, such as the first bias's; not with these."""


def torchrun(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    return subprocess.Popen(
        [*command, "-m", "visavis", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ours(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("visavis: ")]


@pytest.fixture
def two(tmp_path: Path) -> "subprocess.Popen[str]":
    """Started early: three programs start at the same time."""
    return torchrun(*TRAIN, *STEADY, "--images", 64, "--metrics", "", "--out", tmp_path / "two", "--json")


def test_two_processes_are_the_same_run_as_one(
    two: "subprocess.Popen[str]", tmp_path: Path, cli: Cli
) -> None:
    assert cli(*TRAIN, *STEADY, "--images", 64, "--metrics", "", "--out", tmp_path / "one").status == 0
    out, err = two.communicate(timeout=600)
    assert two.returncode == 0, err
    assert out.count('"images": 64') == 1  # one of them prints
    assert_like_run(tmp_path / "one", tmp_path / "two")


def test_a_process_that_dies_ends_the_others_and_the_run_resumes_with_one(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "run"
    command = [*TRAIN, "--checkpoint-every", 8, "--metrics", "", "--out", path]
    both = torchrun(*command, "--images", 1_000_000)
    wait_for(path / "checkpoint-previous.safetensors")
    os.kill(process_of_rank(both.pid, 0), signal.SIGKILL)
    _, err = both.communicate(timeout=600)
    assert both.returncode != 0
    assert any("another process is gone" in line and "resume" in line for line in ours(err)), err
    saved = load_checkpoint(path).numbers["images"]
    resumed = cli(*command, "--images", saved + 16)
    assert resumed.status == 0 and "going on with" in resumed.err
    assert resumes(path) == [saved]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def process_of_rank(parent: int, rank: int) -> int:
    """Of torchrun's children, the one whose environment says that it is ``rank``."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True
    ).stdout
    for pid in map(int, listed.split()):
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"RANK={rank}".encode() in environment:
            return pid
    raise AssertionError(f"no rank {rank} among {listed.split()}")


def test_one_process_stops_the_others_in_order(tmp_path: Path) -> None:
    """SIGTERM for one alone: all save and leave at the same step."""
    path = tmp_path / "run"
    both = torchrun(*TRAIN, "--checkpoint-every", 8, "--metrics", "", "--out", path, "--images", 1_000_000)
    wait_for(path / "checkpoint-previous.safetensors")
    os.kill(process_of_rank(both.pid, 1), signal.SIGTERM)
    _, err = both.communicate(timeout=600)
    assert "visavis: interrupted; run the same command again to go on" in err.splitlines()
    assert len(list((path / "snapshots").iterdir())) == 1


def test_two_processes_judge_and_sample_as_one_does(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    judge = ["evaluate", digits_run, "-n", 150, "--device", "cpu", "--json"]
    make = ["sample", digits_run, "-n", 150, "--device", "cpu", "--json", "--out"]
    both = torchrun(*judge, "--out", tmp_path / "both.json"), torchrun(*make, tmp_path / "both.npz")
    assert cli(*judge, "--out", tmp_path / "one.json").status == 0
    assert cli(*make, tmp_path / "one.npz").status == 0
    for process in both:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        json.loads(out)  # one of them prints
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "both"))
    assert one["record"]["source_digest"] == two["record"]["source_digest"]
    for (name, a), (_, b) in zip(figures(one), figures(two), strict=True):
        assert b["value"] == pytest.approx(a["value"], rel=1e-4, abs=1e-6), name
    images, others = (np.load(tmp_path / f"{name}.npz")["images"] for name in ("one", "both"))
    np.testing.assert_array_equal(images, others)
