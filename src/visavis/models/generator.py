"""The ability to sample: images of latents, walks between them, and from one class to another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from visavis.core import mix
from visavis.data.pixels import to_uint8
from visavis.errors import UserError
from visavis.models.model import Label, Model, Pixels, check_steps, pictures
from visavis.models.paths import class_embeddings, classes_between, lerp, slerp
from visavis.networks.stylegan2 import StyleGAN2G
from visavis.training import parallel

BATCH = 64


def latents(seed: int, first: int, n: int, z_dim: int) -> Tensor:
    """``[n, z_dim]``: image i of a seed has a generator of its own, so it depends on no batch."""
    rows = [
        torch.randn(z_dim, generator=torch.Generator().manual_seed(mix(seed, i)))
        for i in range(first, first + n)
    ]
    return torch.stack(rows)


class Samples(Model):
    """A model whose network G makes images of latents."""

    ability: ClassVar[str] = "sample"

    def sample(
        self, n: int = 16, label: Label | None = None, seed: int = 0, truncation: float | None = None
    ) -> list[Image.Image]:
        """``n`` pictures; image i of a seed is the same whatever ``n`` is.  ``label``: a class.

        ``truncation``: the part of its distance from the mean to which w is drawn, of networks that have a w.
        """
        return pictures(self.pixels(n, label, seed, truncation))

    def pixels(
        self, n: int, label: Label | None = None, seed: int = 0, truncation: float | None = None
    ) -> Pixels:
        """Like :meth:`sample`, as uint8 ``[n, H, W, C]``."""
        if n < 1:
            raise UserError(f"{n} images (allowed: 1 or more)")

        def make(start: int, end: int) -> dict[str, Pixels]:
            chunks = [
                self.render(
                    latents(seed, start + first, count, self.z_dim), self.labels(start + first, count, label)
                )
                for first, count in _chunks(end - start)
            ]
            return {"pixels": np.concatenate(chunks)}

        with self.truncated(truncation):
            return parallel.shared(n, make, BATCH)["pixels"]

    def seeds(
        self, seeds: Sequence[int], label: Label | None = None, truncation: float | None = None
    ) -> Pixels:
        """The first image of each seed, uint8 ``[len(seeds), H, W, C]``."""
        z = torch.cat([latents(seed, 0, 1, self.z_dim) for seed in seeds])
        with self.truncated(truncation):
            return self.render(z, self.labels_of_seeds(len(seeds), label))

    @contextmanager
    def truncated(self, truncation: float | None) -> Iterator[None]:
        """Inside, w is drawn to its mean that far; None: as the network has it."""
        if truncation is None:
            yield
            return
        g = self.networks["G"]
        if not isinstance(g, StyleGAN2G):
            raise UserError(
                f"--truncation {truncation:g}: this run's generator has no mapping network, to whose mean it "
                "could draw (such have: stylegan2); leave --truncation out"
            )
        if not 0 <= truncation <= 1:
            raise UserError(f"--truncation {truncation:g} (allowed: 0, the mean alone, to 1, not at all)")
        kept, g.truncation = g.truncation, truncation
        try:
            yield
        finally:
            g.truncation = kept

    def interpolate(
        self, rows: int = 4, steps: int = 8, label: Label | None = None, seed: int = 0, linear: bool = False
    ) -> Pixels:
        """``rows`` walks of ``steps`` images between two latents each, uint8 ``[rows · steps, H, W, C]``.

        Spherical unless ``linear`` (White 2016): a straight line leaves the shell on which Gaussian latents
        lie.
        """
        check_steps(steps)
        ends = latents(seed, 0, 2 * rows, self.z_dim)
        t = torch.linspace(0, 1, steps)[:, None]
        walks = [
            lerp(a, b, t) if linear else slerp(a, b, t) for a, b in zip(ends[::2], ends[1::2], strict=True)
        ]
        labels = self.labels(0, rows, label)
        return self.render(torch.cat(walks), None if labels is None else labels.repeat_interleave(steps))

    def morph(self, a: Label, b: Label, rows: int = 4, steps: int = 8, seed: int = 0) -> Pixels:
        """From class ``a`` to class ``b`` in ``steps`` images, each of ``rows`` latents kept as it is; uint8
        ``[rows · steps, H, W, C]``.  The class's embedding goes along a straight line.
        """
        check_steps(steps)
        ends = [self.labels(0, 1, label) for label in (a, b)]
        if not class_embeddings(self.networks["G"]):
            raise UserError(
                f"this run's generator has no embedding of its classes, so nothing goes from '{a}' to '{b}'; "
                "give one --label"
            )
        z = latents(seed, 0, rows, self.z_dim).repeat_interleave(steps, 0)
        first, last = (int(each) for each in ends if each is not None)
        with classes_between(self.networks["G"], first, last, steps):
            return self.render(z, torch.arange(steps).repeat(rows))

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

    def labels_of_seeds(self, n: int, label: Label | None) -> Tensor | None:
        """``[n]``: the class of the first image of a seed, n times."""
        first = self.labels(0, 1, label)
        return None if first is None else first.expand(n)

    @property
    def z_dim(self) -> int:
        """Numbers in a latent."""
        z_dim: Any = self.networks["G"].z_dim
        return int(z_dim)


def _chunks(n: int) -> Iterator[tuple[int, int]]:
    return ((first, min(BATCH, n - first)) for first in range(0, n, BATCH))
