"""What is to be judged: a run, or images from wherever they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from visavis.core import Shape
from visavis.data import DataConfig, draws, load_images
from visavis.data.config import Range
from visavis.data.sources import find, split_names
from visavis.errors import UserError
from visavis.judge.made import Generated, Sample, Source
from visavis.judge.reference import naming
from visavis.models.snapshot import WEIGHTS, split_name

_CHOSEN = 0xC405  # stream of random draws


class Pictures:
    """Images that are there already: a folder, parquet, an ``.npz``, or any source of data.

    ``span``: what black and white are in arrays that are not uint8, where their values leave a doubt.
    """

    def __init__(
        self,
        source: str,
        classes: tuple[str, ...] = (),
        resolution: int | None = None,
        skip_broken: bool = False,
        span: Range = "auto",
    ) -> None:
        self.data: DataConfig | None = None
        self.data_digest: str | None = None
        self.trained_in: tuple[str, ...] = ()
        self._name = source
        config = DataConfig(source=source, resolution=resolution, skip_broken=skip_broken, range=span)
        with naming("images"):
            config = config.model_copy(update={"split": "+".join(split_names(config))})  # all that there is
            if classes and find(config).labels is not None:
                config = config.model_copy(update={"classes": classes})
            images = load_images(config)
        self._pixels = _plain(np.asarray(images.images[:]))
        self._labels, self._classes = images.labels, images.classes
        self._account = images.account
        channels = self._pixels.shape[3]
        if channels not in (1, 3):
            raise UserError(
                f"images of '{source}' have {channels} channels (allowed: 1, 3); remove transparency first"
            )
        self.shape = Shape(channels, self._pixels.shape[1])

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, n: int | None, seed: int) -> Sample:
        """A random ``n`` of them."""
        total = len(self._pixels)
        if n is not None and n > total:
            raise UserError(f"-n {n} images of '{self._name}', which has {total} (allowed: 1 to {total})")
        pixels, labels = self._pixels, self._labels
        if n is not None and n < total:
            rows = np.sort(draws.permutation(total, _CHOSEN, seed)[:n])
            pixels, labels = pixels[rows], None if labels is None else labels[rows]
        account = self._account
        return Sample(
            torch.from_numpy(np.require(pixels, requirements="W")),
            None if labels is None else torch.from_numpy(labels),
            self._classes if labels is not None else (),
            self._name,
            "images",
            quantisation="uint8" if account is None or not account.notes else "; ".join(account.notes),
            jpeg=0 if account is None else account.formats.get("JPEG", 0),
            account=account,
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
    span: Range = "auto",
) -> Source:
    """A run's folder, a snapshot, or images; raises :class:`UserError` for what is none of them."""
    path = Path(given).expanduser()
    if is_run(path):
        if resolution is not None:
            raise UserError(f"--resolution is for images, and '{given}' is a run; leave it out")
        return Generated(path, raw, classes, device)
    if len(path.parts) > 1 and path.parent.is_dir() and not path.exists() and not raw:
        raise UserError(
            f"no run, file or folder at '{given}'; give another, or train one: visavis train --out {given}"
        )
    if raw:
        raise UserError(f"--raw is for runs, and '{given}' is none; leave it out")
    return Pictures(str(given), classes, resolution, skip_broken, span)


def is_run(path: Path) -> bool:
    """Whether a path is that of a run's folder or of a snapshot."""
    inside = ("recipe.json", "snapshots", WEIGHTS)
    if split_name(path) is not None:
        return True
    folder = path.is_dir() and any((path / name).exists() for name in inside)
    return folder or path.suffix == ".safetensors"
