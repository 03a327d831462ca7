"""The Fréchet distance at d = 2048, N = 10,000: ours against the other forms in use, in one process.

``OMP_NUM_THREADS=2 python benchmarks/distances.py`` writes results/distances.json, in three minutes on a
quiet machine.  All forms start from means and covariances and take turns; their times are medians.  The
features are made up: like those of a network they are not negative and their variances fall off.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import scipy.linalg
import torch
from torch import Tensor

import visavis
from visavis.metrics.frechet import Reference, frechet_distance
from visavis.metrics.statistics import Moments

ROOT = Path(__file__).parents[1]


def features(n: int, d: int, seed: int, shift: float = 0.0) -> Tensor:
    """Float64 ``[n, d]``: a hidden normal of falling variances, mixed and cut off at 0."""
    mixing = torch.Generator().manual_seed(0)
    mix = torch.randn(d, d, generator=mixing) * torch.arange(1, d + 1) ** -0.5 / d**0.25
    hidden = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    return (hidden @ mix.T + 0.1 * hidden + shift).relu().double()


def by_eigenvalues(a: Moments, b: Moments) -> float:
    """As torchmetrics and torch-fidelity have it: the roots of the eigenvalues of the product Σ₁Σ₂."""
    roots = torch.linalg.eigvals(a.covariance @ b.covariance).sqrt().real.sum()
    return _distance(a, b, float(roots))


def by_sqrtm(a: Moments, b: Moments) -> float:
    """As pytorch-fid, clean-fid and dgm-eval have it: scipy's root of the product."""
    root = scipy.linalg.sqrtm((a.covariance @ b.covariance).numpy())
    return _distance(a, b, float(root.trace().real))


def _distance(a: Moments, b: Moments, trace_of_root: float) -> float:
    of_means = (a.mean - b.mean).square().sum()
    return float(of_means + a.covariance.trace() + b.covariance.trace()) - 2 * trace_of_root


def timed(compute: Callable[[], float]) -> tuple[float, float]:
    """Seconds and the value."""
    began = time.perf_counter()
    value = compute()
    return time.perf_counter() - began, value


def main() -> None:
    """Take turns, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d", type=int, default=2048)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--sqrtm-repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "distances.json")
    given = parser.parse_args()
    made = Moments.of(features(given.n, given.d, 1, 0.05))
    real = Moments.of(features(given.n, given.d, 2))
    reference = Reference.of(real)
    forms: dict[str, Callable[[], float]] = {
        "ours, the reference's factor cached": lambda: frechet_distance(made, reference).value,
        "ours": lambda: frechet_distance(made, real).value,
        "eigenvalues of the product": lambda: by_eigenvalues(made, real),
        "scipy's sqrtm": lambda: by_sqrtm(made, real),
    }
    torch.linalg.eigvalsh(made.covariance[:256, :256])  # the first call of a library is slow
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in forms}
    for turn in range(given.repeats):
        for name, compute in forms.items():
            if name != "scipy's sqrtm" or turn < given.sqrtm_repeats:
                rows[name].append(timed(compute))
                print(f"{name}: {rows[name][-1][0]:.2f} s", file=sys.stderr)
    fastest, truth = rows["ours, the reference's factor cached"], rows["eigenvalues of the product"][0][1]
    ours = statistics.median(seconds for seconds, _ in fastest)
    told = []
    for name, found in rows.items():
        seconds = [each for each, _ in found]
        middle = statistics.median(seconds)
        told.append(
            {
                "form": name,
                "seconds": middle,
                "range": [min(seconds), max(seconds)],
                "times_cached": middle / ours,
                "value": found[0][1],
                "relative_difference": abs(found[0][1] - truth) / truth,
                "repeats": len(found),
            }
        )
    record = {
        "d": given.d,
        "images": given.n,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "scipy": scipy.__version__,
        "visavis": visavis.__version__,
        "command": "OMP_NUM_THREADS=2 python benchmarks/distances.py",
        "date": datetime.now(UTC).date().isoformat(),
    }
    given.out.write_text(json.dumps({"record": record, "rows": told}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
