"""An Arrow table of encoded images in the hub's layout: an image column, and perhaps a label column.

Arrow comes with ``datasets`` and is imported by those who have a table.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.data.encoded import Encoded
from visavis.data.found import Found, digest_of
from visavis.errors import UserError

Features = Mapping[str, Mapping[str, Any]]
"""Column -> its feature, as the hub writes it: ``{"_type": "ClassLabel", "names": […]}``."""

_FEW_NAMES = 100  # different texts that may be classes however few images there are


def read_table(table: Any, features: Features, source: str) -> Found:
    """The images and labels of a ``pyarrow.Table``; columns are found by ``features``, then by type and name.

    Raises :class:`UserError` when no column holds images, or labels do not fit their names.
    """
    column = table.column(_image_column(table.schema, features, source))
    if not len(column):
        raise UserError(f"no images in '{source}' (allowed: at least one row); give another --data")
    images = Encoded(
        lambda row: _bytes_of(column[row]), lambda row: f"{source} row {row}", np.arange(len(column))
    )
    labels, classes, notes = _labels(table, features, source)
    marks = [] if labels is None else [labels]
    return Found(images, labels, classes, digest_of("table", _hash(column), *marks, *classes), notes=notes)


def _image_column(schema: Any, features: Features, source: str) -> str:
    declared = [name for name in schema.names if features.get(name, {}).get("_type") == "Image"]
    typed = [field.name for field in schema if _holds_bytes(field.type)]
    for names in (declared, typed):
        for name in ("image", "img", *names):
            if name in names:
                return str(name)
    raise UserError(
        f"no image column in '{source}', it has {', '.join(schema.names)} "
        "(allowed: one of type Image, or of structs with bytes); give another --data"
    )


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _bytes_of(value: Any) -> bytes:
    """The encoded image of a cell: bytes, or a struct of bytes and the path of a file."""
    cell = value.as_py()
    data: bytes | None = cell.get("bytes") if isinstance(cell, dict) else cell
    if data is None and isinstance(cell, dict) and cell.get("path"):
        data = Path(cell["path"]).read_bytes()
    return data or b""


def _hash(column: Any) -> str:
    """Hash of all images' bytes, whatever the chunks or files that they came in."""
    total = hashlib.blake2b(digest_size=16)
    for value in column:
        data = _bytes_of(value)
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


Labels = tuple[NDArray[np.int64] | None, tuple[str, ...], tuple[str, ...]]
"""Labels, the names of their classes, and what has to be said of them."""


def _labels(table: Any, features: Features, source: str) -> Labels:
    declared = [name for name in table.column_names if features.get(name, {}).get("_type") == "ClassLabel"]
    plain = [name for name in ("label", "labels") if name in table.column_names]
    if not declared and not plain:
        return None, (), ()
    name = "label" if "label" in (declared or plain) else (declared or plain)[0]
    column = table.column(name)
    if column.null_count:
        lacking = f"{column.null_count} of {len(column)} labels are missing, so none is used"
        return None, (), (f"column '{name}': {lacking}",)
    values = column.to_numpy()
    if np.issubdtype(values.dtype, np.integer) and (values == -1).all():
        return None, (), ()  # the hub's sign for labels that are kept secret
    try:
        labels, names = read_labels(values, features.get(name, {}).get("names"), source)
    except UserError as error:
        if declared:
            raise
        return None, (), (f"column '{name}' is not used: {error}",)
    return labels, names, ()


def read_labels(
    values: NDArray[Any], names: list[str] | None, source: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels ``[N]`` from whole numbers, or from texts, which then are the classes' names in their order.

    Raises :class:`UserError` for others, for numbers below 0 or without a name, and for texts of which most
    differ: captions.
    """
    texts = values.dtype.kind in "UO" and all(isinstance(value, str) for value in values.tolist())
    if texts:
        found, codes = np.unique(values.astype(str), return_inverse=True)
        if len(found) > max(_FEW_NAMES, len(values) // 2):
            raise UserError(
                f"labels of '{source}' are {len(found)} different texts of {len(values)} "
                "(allowed: whole numbers, or names that repeat); mend the labels"
            )
        return codes.reshape(-1).astype(np.int64), tuple(str(name) for name in found)
    whole = values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.floor(values)).all()
    if values.dtype.kind not in "iu" and not whole:
        raise UserError(
            f"labels of '{source}' are {values.dtype} (allowed: whole numbers without gaps, or names); "
            "mend the labels"
        )
    labels = values.astype(np.int64)
    return labels, check_labels(labels, names, source)


def check_labels(labels: NDArray[np.int64], names: list[str] | None, source: str) -> tuple[str, ...]:
    """The class names: ``names``, or "0", "1", … up to the largest label.

    Raises :class:`UserError` for labels below 0 or without a name.
    """
    low, high = int(labels.min()), int(labels.max())
    most = len(names) if names is not None else max(1000, len(labels))
    if low < 0 or high >= most:
        raise UserError(
            f"labels of '{source}' go from {low} to {high} (allowed: 0 to {most - 1}); mend the labels"
        )
    return tuple(names) if names is not None else tuple(str(label) for label in range(high + 1))
