"""Use what was trained: sample, interpolate, compare.  Needs a snapshot; no objective, recipe or trainer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from visavis.core import Shape, mix
from visavis.data.decode import BrokenImageError, decode, to_rgb, to_square
from visavis.data.pixels import to_float, to_uint8
from visavis.errors import UserError, unknown
from visavis.models.paths import lerp, slerp
from visavis.models.snapshot import Description, find_snapshot, load_snapshot
from visavis.networks import PairCritic
from visavis.training.devices import pick_device

Pixels = NDArray[np.uint8]
Picture = Image.Image | Path | str
Label = str | int
"""The name of a class; an int stands for the name that it spells."""
BATCH = 64


@dataclass(frozen=True)
class Comparison:
    """What a critic says of two images: a ``similarity``, or a ``margin`` (above 0: the first is realer)."""

    kind: str
    value: float


def latents(seed: int, first: int, n: int, z_dim: int) -> Tensor:
    """``[n, z_dim]``: image i of a seed has a generator of its own, so it depends on no batch."""
    rows = [
        torch.randn(z_dim, generator=torch.Generator().manual_seed(mix(seed, i)))
        for i in range(first, first + n)
    ]
    return torch.stack(rows)


class Model:
    """A trained generator, and its critic where the snapshot has one."""

    def __init__(
        self, networks: dict[str, nn.Module], description: Description, device: torch.device | str = "cpu"
    ) -> None:
        self.networks = {name: net.to(device).eval() for name, net in networks.items()}
        self.description = description
        self.device = torch.device(device)

    @property
    def shape(self) -> Shape:
        """What one image is."""
        return self.description.shape

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes of the training data."""
        return self.description.classes

    def sample(self, n: int = 16, label: Label | None = None, seed: int = 0) -> list[Image.Image]:
        """``n`` pictures; image i of a seed is the same whatever ``n`` is.  ``label``: a class."""
        return pictures(self.pixels(n, label, seed))

    def pixels(self, n: int, label: Label | None = None, seed: int = 0) -> Pixels:
        """Like :meth:`sample`, as uint8 ``[n, H, W, C]``."""
        if n < 1:
            raise UserError(f"{n} images (allowed: 1 or more)")
        chunks = [
            self.render(latents(seed, first, count, self._z_dim), self.labels(first, count, label))
            for first, count in _chunks(n)
        ]
        return np.concatenate(chunks)

    def seeds(self, seeds: Sequence[int], label: Label | None = None) -> Pixels:
        """The first image of each seed, uint8 ``[len(seeds), H, W, C]``."""
        z = torch.cat([latents(seed, 0, 1, self._z_dim) for seed in seeds])
        return self.render(z, self.labels_of_seeds(len(seeds), label))

    def interpolate(
        self, rows: int = 4, steps: int = 8, label: Label | None = None, seed: int = 0, linear: bool = False
    ) -> Pixels:
        """``rows`` walks of ``steps`` images between two latents each, uint8 ``[rows · steps, H, W, C]``.

        Spherical unless ``linear`` (White 2016): a straight line leaves the shell on which Gaussian latents
        lie.
        """
        _check_steps(steps)
        ends = latents(seed, 0, 2 * rows, self._z_dim)
        t = torch.linspace(0, 1, steps)[:, None]
        walks = [
            lerp(a, b, t) if linear else slerp(a, b, t) for a, b in zip(ends[::2], ends[1::2], strict=True)
        ]
        labels = self.labels(0, rows, label)
        return self.render(torch.cat(walks), None if labels is None else labels.repeat_interleave(steps))

    def compare(self, a: Picture, b: Picture, label: Label | None = None) -> Comparison:
        """What the critic says of two pictures (cut square, resized to its resolution).

        A concat head is made symmetric by the mean of both orders; a conditional critic without ``label``
        gives the mean over its classes.  Raises :class:`UserError` if the snapshot has no critic, or one that
        looks at single images only.
        """
        critic = self.networks.get("D")
        if not isinstance(critic, PairCritic):
            raise UserError("this snapshot holds no critic, so it cannot compare")
        if self.description.networks["D"]["head"] == "single":
            raise UserError("this run's critic looks at one image at a time; compare needs a pairwise recipe")
        labels = self.labels(0, len(self.classes) if label is None else 1, label)

        def embed(picture: Picture) -> Tensor:
            x = self._picture(picture)[None].to(self.device)  # alone, so that equal pictures embed equally
            n = 1 if labels is None else len(labels)
            features = critic.branch(x).expand(n, -1)
            return critic.head.embed(features, None if labels is None else labels.to(self.device))

        with torch.no_grad():
            of_a, of_b = embed(a), embed(b)
            score, reverse = critic.score(of_a, of_b).mean(), critic.score(of_b, of_a).mean()
        if critic.head.antisymmetric:
            return Comparison("margin", score.item())
        return Comparison("similarity", ((score + reverse) / 2).item())

    def render(self, z: Tensor, labels: Tensor | None = None) -> Pixels:
        """``z: [N, z_dim]`` -> uint8 ``[N, H, W, C]``."""
        made = []
        for first, count in _chunks(len(z)):
            part = slice(first, first + count)
            given = None if labels is None else labels[part].to(self.device)
            with torch.no_grad():
                x = self.networks["G"](z[part].to(self.device), given)
            made.append(to_uint8(x).permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(made)

    def labels(self, first: int, n: int, label: Label | None) -> Tensor | None:
        """``[n]`` class indices: of ``label``, or of all classes in turn; None if unconditional."""
        if not self.description.conditional:
            if label is not None:
                raise UserError(
                    f"this run is unconditional, so it takes no label '{label}'; leave --label out"
                )
            return None
        if label is None:
            return torch.arange(first, first + n) % len(self.classes)
        if str(label) not in self.classes:
            raise unknown("label", str(label), self.classes)
        return torch.full((n,), self.classes.index(str(label)))

    def labels_of_seeds(self, n: int, label: Label | None) -> Tensor | None:
        """``[n]``: the class of the first image of a seed, n times."""
        first = self.labels(0, 1, label)
        return None if first is None else first.expand(n)

    def reconstruct(self, images: Picture | Sequence[Picture]) -> list[Image.Image]:
        """What an autoencoder makes of a picture, or of several, again, at its own resolution."""
        from visavis.models.autoencode import encoder_of, reconstruct

        encoder_of(self)
        given = [images] if isinstance(images, Picture) else list(images)
        if not given:
            raise UserError("no pictures to reconstruct (allowed: 1 or more); give some")
        return pictures(reconstruct(self, torch.stack([self._pixels(each) for each in given])).numpy())

    def between(
        self, a: Picture, b: Picture, steps: int = 8, label: Label | None = None, linear: bool = False
    ) -> Pixels:
        """``steps`` images from an autoencoder's reconstruction of ``a`` to that of ``b``, uint8 ``[steps, H,
        W, C]``; along the great circle unless ``linear``.
        """
        from visavis.models.autoencode import encoder_of, interpolate

        encoder_of(self)
        _check_steps(steps)
        labels = self.labels(0, 1, label)
        labels = None if labels is None else labels.expand(steps)
        return np.asarray(interpolate(self, self._pixels(a), self._pixels(b), steps, linear, labels))

    def traverse(
        self, picture: Picture, steps: int = 8, label: Label | None = None, latents: Sequence[int] = ()
    ) -> Pixels:
        """An autoencoder's reconstruction with one latent moved a row, from -3 to 3 deviations of the prior.

        ``latents``, or those of :meth:`telling_latents`; uint8 ``[rows · steps, H, W, C]``.
        """
        from visavis.models.autoencode import encoder_of, traverse

        encoder_of(self)
        _check_steps(steps)
        labels = self.labels(0, 1, label)
        return np.asarray(traverse(self, self._pixels(picture), latents, steps=steps, label=labels))

    def telling_latents(self, picture: Picture) -> list[int]:
        """The eight latents of an autoencoder that say most about a picture, the first the most."""
        from visavis.models.autoencode import encoder_of, telling_latents

        encoder_of(self)
        return telling_latents(self, self._pixels(picture))

    def translate(self, image: Picture, direction: str = "a-to-b") -> Image.Image:
        """The picture that a translator makes of another; ``direction``: of a game that knows both."""
        from visavis.models.translate import translate

        return translate(self, [image], direction)[0]

    @property
    def _z_dim(self) -> int:
        z_dim: Any = getattr(self.networks.get("G"), "z_dim", None)
        if z_dim is None:
            raise UserError("this run translates images and draws none of its own; use visavis translate")
        return int(z_dim)

    def _pixels(self, given: Picture) -> Tensor:
        """Uint8 ``[H, W, C]``."""
        return to_uint8(self._picture(given)[None]).permute(0, 2, 3, 1)[0]

    def _picture(self, given: Picture) -> Tensor:
        channels, resolution = self.shape
        if isinstance(given, Image.Image):
            square = to_square(to_rgb(given), resolution)
        else:
            try:
                square = Image.fromarray(decode(Path(given).read_bytes(), resolution))
            except (OSError, BrokenImageError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise UserError(
                    f"cannot read the picture '{given}': {why}; give a PNG, JPEG or WebP"
                ) from None
        pixels = np.asarray(square.convert("L") if channels == 1 else square)
        return to_float(
            torch.from_numpy(pixels.copy()).reshape(resolution, resolution, channels).permute(2, 0, 1)
        )


def load(run: str | Path, device: str = "cpu") -> Model:
    """The newest snapshot of a run, or the snapshot file given, ready to use."""
    where = pick_device(str(device))
    return Model(*load_snapshot(find_snapshot(Path(run))), device=where)


def pictures(pixels: Pixels) -> list[Image.Image]:
    """uint8 ``[N, H, W, C]`` -> N pictures."""
    return [Image.fromarray(image[..., 0] if image.shape[2] == 1 else image) for image in pixels]


def _check_steps(steps: int) -> None:
    if steps < 2:
        raise UserError(f"a walk of {steps} steps (allowed: 2 or more, with both ends); give more --steps")


def _chunks(n: int) -> Iterator[tuple[int, int]]:
    return ((first, min(BATCH, n - first)) for first in range(0, n, BATCH))
