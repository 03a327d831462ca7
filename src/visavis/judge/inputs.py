"""What is to be judged: a run, or images from wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from visavis.core import Shape
from visavis.data import DataConfig, arrays, draws, load_images
from visavis.data.encoded import Encoded
from visavis.data.found import Found, keep_classes, of_arrays
from visavis.data.pixels import to_uint8
from visavis.data.sources import find, split_names
from visavis.data.table import check_labels
from visavis.errors import UserError
from visavis.judge.made import Generated, Sample, Source
from visavis.metrics.tables import finite

_CHOSEN = 0xC405  # stream of random draws
_JPEG = b"\xff\xd8\xff"


class Pictures:
    """Images that are there already: a folder, parquet, an ``.npz``, or any source of data."""

    def __init__(
        self,
        source: str,
        classes: tuple[str, ...] = (),
        resolution: int | None = None,
        skip_broken: bool = False,
    ) -> None:
        self.data: DataConfig | None = None
        self.data_digest: str | None = None
        self._name = source
        self._quantisation, self._jpeg = "uint8", 0
        with naming("images"):
            floats = _floats(Path(source))
            if floats is None:
                self._load(source, classes, resolution, skip_broken)
            else:
                found, self._quantisation = floats
                kept = keep_classes(found, classes if found.labels is not None else ())
                self._labels, self._classes = kept.labels, kept.classes
                self._pixels = arrays.resize(np.asarray(kept.images), resolution)
        self._pixels = _plain(self._pixels)
        channels = self._pixels.shape[3]
        if channels not in (1, 3):
            raise UserError(
                f"images of '{source}' have {channels} channels (allowed: 1, 3); remove transparency first"
            )
        self.shape = Shape(channels, self._pixels.shape[1])

    def _load(self, source: str, classes: tuple[str, ...], resolution: int | None, skip_broken: bool) -> None:
        config = DataConfig(source=source, resolution=resolution, skip_broken=skip_broken)
        config = config.model_copy(update={"split": "+".join(split_names(config))})  # all that there is
        found = find(config)
        if found.labels is not None and classes:
            config = config.model_copy(update={"classes": classes})
        images = load_images(config)
        self._pixels = np.asarray(images.images[:])
        self._labels, self._classes = images.labels, images.classes
        self._jpeg = jpegs(found.images)

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, n: int | None, seed: int) -> Sample:
        """A random ``n`` of them."""
        total = len(self._pixels)
        if n is not None and n > total:
            raise UserError(f"-n {n} images of '{self._name}', which has {total} (allowed: 1 to {total})")
        rows = np.arange(total)
        if n is not None and n < total:
            rows = np.sort(draws.permutation(total, _CHOSEN, seed)[:n])
        labels = None if self._labels is None else torch.from_numpy(self._labels[rows])
        return Sample(
            torch.from_numpy(self._pixels[rows]),
            labels,
            self._classes if labels is not None else (),
            self._name,
            "images",
            self._quantisation,
            self._jpeg,
        )


def _plain(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB without any colour as what it is: one channel of grey."""
    if pixels.shape[3] == 3 and all((image == image[..., :1]).all() for image in pixels):
        return np.ascontiguousarray(pixels[..., :1])
    return pixels


def open_source(
    given: str | Path,
    raw: bool = False,
    classes: tuple[str, ...] = (),
    resolution: int | None = None,
    skip_broken: bool = False,
    device: str = "cpu",
) -> Source:
    """A run's folder, a snapshot, or images; raises :class:`UserError` for what is none of them."""
    path = Path(given).expanduser()
    if is_run(path):
        if resolution is not None:
            raise UserError(f"--resolution is for images, and '{given}' is a run; leave it out")
        return Generated(path, raw, classes, device)
    if raw:
        raise UserError(f"--raw is for runs, and '{given}' is none; leave it out")
    return Pictures(str(given), classes, resolution, skip_broken)


def is_run(path: Path) -> bool:
    """Whether a path is that of a run's folder or of a snapshot."""
    folder = path.is_dir() and ((path / "recipe.json").is_file() or (path / "snapshots").is_dir())
    return folder or path.suffix == ".safetensors"


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Let errors of the data room, which advise on ``--data``, name what is meant here."""
    try:
        yield
    except UserError as error:
        plain = str(error).replace("another --data", f"other {what}").replace("--data", what)
        raise UserError(plain) from error


def jpegs(images: NDArray[np.uint8] | Encoded) -> int:
    """How many of the images are JPEG files, whatever they are called."""
    if not isinstance(images, Encoded):
        return 0
    return sum(_begins(images, int(row)) for row in images.rows)


def _begins(images: Encoded, row: int) -> bool:
    try:
        return images.read(row)[:3] == _JPEG
    except OSError:
        return False


def _floats(path: Path) -> tuple[Found, str] | None:
    """The images of an ``.npz`` of floats, quantised once, and from what; None for anything else.

    They are in [-1, 1], or in [0, 1] where no value is below 0.  Raises :class:`UserError` for values that
    are not finite or out of range.
    """
    if path.suffix != ".npz" or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images"]
            if not np.issubdtype(images.dtype, np.floating):
                return None
            labels = np.asarray(file["labels"], np.int64) if "labels" in file else None
    except Exception:  # whatever is wrong with the file, load_images tells it
        return None
    x = torch.from_numpy(np.asarray(images, np.float32))
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or not x.numel() or (labels is not None and labels.shape != (len(x),)):
        shapes = f"float {list(images.shape)}" + ("" if labels is None else f", labels {list(labels.shape)}")
        raise UserError(f"images of '{path}' are {shapes} (allowed: [N, H, W, C], labels [N]); convert them")
    finite(x, f"images of '{path}'")
    low, high = float(x.min()), float(x.max())
    if low < -1.001 or high > 1.001:
        raise UserError(
            f"images of '{path}' are floats from {low:.4g} to {high:.4g} (allowed: [-1, 1], [0, 1], or uint8 "
            "0 to 255); scale them"
        )
    unit = low >= 0
    pixels = to_uint8(2 * x - 1 if unit else x).numpy()
    classes = () if labels is None else check_labels(labels, None, str(path))
    told = f"floats in {'[0, 1]' if unit else '[-1, 1]'}, rounded to uint8"
    return of_arrays(pixels, labels, classes), told
