"""How the quality score does where the answer is known: digits, spoiled in ways that everybody can order.

``OMP_NUM_THREADS=1 python benchmarks/quality_cases.py`` writes results/quality-cases.json, in a minute.  The
held-out digits are halved at random; one half is the null, the other poses as a generator's images or is
spoiled.  Forty such splits give the mean and the spread of the score.
"""

import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

import visavis
from visavis.data.digits import digits
from visavis.data.pixels import to_float, to_uint8
from visavis.judge.quality import Labelled, measured_quality
from visavis.networks.classifier import DIGITSR_SHA256, load_digit_classifier

ROOT = Path(__file__).parents[1]
SPLITS, N = 40, 179


def floats(split: str) -> Tensor:
    """Digits ``[N, 1, 8, 8]`` in [-1, 1]."""
    return to_float(torch.as_tensor(digits(split)[0]).permute(0, 3, 1, 2))


def blurred(x: Tensor, sigma: float) -> Tensor:
    """``[N, 1, 8, 8]`` through a Gaussian filter of ``sigma`` pixels; black outside."""
    at = torch.arange(-3.0, 4.0)
    line = torch.exp(-at.square() / (2 * sigma**2))
    kernel = torch.outer(line, line) / line.sum() ** 2
    return conv2d(pad(x, (3, 3, 3, 3), value=-1.0), kernel[None, None])


def noisy(x: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """With Gaussian noise; a grey level is 2/255."""
    return (x + deviation * torch.randn(x.shape, generator=generator)).clamp(-1, 1)


def noise(x: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform noise of the same shape."""
    return 2 * torch.rand(x.shape, generator=generator) - 1


def cases(
    real: Tensor, train: Tensor, test: Tensor, label: Tensor, generator: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """``real: [N, 1, 8, 8]`` and what can be spoiled of it, from the best to the worst of each kind.

    Classes are left out of all of ``test``, whose classes are ``label``: half of it would be too few images.
    """
    index = torch.arange(N)
    order = torch.randperm(len(test), generator=generator)
    yield "held-out real images", real
    yield "copies of training images", train[torch.randperm(len(train), generator=generator)[:N]]
    for deviation in (0.1, 0.2, 0.4):
        yield f"noise of deviation {deviation} added, in [-1, 1]", noisy(real, deviation, generator)
    for sigma in (0.5, 0.7, 1.0):
        yield f"blurred, σ {sigma} pixels", blurred(real, sigma)
    for times in (2, 3):
        yield f"each image {times} times", real[index % (N // times + 1)]
    for kept in (8, 5, 3):
        yield f"{kept} classes of ten", test[order][label[order] < kept][:N]
    for share in (0.25, 0.5):
        count = round(share * N)
        yield f"{share:.0%} of the images noise", torch.cat([real[count:], noise(real[:count], generator)])
    for share in (0.5, 0.75, 0.9):
        few = real[torch.randint(20, (round(share * N),), generator=generator)]
        yield (
            f"{share:.0%} of the images from twenty, the rest distinct",
            torch.cat([few, real[20 : N + 20 - len(few)]]),
        )
    yield "ten images, repeated", real[index % 10]
    yield "one image, repeated", real[index % 1]
    yield "noise", noise(real, generator)


def main() -> None:
    """Score every case on every split."""
    classifier = load_digit_classifier()

    @torch.inference_mode()
    def read(x: Tensor) -> Labelled:
        x = to_float(to_uint8(x))
        return Labelled(classifier.features(x).double(), classifier(x).argmax(1))

    train, test = floats("train"), floats("test")
    reference, label = read(train), read(test).labels
    assert label is not None
    scores: dict[str, list[float]] = {}
    for split in range(SPLITS):
        generator = torch.Generator().manual_seed(split)
        null, real = test[torch.randperm(len(test), generator=generator)[: 2 * N]].chunk(2)
        held_out = read(null)
        for name, images in cases(real, train, test, label, generator):
            value = measured_quality(read(images), held_out, reference, classes=10).value
            scores.setdefault(name, []).append(value)
    rows = []
    for name, values in scores.items():
        x = torch.tensor(values, dtype=torch.float64)
        spread = {"mean": float(x.mean()), "deviation": float(x.std())}
        rows.append({"case": name, **spread, "least": float(x.min()), "most": float(x.max())})
    record = {
        "features": "digitsr",
        "features_sha256": DIGITSR_SHA256,
        "reference": f"{len(train)} training digits",
        "images": N,
        "splits": SPLITS,
        "quantised": "uint8, rounded",
        "command": "OMP_NUM_THREADS=1 python benchmarks/quality_cases.py",
        "machine": platform.machine(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    path = ROOT / "results" / "quality-cases.json"
    path.write_text(json.dumps({"record": record, "rows": rows}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
