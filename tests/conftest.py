"""Tiny runs of ``visavis`` for the tests of the whole program; no network, a cache of the tests' own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tiny import TINY, Cli, Outcome
from torch import Tensor

Normal = Callable[..., Tensor]

os.environ["HF_HUB_OFFLINE"] = "1"  # read when datasets is first imported
os.environ["OMP_NUM_THREADS"] = (
    "1"  # for the processes that tests start: sums depend on the number of threads
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread_and_a_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    torch.set_num_threads(1)
    os.environ["VISAVIS_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def _curves_are_quick() -> Iterator[None]:
    """An empty file where a run's curves would be: drawing them takes half of a tiny run."""
    from visavis.runs import saving

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "plot_curves", lambda rows, path, **_: Path(path).touch())
        yield


@pytest.fixture
def real_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves that are drawn."""
    from visavis.report.curves import plot_curves
    from visavis.runs import saving

    monkeypatch.setattr(saving, "plot_curves", plot_curves)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process."""

    def run(*arguments: object) -> Outcome:
        from visavis.cli.main import main

        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return Outcome(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def _digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from visavis.cli.main import main

    folder = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.raises(SystemExit) as left:
        main(["train", "digits", *TINY, "--images", "64", "--checkpoint-every", "24", "--out", str(folder)])
    assert not left.value.code
    return folder


@pytest.fixture
def digits_run(_digits_run: Path, tmp_path: Path) -> Path:
    """A copy of a conditional run on digits that ended at 64 images."""
    return Path(shutil.copytree(_digits_run, tmp_path / "digits-run"))


@pytest.fixture(scope="session")
def normal() -> Normal:
    """``normal(n, d, seed)``: standard normals, float64 [n, d]."""

    def draw(n: int, d: int, seed: int = 0) -> Tensor:
        return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    return draw
