"""Two real processes, of torchrun and without it: the same run as one, and a clear end when one dies."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import together
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
    both = together(tmp_path / "told", *command, "--images", 1_000_000)
    wait_for(path / "checkpoint-previous.safetensors")
    both.members[0].kill()
    assert both.ended()[1] not in (0, None)
    err = both.said("err")
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


def test_one_process_stops_the_others_in_order(tmp_path: Path) -> None:
    """SIGTERM for one alone: all save and leave at the same step."""
    path, stopped = tmp_path / "run", "visavis: interrupted; run the same command again to go on"
    command = [*TRAIN, "--checkpoint-every", 8, "--metrics", "", "--out", path, "--images", 1_000_000]
    both = together(tmp_path / "told", *command)
    wait_for(path / "checkpoint-previous.safetensors")
    both.members[1].terminate()
    assert both.ended() == [130, 130]
    assert stopped in both.said("err").splitlines()
    assert len(list((path / "snapshots").iterdir())) == 1


def test_two_processes_judge_and_sample_as_one_does(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    judge = ["evaluate", digits_run, "-n", 150, "--device", "cpu", "--json"]
    make = ["sample", digits_run, "-n", 150, "--device", "cpu", "--json", "--out"]
    both = [
        together(tmp_path / "judging", *judge, "--out", tmp_path / "both.json"),
        together(tmp_path / "making", *make, tmp_path / "both.npz"),
    ]
    assert cli(*judge, "--out", tmp_path / "one.json").status == 0
    assert cli(*make, tmp_path / "one.npz").status == 0
    for group in both:
        assert group.ended() == [0, 0], group.said("err")
        json.loads(group.said("out"))  # one of them prints
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "both"))
    assert one["record"]["source_digest"] == two["record"]["source_digest"]
    for (name, a), (_, b) in zip(figures(one), figures(two), strict=True):
        assert b["value"] == pytest.approx(a["value"], rel=1e-4, abs=1e-6), name
    images, others = (np.load(tmp_path / f"{name}.npz")["images"] for name in ("one", "both"))
    np.testing.assert_array_equal(images, others)
