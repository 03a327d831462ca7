"""Images that are arrays already: ``.npz`` files, and resizing arrays."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.data.decode import MODES, to_mode, to_square
from visavis.data.found import Found, Splits, of_arrays
from visavis.data.table import check_labels
from visavis.errors import UserError

_CHANNELS = (1, 2, 3, 4)


def open_npz(path: Path) -> Splits:
    """An ``.npz``: ``images``, uint8 ``[N, H, W, C]`` or ``[N, H, W]``; maybe ``labels``, ``classes``."""
    return {"train": lambda: _read(path)}


def _read(path: Path) -> Found:
    """Raise :class:`UserError` for other keys, types, shapes or pickles."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, NDArray[Any]] = {key: file[key] for key in file}
    except (
        OSError,
        ValueError,
        EOFError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise UserError(
            f"cannot read '{path}': {_reason(path, error)} (allowed: an .npz without pickles); write it anew"
        ) from error
    if "images" not in arrays:
        raise UserError(
            f"no 'images' in '{path}', it has {', '.join(arrays) or 'nothing'}; name the array 'images'"
        )
    images = _images(arrays["images"], path)
    if "labels" not in arrays:
        return of_arrays(images, None, ())
    labels = arrays["labels"]
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"labels of '{path}' are {labels.dtype} {list(labels.shape)} "
            f"(allowed: integers [{len(images)}], one for each image); write them anew"
        )
    labels = labels.astype(np.int64)
    names = (
        [str(name) for name in arrays["classes"].ravel()] if arrays.get("classes", np.empty(0)).size else None
    )
    return of_arrays(images, labels, check_labels(labels, names, str(path)))


def _reason(path: Path, error: Exception) -> str:
    """What is wrong with a file, without numpy's advice to a programmer."""
    if path.is_file() and not zipfile.is_zipfile(path):
        return "it is no .npz, or was cut short"
    if "pickle" in str(error):
        return "it holds Python objects"
    return str(error) or type(error).__name__


def _images(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if images.ndim == 3:
        images = images[..., None]
    fits = images.ndim == 4 and images.shape[-1] in _CHANNELS and images.size > 0
    if images.dtype != np.uint8 or not fits:
        raise UserError(
            f"images of '{path}' are {images.dtype} {list(images.shape)} (allowed: uint8 [N, H, W, C] "
            "with C of 1 to 4, or [N, H, W], values 0 to 255); convert them"
        )
    return images


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
