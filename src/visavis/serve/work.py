"""What the engine runs: each ability of a model for several requests at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from visavis.models.autoencoder import reconstruct
from visavis.models.generator import latents
from visavis.models.model import Label, Model
from visavis.models.translate import translate
from visavis.serve.answers import Format, encode, encode_picture
from visavis.serve.engine import Job


class Wanted(NamedTuple):
    """Images of latents: of one seed the first ``n``, or the first of each of ``seeds``."""

    n: int
    seed: int
    seeds: Sequence[int]
    label: Label | None
    form: Format

    @property
    def size(self) -> int:
        """How many images."""
        return len(self.seeds) or self.n

    def latents(self, z_dim: int) -> Tensor:
        """``[size, z_dim]``."""
        if self.seeds:
            return torch.cat([latents(each, 0, 1, z_dim) for each in self.seeds])
        return latents(self.seed, 0, self.n, z_dim)

    def labels(self, model: Model) -> Tensor | None:
        """``[size]``, or None of an unconditional model."""
        if not self.seeds:
            return model.labels(0, self.n, self.label)
        found: Tensor | None = model.labels_of_seeds(len(self.seeds), self.label)
        return found


def sample_job(
    model: Model, name: str, n: int, seed: int, seeds: Sequence[int], label: Label | None, form: Format
) -> Job:
    """The job of ``n`` images of a seed, or of one image for each of ``seeds``.

    Latents are drawn where the job is made: the thread that answers has enough to do.
    """
    if label is not None:
        model.labels(0, 1, label)  # a mistake is told before anything waits

    def run(all_wanted: Sequence[Wanted]) -> list[bytes]:
        z = torch.cat([each.latents(model.z_dim) for each in all_wanted])
        labels = [each.labels(model) for each in all_wanted]
        told = [each for each in labels if each is not None]
        pixels = model.render(z, torch.cat(told) if told else None)
        parts = np.split(pixels, np.cumsum([each.size for each in all_wanted])[:-1])
        return [
            encode(part, each.form, found)
            for part, each, found in zip(parts, all_wanted, labels, strict=True)
        ]

    wanted = Wanted(n, seed, seeds, label, form)
    return Job((name, "sample"), run, wanted, wanted.size)


def reconstruct_job(model: Model, name: str, picture: Image.Image, label: Label | None, form: Format) -> Job:
    """The job of one picture through an autoencoder."""
    pixels, labels = model.picture_pixels(picture), model.labels(0, 1, label)

    def run(given: Sequence[tuple[Tensor, Tensor | None, Format]]) -> list[bytes]:
        told = [labels for _, labels, _ in given if labels is not None]
        made = reconstruct(
            model, torch.stack([pixels for pixels, _, _ in given]), torch.cat(told) if told else None
        )
        return [encode(image[None], form) for image, (_, _, form) in zip(made.numpy(), given, strict=True)]

    return Job((name, "reconstruct"), run, (pixels, labels, form))


def translate_job(
    model: Model, name: str, picture: Image.Image, direction: str | None, fit: str | None, form: Format
) -> Job:
    """The job of one picture through a translator; the tiles of several go together."""

    def run(given: Sequence[tuple[Image.Image, Format]]) -> list[bytes]:
        made = translate(model, [picture for picture, _ in given], direction, fit)
        return [encode_picture(each, form) for each, (_, form) in zip(made, given, strict=True)]

    return Job((name, "translate", direction, fit), run, (picture, form))


def compare_job(model: Model, name: str, a: Image.Image, b: Image.Image, label: Label | None) -> Job:
    """The job of one comparison; each is made alone, as a critic may see its batch."""

    def run(given: Sequence[tuple[Image.Image, Image.Image]]) -> list[dict[str, float | str]]:
        found = [model.compare(*each, label) for each in given]
        return [{"kind": each.kind, "value": each.value} for each in found]

    return Job((name, "compare", label), run, (a, b))
