"""The forms that the benchmark times compute one and the same distance."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from torch.testing import assert_close

from visavis.metrics.frechet import Reference, frechet_distance
from visavis.metrics.statistics import Moments

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "distances.py"


@pytest.fixture(scope="module")
def distances() -> Any:
    spec = importlib.util.spec_from_file_location("distances", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_forms_agree(distances: Any) -> None:
    made = Moments.of(distances.features(400, 48, 1, 0.05))
    real = Moments.of(distances.features(400, 48, 2))
    truth = frechet_distance(made, real).value
    assert truth > 0
    assert_close(frechet_distance(made, Reference.of(real)).value, truth, rtol=1e-9, atol=0)
    assert_close(distances.by_eigenvalues(made, real), truth, rtol=1e-9, atol=0)
    assert_close(distances.by_sqrtm(made, real), truth, rtol=1e-9, atol=0)


def test_the_eigenvalue_form_is_that_of_torchmetrics(distances: Any) -> None:
    from torchmetrics.image.fid import _compute_fid

    made, real = (Moments.of(distances.features(200, 16, seed)) for seed in (1, 2))
    theirs = float(_compute_fid(made.mean, made.covariance, real.mean, real.covariance))
    assert_close(distances.by_eigenvalues(made, real), theirs, rtol=1e-12, atol=0)
