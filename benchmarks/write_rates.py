"""How fast 50,000 images of CIFAR's size are written: .npz and parquet against one PNG at a time, as JSON.

    python benchmarks/write_rates.py --out results/write-rates.json

The images are soft noise, whose PNGs are as large as those of photographs (2.4 kB).  One PNG at a time is
Pillow's ``save`` in a loop, as a user would write it; and the folder of ``visavis sample``, where each file
is written whole (beside, flushed to the disk, renamed), timed on fewer.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visavis import __version__
from visavis.bench.pair_step import cpu_model
from visavis.data.write import Pixels, write_images
from visavis.files import to_json, write_json

CLASSES = tuple("0123456789")


def soft_noise(n: int, seed: int = 0) -> Pixels:
    """uint8 ``[n, 32, 32, 3]``."""
    draw = np.random.default_rng(seed)
    small = draw.integers(0, 256, (n, 8, 8, 3), np.uint8)
    large = [
        np.asarray(Image.fromarray(x).resize((32, 32), Image.Resampling.BICUBIC), np.int16) for x in small
    ]
    noisy = np.stack(large) + draw.integers(-6, 7, (n, 32, 32, 3), np.int16)
    return noisy.clip(0, 255).astype(np.uint8)


def by_hand(path: Path, images: Pixels) -> None:
    """A loop over Pillow's ``save``."""
    path.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(path / f"{i:06d}.png")


def by_us(path: Path, images: Pixels) -> None:
    """What ``visavis sample --out`` writes."""
    write_images(path, images, np.arange(len(images)) % 10, CLASSES)


def rate(
    folder: Path, name: str, images: Pixels, write: Callable[[Path, Pixels], None] = by_us
) -> dict[str, Any]:
    """Images a second, and bytes of an image."""
    began = time.monotonic()
    write(folder / name, images)
    seconds = time.monotonic() - began
    written = [path for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()]
    size = sum(path.stat().st_size for path in written) / len(images)
    return {
        "images": len(images),
        "seconds": round(seconds, 2),
        "per_second": round(len(images) / seconds),
        "bytes_an_image": round(size),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=50_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    images = np.resize(soft_noise(min(given.n, 5000)), (given.n, 32, 32, 3))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plain = rate(folder, "plain", images, by_hand)
        whole = rate(folder, "pngs", images[: max(1, min(given.n, 2000))])
        npz, parquet = rate(folder, "x.npz", images), rate(folder, "x.parquet", images)
    result = {
        "plain_png_at_a_time": plain,
        **{
            name: told | {"ratio": round(told["per_second"] / plain["per_second"], 2)}
            for name, told in (("png_at_a_time", whole), ("npz", npz), ("parquet", parquet))
        },
        "ratios_to_whole_png": {
            name: round(told["per_second"] / whole["per_second"], 1)
            for name, told in (("npz", npz), ("parquet", parquet))
        },
        "record": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "numpy": np.__version__,
            "python": platform.python_version(),
            "visavis": __version__,
            "date": time.strftime("%Y-%m-%d"),
        },
    }
    print(to_json(result, indent=2))
    if given.out is not None:
        write_json(given.out, result)


if __name__ == "__main__":
    main()
