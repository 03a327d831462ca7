"""Images made here, written where other tools read them: a folder, ``.npz``, or parquet as the hub has it."""

import io
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis import files
from visavis.errors import UserError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
TRIED, WORTHWHILE = 64, 0.8
"""How many images tell whether to deflate, and the part of their bytes below which it is worth its time."""
COLOURS = {1: 0, 3: 2, 4: 6}
"""Channels -> PNG's type of colour."""


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
    """Keys ``images`` (uint8 ``[N, H, W, C]``), ``labels`` and ``classes`` where there are any.

    Deflated where that makes it a good deal smaller, as with digits on black; photos it would only delay.
    """
    arrays: dict[str, NDArray[np.generic]] = {"images": images}
    if labels is not None:
        arrays |= {"labels": labels, "classes": np.array(classes)}
    first = np.ascontiguousarray(images[:TRIED]).tobytes()
    save = np.savez_compressed if len(zlib.compress(first, 1)) < WORTHWHILE * len(first) else np.savez
    with files.atomic(path) as fresh, fresh.open("wb") as opened:
        save(opened, **arrays)  # type: ignore[arg-type]


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
    """Columns ``img`` (struct of PNG bytes and path) and ``label``, the hub's features in the metadata.

    The PNGs are filtered and not deflated: the column is compressed as a whole, ten times as fast.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    features: dict[str, object] = {"img": {"_type": "Image"}}
    encoded = [pa.array(map(_stored_png, images), pa.binary()), pa.nulls(len(images), pa.string())]
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


def _stored_png(image: Pixels) -> bytes:
    """A PNG of rows that are differences to the row above (filter 2), without compression (RFC 2083)."""
    height, width, channels = image.shape
    flat = image.reshape(height, -1)
    rows = np.full((height, 1 + flat.shape[1]), 2, np.uint8)
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])  # modulo 256
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, COLOURS[channels], 0, 0, 0))
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in chunks
    )


WRITERS: dict[str, Callable[[Path, Pixels, Labels | None, tuple[str, ...]], None]] = {
    ".npz": write_npz,
    ".parquet": write_parquet,
    "": write_folder,
}
"""A path's ending -> how images are written there."""
