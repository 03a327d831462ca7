"""Images made here, written where other tools read them: a sheet, a folder, ``.npz``, or parquet as the hub has it."""

import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis import files
from visavis.errors import UserError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


def write_images(
    path: Path, images: Pixels, labels: Labels | None = None, classes: tuple[str, ...] = ()
) -> None:
    """Write uint8 ``images: [N, H, W, C]`` by the path's ending: ``.npz``, ``.parquet``, or none for a folder of PNGs.

    Raises :class:`UserError` for another ending.
    """
    writers = {".npz": write_npz, ".parquet": write_parquet, "": write_folder}
    if path.suffix.lower() not in writers:
        raise UserError(
            f"'{path}': images go to .png (one sheet), .npz, .parquet or a folder (a name without ending)"
        )
    writers[path.suffix.lower()](path, images, labels, classes)


def write_npz(path: Path, images: Pixels, labels: Labels | None, classes: tuple[str, ...]) -> None:
    """Keys ``images`` (uint8 ``[N, H, W, C]``), ``labels`` and ``classes`` where there are any."""
    arrays: dict[str, NDArray[np.generic]] = {"images": images}
    if labels is not None:
        arrays |= {"labels": labels, "classes": np.array(classes)}
    with files.atomic(path) as fresh, fresh.open("wb") as opened:
        np.savez_compressed(opened, **arrays)  # type: ignore[arg-type]


def write_folder(path: Path, images: Pixels, labels: Labels | None, classes: tuple[str, ...]) -> None:
    """``000000.png`` and so on, in class folders where there are labels."""
    for index, image in enumerate(images):
        parent = path if labels is None else path / classes[labels[index]]
        files.write_atomic(parent / f"{index:06d}.png", _png(image))


def write_parquet(path: Path, images: Pixels, labels: Labels | None, classes: tuple[str, ...]) -> None:
    """Columns ``img`` (struct of PNG bytes and path) and ``label``, with the hub's features in the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features: dict[str, object] = {"img": {"_type": "Image"}}
    columns = {"img": pa.array([{"bytes": _png(i), "path": None} for i in images], image_type)}
    if labels is not None:
        features["label"] = {"names": list(classes), "_type": "ClassLabel"}
        columns["label"] = pa.array(labels, pa.int64())
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    with files.atomic(path) as fresh:
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), fresh, compression="zstd")


def _png(image: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()
