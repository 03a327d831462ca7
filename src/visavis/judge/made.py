"""Images of a run, to be judged; and what every set of images to be judged is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from visavis.core import Shape
from visavis.data import DataConfig
from visavis.data.account import Account
from visavis.data.found import digest_of
from visavis.data.pixels import over_white
from visavis.errors import UserError, listed, unknown
from visavis.files import read_json
from visavis.judge.reference import Real, renumbered
from visavis.judge.seen import Pixels, Rows, Seen, see
from visavis.metrics.features import EXTRACTORS
from visavis.models.generator import BATCH, latents
from visavis.models.load import model_of
from visavis.models.results import folder_of
from visavis.models.snapshot import CHECKPOINT, find_snapshot, load_checkpoint, load_snapshot
from visavis.training import parallel

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

RAW = "nets.G."
"""Where a checkpoint keeps the generator's own weights."""


@dataclass(frozen=True)
class Sample:
    """Images to be judged, uint8 ``pixels: [N, H, W, C]``, and ``labels: int64 [N]`` where they have any.

    ``weights``: ``ema`` or ``raw`` of a run, else ``images``.  ``jpeg``: how many came from JPEG files.
    """

    pixels: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    name: str
    weights: str
    quantisation: str = "uint8"
    jpeg: int = 0
    seen: int | None = None
    """Images that the run had seen."""
    sha256: str | None = None
    """Hash of the file with the generator's weights."""
    account: Account | None = None
    """Of images that were read: what was found and what became of it."""

    @property
    def digest(self) -> str:
        """Hash of the pixels and labels."""
        if self.labels is None:
            return digest_of("sample", self.pixels.numpy())
        return digest_of("sample", self.pixels.numpy(), self.labels.numpy(), *self.classes)


class Source(Protocol):
    """Where images to be judged come from."""

    shape: Shape
    data: DataConfig | None
    """What a run was trained on."""
    data_digest: str | None
    trained_in: tuple[str, ...]
    """Features that the generator was trained in: figures in them say nothing of its pictures."""

    def take(self, n: int | None, seed: int) -> Sample:
        """``n`` images; None: all that there are."""
        ...

    def __len__(self) -> int:
        """How many images there are; 0: as many as are wanted."""
        ...


class Generated:
    """The images of a run: of one seed, labels in turn where it is conditional."""

    def __init__(
        self, path: Path, raw: bool = False, classes: tuple[str, ...] = (), device: str = "cpu"
    ) -> None:
        snapshot = find_snapshot(path)
        networks, description = load_snapshot(snapshot)
        folder = folder_of(snapshot)
        self._seen, weights = description.images, snapshot
        if raw:
            weights = folder / CHECKPOINT
            checkpoint = load_checkpoint(folder) if path.is_dir() else None
            if checkpoint is None:
                raise UserError(
                    f"'{path}' holds averaged weights only (a snapshot's are); --raw needs the folder of a "
                    "run with its checkpoint"
                )
            own = {k.removeprefix(RAW): v for k, v in checkpoint.tensors.items() if k.startswith(RAW)}
            networks["G"].load_state_dict(own)
            self._seen = int(checkpoint.numbers["images"])
        self._model = model_of({"G": networks["G"]}, description, device)
        self._weights = "raw" if raw else "ema"
        self._sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
        self._name = str(path)
        self._classes = self._wanted(classes)
        self.shape = description.shape
        self.trained_in = tuple(sorted(trained_in(description.recipe)))
        self.data, self.data_digest = _trained_on(description.recipe, folder, self.shape.channels)
        if self.shape.channels == 4:  # features see colours: both sides are laid over white
            self.shape, self.data_digest = Shape(3, self.shape.resolution), None
            self.data = self.data and self.data.model_copy(update={"channels": "rgb"})

    def _wanted(self, classes: tuple[str, ...]) -> list[int]:
        """The labels to make, in turn; empty where the run is unconditional."""
        known = self._model.classes
        if not self._model.description.conditional:
            if classes and set(classes) != set(known):
                raise UserError(
                    f"'{self._name}' is unconditional: it makes images of {listed(known) or 'one kind'} "
                    f"and not of '{','.join(classes)}' alone; leave --classes out"
                )
            return []
        for name in classes:
            if name not in known:
                raise unknown("class", name, known, "mend --classes")
        return [known.index(name) for name in classes or known]

    def __len__(self) -> int:
        return 0

    def take(self, n: int | None, seed: int) -> Sample:
        """``n`` images of ``seed``."""
        assert n is not None
        z_dim: Any = self._model.networks["G"].z_dim
        labels = torch.tensor(self._classes)[torch.arange(n) % len(self._classes)] if self._classes else None

        def make(first: int, last: int) -> dict[str, Any]:
            own = None if labels is None else labels[first:last]
            rendered = self._model.render(latents(seed, first, last - first, int(z_dim)), own)
            return {"pixels": over_white(torch.from_numpy(rendered)).numpy()}

        pixels = torch.from_numpy(parallel.shared(n, make, BATCH)["pixels"])
        return Sample(
            pixels,
            labels,
            () if labels is None else self._model.classes,
            name=self._name,
            weights=self._weights,
            quantisation="uint8, rounded" + (", over white" if self._model.shape.channels == 4 else ""),
            seen=self._seen,
            sha256=self._sha256,
        )


def trained_in(recipe: Any) -> set[str]:
    """Extractors that a recipe's networks and objective name, however deep that lies.

    >>> trained_in({"objective": {"distance": {"features": "cifar10r"}}, "networks": {"D": {"features": 64}}})
    {'cifar10r'}
    """
    return _named_in([recipe.get("networks"), recipe.get("objective")])


def _named_in(part: Any) -> set[str]:
    if isinstance(part, str):
        return {part} & EXTRACTORS.keys()
    inside = part.values() if isinstance(part, Mapping) else part if isinstance(part, list | tuple) else ()
    return set().union(*map(_named_in, inside))


def _trained_on(recipe: Any, folder: Path, channels: int) -> tuple[DataConfig | None, str | None]:
    """The run's data, read with the channels that it makes, and the digest that they had."""
    try:
        config = DataConfig.model_validate(recipe["data"]).settled(channels)
    except (KeyError, TypeError, ValueError):
        return None, None
    described = folder / "recipe.json"
    digest = read_json(described).get("data", {}).get("digest") if described.is_file() else None
    return config, digest


def seen(sample: Sample, real: Real) -> Seen:
    """A sample through the reference's extractor, with the reference's channels and classes."""
    pixels = _channels(sample.pixels, real.shape[2], sample.name, real.name)
    labels = renumbered(sample.labels, sample.classes, real.classes)
    return seen_by(real.extractor, pixels, labels, sample.digest)


def seen_by(extractor: Extractor, pixels: Tensor, labels: Tensor | None, digest: str) -> Seen:
    """uint8 ``pixels: [N, H, W, C]`` through an extractor."""
    array = pixels.numpy()

    def read(rows: Rows) -> Pixels:
        chosen: Pixels = array[rows]
        return chosen

    return see(read, len(pixels), labels, digest, extractor)


def _channels(pixels: Tensor, channels: int, name: str, reference: str) -> Tensor:
    """As many channels as the reference has: grey images are repeated for an RGB one."""
    if pixels.shape[3] == channels:
        return pixels
    if channels == 3 and pixels.shape[3] == 1:
        return pixels.expand(-1, -1, -1, 3).contiguous()
    raise UserError(
        f"images of '{name}' have {pixels.shape[3]} channels, the reference '{reference}' has {channels} "
        "(allowed: the same for both, or grey against RGB); give another --reference"
    )
