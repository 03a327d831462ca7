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

    z: Tensor
    labels: Tensor | None
    form: Format


def sample_job(
    model: Model, name: str, n: int, seed: int, seeds: Sequence[int], label: Label | None, form: Format
) -> Job:
    """The job of ``n`` images of a seed, or of one image for each of ``seeds``."""
    z_dim = model.z_dim
    if seeds:
        z = torch.cat([latents(each, 0, 1, z_dim) for each in seeds])
        labels = model.labels_of_seeds(len(seeds), label)
    else:
        z, labels = latents(seed, 0, n, z_dim), model.labels(0, n, label)

    def run(all_wanted: Sequence[Wanted]) -> list[bytes]:
        told = [each.labels for each in all_wanted if each.labels is not None]
        pixels = model.render(torch.cat([each.z for each in all_wanted]), torch.cat(told) if told else None)
        parts = np.split(pixels, np.cumsum([len(each.z) for each in all_wanted])[:-1])
        return [
            encode(part, each.form, None if each.labels is None else each.labels.tolist())
            for part, each in zip(parts, all_wanted, strict=True)
        ]

    return Job((name, "sample"), run, Wanted(z, labels, form), len(z))


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
