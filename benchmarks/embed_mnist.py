"""Make ``mnist-10k``, the part of MNIST that comes with the package, from the hub's two parquet files.

``python benchmarks/embed_mnist.py ../shared/data/mnist/mnist`` writes ``src/visavis/data/embedded/mnist.npz``
and its record, ``results/mnist-10k.json``: 800 digits of each class from the training split and 200 from the
test split, chosen by seeded draws, in the set's own order, pixels unchanged.
"""

import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray
from PIL import Image

from visavis.data import draws
from visavis.data.mnist import FILE

RESULTS = Path(__file__).parents[1] / "results"
PER_CLASS = {"train": 800, "test": 200}
SEED = 28


def read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All digits of a parquet file, uint8 ``[N, 28, 28]``, and their labels ``[N]``."""
    table = pyarrow.parquet.read_table(path)
    cells = table.column("image").to_pylist()
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in cells])
    return pixels, table.column("label").to_numpy()


def rows_of(labels: NDArray[np.int64], split: str) -> NDArray[np.int32]:
    """Ascending row numbers of the digits that are kept: as many of each class."""
    kept = []
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        order = draws.permutation(len(members), SEED, len(labels), digit)
        kept.append(members[order[: PER_CLASS[split]]])
    return np.sort(np.concatenate(kept)).astype(np.int32)


def sha256(content: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Choose, write, and print the record."""
    folder = Path(sys.argv[1])
    arrays: dict[str, NDArray[np.generic]] = {}
    record: dict[str, object] = {"name": "mnist-10k", "seed": SEED, "per_class": PER_CLASS}
    for split in PER_CLASS:
        (source,) = folder.glob(f"{split}-*.parquet")
        pixels, labels = read(source)
        rows = rows_of(labels, split)
        arrays |= {f"{split}_images": pixels[rows], f"{split}_labels": labels[rows].astype(np.uint8)}
        arrays[f"{split}_rows"] = rows
        record |= {
            f"{split}_source_sha256": sha256(source.read_bytes()),
            f"{split}_images_sha256": sha256(pixels[rows].tobytes()),
            f"{split}_rows_sha256": sha256(rows.tobytes()),
        }
    np.savez_compressed(FILE, **arrays)  # type: ignore[arg-type]  # numpy's stub takes its flag for an array
    content = Path(str(FILE)).read_bytes()
    record |= {
        "bytes": len(content),
        "command": "python benchmarks/embed_mnist.py ../shared/data/mnist/mnist",
    }
    text = json.dumps(record, indent=2) + "\n"
    (RESULTS / "mnist-10k.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
