"""What two judges of colour images, ``cifar10r`` and ``cifar10s``, make of the same damage.

``python benchmarks/two_judges.py --data ../shared/data/cifar10`` damages 2,000 test images in known ways and
takes their Fréchet distance to the training images in both; results/two-judges.json, in a minute.
"""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import torch
from tables import ROOT, results, table
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from visavis import files
from visavis.bench.pair_step import cpu_model
from visavis.data import DataConfig, load
from visavis.metrics.features import load_extractor
from visavis.metrics.frechet import Reference, frechet_distance

RESULTS = ROOT / "results/two-judges.json"
FEATURES = ("cifar10r", "cifar10s")
N, REFERENCE = 2_000, 10_000


def noisy(x: Tensor, sigma: float) -> Tensor:
    """With normal noise of so many grey levels."""
    drawn = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return (x.float() + sigma * drawn).clamp(0, 255).round().byte()


def blurred(x: Tensor) -> Tensor:
    """Means of 3×3 pixels."""
    planes = pad(x.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="reflect")
    return avg_pool2d(planes, 3, 1).round().byte().permute(0, 2, 3, 1)


DAMAGE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "none (the null)": lambda x, y: x,
    "noise of 10 grey levels": lambda x, y: noisy(x, 10),
    "noise of 40 grey levels": lambda x, y: noisy(x, 40),
    "blurred, 3×3": lambda x, y: blurred(x),
    "two of ten classes left": lambda x, y: x[y < 2].repeat(10, 1, 1, 1)[: len(x)],
    "one class left": lambda x, y: x[y == 3].repeat(20, 1, 1, 1)[: len(x)],
    "20 pictures again and again": lambda x, y: x[:20].repeat(len(x) // 20, 1, 1, 1),
    "columns in another order": lambda x, y: x[
        :, :, torch.randperm(32, generator=torch.Generator().manual_seed(0))
    ],
}


def two_judges() -> str:
    """The table of docs/evaluation.md."""
    found = results("two-judges")
    record, rows = found["record"], []
    nulls = found["rows"][0]
    for row in found["rows"]:
        told = [f"{row[name]:.3g} ({row[name] / nulls[name]:.1f} times)" for name in FEATURES]
        rows.append([row["damage"], *told])
    note = (
        f"\n\n{N:,} test images of CIFAR-10 against {REFERENCE:,} training images; torch {record['torch']}, "
        f"{record['date']}; `python benchmarks/two_judges.py`."
    )
    return table(["damage", *(f"`fd_{name}` (times the null)" for name in FEATURES)], rows) + note


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="uoft-cs/cifar10", help="CIFAR-10, as visavis train takes it")
    given = parser.parse_args()
    train, test = (load(DataConfig(source=given.data, split=split)) for split in ("train", "test"))
    real = torch.from_numpy(np.array(train.images[:REFERENCE]))
    x, y = torch.from_numpy(np.array(test.images[:N])), torch.from_numpy(np.array(test.labels)[:N])
    rows: list[dict[str, float | str]] = [{"damage": name} for name in DAMAGE]
    for name in FEATURES:
        extractor = load_extractor(name)
        reference = Reference.of(extractor(real).vectors)
        for row, damage in zip(rows, DAMAGE.values(), strict=True):
            row[name] = frechet_distance(extractor(damage(x, y)).vectors, reference).value
    record = {"cpu": cpu_model(), "torch": torch.__version__, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    files.write_json(RESULTS, {"record": record, "rows": rows})
    print(two_judges())


if __name__ == "__main__":
    main()
