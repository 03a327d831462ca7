"""Images that are arrays already, in ``.npz`` and ``.npy`` files, and arrays of another size or colour."""

import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.data.account import composed
from visavis.data.config import Range
from visavis.data.decode import MODES, to_mode, to_square
from visavis.data.found import Found, Splits, digest_of
from visavis.data.stored import Stored, pixels_of
from visavis.data.table import check_labels, read_labels
from visavis.errors import UserError

_KEYS = ("images", "arr_0")
_LABELS = {"images": "labels", "arr_0": "arr_1"}
_BROKEN = (OSError, ValueError, EOFError, AttributeError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


def open_arrays(path: Path, span: Range = "auto") -> Splits:
    """An ``.npz`` of ``images`` (or ``arr_0``), maybe ``labels`` (``arr_1``) and ``classes``; or an ``.npy``.

    The images are as :func:`visavis.data.stored.pixels_of` takes them, the labels as :func:`read_labels`.
    """
    return {"train": partial(_read, path, span)}


def _read(path: Path, span: Range) -> Found:
    """Raise :class:`UserError` for other keys, types, shapes or pickles."""
    try:
        if path.suffix.lower() == ".npy":
            return _found(path, Stored(path, None), {}, span)
        with np.load(path, allow_pickle=False) as file:
            keys = list(file.keys())
            key = next((key for key in _KEYS if key in keys), None)
            if key is None:
                raise UserError(
                    f"no 'images' in '{path}', it has {', '.join(keys) or 'nothing'}; name the array 'images'"
                )
            wanted = {"labels": _LABELS[key], "classes": "classes"}
            others = {what: file[name] for what, name in wanted.items() if name in keys}
        return _found(path, Stored(path, f"{key}.npy"), others, span)
    except UserError:
        raise
    except _BROKEN as error:
        raise UserError(
            f"cannot read '{path}': {_reason(path, error)} (allowed: an .npz or .npy without pickles); "
            "write it anew"
        ) from error


def _found(path: Path, stored: Stored, others: Mapping[str, NDArray[Any]], span: Range) -> Found:
    images, notes = pixels_of(stored, span)
    labels, classes = None, tuple[str, ...]()
    if "labels" in others:
        labels, classes = _labels(others["labels"], others.get("classes"), len(images), path)
    parts = [images] if labels is None else [images, labels]
    digest = digest_of("arrays", *parts, *classes)
    return Found(images, labels, classes, digest, notes=notes, stored=f"{stored.dtype} array")


def _labels(
    labels: NDArray[Any], classes: NDArray[Any] | None, n: int, path: Path
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = None if classes is None or not classes.size else [composed(str(name)) for name in classes.ravel()]
    if labels.shape != (n,):
        raise UserError(
            f"labels of '{path}' are {labels.dtype} {list(labels.shape)} "
            f"(allowed: whole numbers or names [{n}], one for each image); write them anew"
        )
    if labels.dtype.kind == "U" and names is not None:
        codes = {name: i for i, name in enumerate(names)}
        if unknown := sorted({str(each) for each in labels} - codes.keys()):
            raise UserError(f"labels of '{path}' hold '{unknown[0]}', which is not in its classes; mend them")
        numbers = np.array([codes[str(each)] for each in labels], np.int64)
        return numbers, check_labels(numbers, names, str(path))
    return read_labels(labels, names, str(path))


def _reason(path: Path, error: Exception) -> str:
    """What is wrong with a file, without numpy's advice to a programmer."""
    if path.suffix.lower() == ".npz" and path.is_file() and not zipfile.is_zipfile(path):
        return "it is no .npz, or was cut short"
    if "pickle" in str(error):
        return "it holds Python objects"
    return str(error) or type(error).__name__


def resize(images: NDArray[np.uint8], resolution: int | None) -> NDArray[np.uint8]:
    """Square images ``[N, R, R, C]``: each as :func:`to_square` does; unchanged where they fit.

    Raises :class:`UserError` when they are not square and ``resolution`` is None.
    """
    height, width = images.shape[1:3]
    if resolution is None and height != width:
        side = min(width, height)
        raise UserError(
            f"images are {width}x{height} (allowed: square ones, as {side}x{side}); give --resolution N"
        )
    if resolution is None or (height, width) == (resolution, resolution):
        return images
    resized = np.empty((len(images), resolution, resolution, images.shape[3]), np.uint8)
    for image, out in zip(images, resized, strict=True):
        for band in range(images.shape[3]):
            out[..., band] = np.asarray(to_square(Image.fromarray(image[..., band]), resolution))
    return resized


def recolour(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """``[N, H, W, C]`` with another number of channels, as Pillow converts pictures; unchanged where it fits.

    Raises :class:`UserError` for channels that are neither grey, RGB nor RGBA.
    """
    given = images.shape[3]
    if given == channels:
        return images
    if given not in MODES:
        raise UserError(
            f"images have {given} channels, which are no kind of picture (allowed: 1, 3, 4); "
            "give --data.channels auto"
        )
    changed = np.empty((*images.shape[:3], channels), np.uint8)
    for image, out in zip(images, changed, strict=True):
        plain = to_mode(Image.fromarray(image[..., 0] if given == 1 else image), MODES[channels])
        out[:] = np.asarray(plain).reshape(out.shape)
    return changed
