"""Images made here, written where other tools read them: a folder, ``.npz``, or parquet as the hub has it."""

import io
import json
import re
from collections.abc import Callable
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
    """Write uint8 ``images: [N, H, W, C]`` by the path's ending: ``.npz``, ``.parquet``, or a folder of PNGs.

    Raises :class:`UserError` as :func:`check_path`.
    """
    check_path(path)
    files.sweep_beside(path)
    WRITERS[path.suffix.lower()](path, images, labels, classes)


def check_path(path: Path) -> None:
    """Raise :class:`UserError` for an ending that is none of ``WRITERS``, and a file in a folder's place."""
    if path.suffix.lower() not in WRITERS:
        raise UserError(
            f"cannot write '{path}' (allowed: .png for one sheet, .npz, .parquet, a folder: a name without "
            "ending); give another --out"
        )
    if not path.suffix and path.exists() and not path.is_dir():
        raise UserError(f"cannot write a folder '{path}': a file stands there; give another --out")


def write_npz(path: Path, images: Pixels, labels: Labels | None, classes: tuple[str, ...]) -> None:
    """Keys ``images`` (uint8 ``[N, H, W, C]``), ``labels`` and ``classes`` where there are any."""
    arrays: dict[str, NDArray[np.generic]] = {"images": images}
    if labels is not None:
        arrays |= {"labels": labels, "classes": np.array(classes)}
    with files.atomic(path) as fresh, fresh.open("wb") as opened:
        np.savez_compressed(opened, **arrays)  # type: ignore[arg-type]


def write_folder(path: Path, images: Pixels, labels: Labels | None, classes: tuple[str, ...]) -> None:
    """``000000.png`` and so on, in class folders where there are labels.

    Raises :class:`UserError` for a folder that holds other files: they would count as images of this set.
    """
    parents = [path] * len(images) if labels is None else [path / _folder_name(classes[i]) for i in labels]
    targets = [parent / f"{index:06d}.png" for index, parent in enumerate(parents)]
    others = sorted({p for p in path.rglob("*") if p.is_file() and p.name[0] != "."} - set(targets))
    if others:
        raise UserError(
            f"'{path}' holds other files, such as '{others[0].name}'; give an empty or new folder"
        )
    with files.finishing(path, (str(target.relative_to(path)) for target in targets)):
        for target, image in zip(targets, images, strict=True):
            files.write_atomic(target, _png(image))


def _folder_name(label: str) -> str:
    """The class's name as that of one visible folder."""
    return re.sub(r"^\.+|[/\\\0]", "_", label) or "_"


def write_parquet(path: Path, images: Pixels, labels: Labels | None, classes: tuple[str, ...]) -> None:
    """Columns ``img`` (struct of PNG bytes and path) and ``label``, the hub's features in the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    features: dict[str, object] = {"img": {"_type": "Image"}}
    encoded = [pa.array(map(_png, images), pa.binary()), pa.nulls(len(images), pa.string())]
    columns = {
        "img": pa.StructArray.from_arrays(encoded, ["bytes", "path"])
    }  # row by row takes as long again
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


WRITERS: dict[str, Callable[[Path, Pixels, Labels | None, tuple[str, ...]], None]] = {
    ".npz": write_npz,
    ".parquet": write_parquet,
    "": write_folder,
}
"""A path's ending -> how images are written there."""
