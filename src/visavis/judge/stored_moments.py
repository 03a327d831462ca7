"""Statistics files: the mean and covariance of a set's features, in the form that pytorch-fid writes.

An ``.npz`` with ``mu: [d]`` and ``sigma: [d, d]`` (divided by n - 1).  Ours say besides which features they
are of, and of how many images.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from visavis import files
from visavis.data.found import digest_of
from visavis.errors import UserError
from visavis.metrics.frechet import Reference

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

KEYS = {"mu", "sigma"}
_ABOUT = ("features", "features_sha256", "resize", "source", "split", "digest")
_COUNTS = ("images", "resolution")
_ASYMMETRY = 1e-6
"""How far a covariance may be from symmetric, as a share of its largest entry: files in float32."""


@dataclass(frozen=True)
class Statistics:
    """The moments of a set's features, ``mean: [d]`` and ``covariance: [d, d]`` in float64, and what is known
    of them: None where the file does not say.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    features: str | None = None
    features_sha256: str | None = None
    resize: str | None = None
    images: int | None = None
    resolution: int | None = None
    source: str | None = None
    split: str | None = None
    digest: str | None = None
    """Of the images."""

    @property
    def gaussian(self) -> Reference:
        """What a Fréchet distance is taken to."""
        mean, covariance = (torch.from_numpy(x) for x in (self.mean, self.covariance))
        return Reference.from_moments(mean, covariance, self.images or 0)

    @property
    def content(self) -> str:
        """Hash of the moments."""
        return digest_of("moments", self.mean, self.covariance)

    def told(self) -> dict[str, Any]:
        """What is known of them, without the numbers."""
        about = {name: getattr(self, name) for name in (*_ABOUT, *_COUNTS)}
        return {**about, "dims": len(self.mean)}

    def write(self, path: str | Path) -> None:
        """Write them wholly or not at all; :class:`UserError` for a name that is no ``.npz``'s."""
        check_name(path)
        about = {name: np.array(value) for name in (*_ABOUT, *_COUNTS) if (value := getattr(self, name))}
        arrays: dict[str, Any] = {"mu": self.mean, "sigma": self.covariance, **about}
        with files.atomic(path) as fresh:
            np.savez(fresh, **arrays)

    def check(self, extractor: Extractor, name: str) -> None:
        """Raise :class:`UserError` unless they are of this extractor's features, as far as they tell."""
        pairs = {
            "features": (self.features, extractor.name),
            "weights of the features": (self.features_sha256, extractor.sha256),
            "resize rule": (self.resize, extractor.resize),
        }
        for what, (stored, own) in pairs.items():
            if stored is not None and stored != own:
                option = "--resize" if what == "resize rule" else "--features, or write statistics anew"
                raise UserError(
                    f"statistics '{name}' are of the {what} '{stored[:16]}', and the images are seen by "
                    f"'{own[:16]}'; give that {option}"
                )


def check_name(path: str | Path) -> None:
    """Raise :class:`UserError` for a file whose name does not say what it is."""
    if Path(path).suffix.lower() != ".npz":
        raise UserError(f"--out '{path}' is no place for statistics (allowed: a name that ends in .npz)")


def is_statistics(source: str | Path) -> bool:
    """Whether a path is that of an ``.npz`` with ``mu`` and ``sigma``."""
    path = files.expanded(source)
    if path.suffix.lower() != ".npz" or not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {f"{key}.npy" for key in KEYS} <= set(archive.namelist())


def read_statistics(source: str | Path) -> Statistics:
    """The statistics in a file; :class:`UserError` for shapes and values that are none."""
    try:
        with np.load(files.expanded(source), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"cannot read the statistics '{source}': {error} (allowed: an .npz, no pickles); write it anew"
        ) from error
    mean, covariance = arrays["mu"], arrays["sigma"]
    d = mean.size
    if mean.dtype.kind != "f" or covariance.dtype.kind != "f" or covariance.shape != (d, d) or mean.ndim != 1:
        raise UserError(
            f"statistics '{source}' hold mu {mean.dtype} {list(mean.shape)} and sigma {covariance.dtype} "
            f"{list(covariance.shape)} (allowed: floats [d] and [d, d]); write them anew"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise UserError(f"statistics '{source}' hold NaN or infinity; write them anew")
    off = float(np.abs(covariance - covariance.T).max(initial=0))
    if off > _ASYMMETRY * float(np.abs(covariance).max(initial=0)) or (np.diagonal(covariance) < 0).any():
        raise UserError(f"sigma of the statistics '{source}' is no covariance (not symmetric, or below 0)")
    about: dict[str, Any] = {name: str(arrays[name]) for name in _ABOUT if name in arrays}
    about |= {name: int(arrays[name]) for name in _COUNTS if name in arrays}
    return Statistics(mean.astype(np.float64), covariance.astype(np.float64), **about)
