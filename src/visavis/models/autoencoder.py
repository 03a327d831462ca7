"""The ability to reconstruct: encode, reconstruct, walk between two pictures, move along latents.

The functions take pictures that are uint8 ``[N, H, W, C]`` at the model's own size.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.losses.latent import kl_to_standard
from visavis.models.model import Label, Model, Picture, Pixels, check_steps, pictures
from visavis.models.paths import lerp, slerp

BATCH = 64
DIMENSIONS = 8
"""How many latents :func:`traverse` shows when none are named."""


class Reconstructs(Model):
    """A model whose network E gives the latents of a picture, from which G makes it again."""

    ability: ClassVar[str] = "reconstruct"

    def able(self) -> bool:
        """Whether the snapshot holds an encoder."""
        return "E" in self.networks

    def reconstruct(self, images: Picture | Sequence[Picture]) -> list[Image.Image]:
        """What an autoencoder makes of a picture, or of several, again, at its own resolution."""
        encoder_of(self)
        given = [images] if isinstance(images, Picture) else list(images)
        if not given:
            raise UserError("no pictures to reconstruct (allowed: 1 or more); give some")
        return pictures(reconstruct(self, torch.stack([self.picture_pixels(each) for each in given])).numpy())

    def between(
        self, a: Picture, b: Picture, steps: int = 8, label: Label | None = None, linear: bool = False
    ) -> Pixels:
        """``steps`` images from an autoencoder's reconstruction of ``a`` to that of ``b``, uint8 ``[steps, H,
        W, C]``; along the great circle unless ``linear``.
        """
        encoder_of(self)
        check_steps(steps)
        labels = self.labels(0, 1, label)
        labels = None if labels is None else labels.expand(steps)
        ends = self.picture_pixels(a), self.picture_pixels(b)
        return np.asarray(interpolate(self, *ends, steps, linear, labels))

    def traverse(
        self, picture: Picture, steps: int = 8, label: Label | None = None, latents: Sequence[int] = ()
    ) -> Pixels:
        """An autoencoder's reconstruction with one latent moved a row, from -3 to 3 deviations of the prior.

        ``latents``, or those of :meth:`telling_latents`; uint8 ``[rows · steps, H, W, C]``.
        """
        encoder_of(self)
        check_steps(steps)
        labels = self.labels(0, 1, label)
        return np.asarray(traverse(self, self.picture_pixels(picture), latents, steps=steps, label=labels))

    def telling_latents(self, picture: Picture) -> list[int]:
        """The eight latents of an autoencoder that say most about a picture, the first the most."""
        encoder_of(self)
        return telling_latents(self, self.picture_pixels(picture))


def encode(model: Model, pixels: Tensor) -> Tensor:
    """The means of the latents of uint8 pictures ``[N, H, W, C]`` -> ``[N, z_dim]``.

    Raises :class:`UserError` for a model without encoder and for pictures of another shape.
    """
    return posterior(model, pixels)[0]


def encoder_of(model: Model) -> nn.Module:
    """The model's encoder; raises :class:`UserError` where it has none."""
    encoder = model.networks.get("E")
    if encoder is None:
        raise UserError("this snapshot holds no encoder; give the run of an autoencoder, such as vae-digits")
    return encoder


@torch.no_grad()
def posterior(model: Model, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-variances of the latents of ``pixels``, ``[N, z_dim]`` each; errors as :func:`encode`."""
    encoder = encoder_of(model)
    channels, resolution = model.shape
    wanted = (resolution, resolution, channels)
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted or not len(pixels):
        raise UserError(
            f"pictures are {pixels.dtype} {list(pixels.shape)}; allowed: uint8 [N, {resolution}, "
            f"{resolution}, {channels}], N at least 1; resize them to the run's resolution"
        )
    x = to_float(pixels).permute(0, 3, 1, 2)
    found = [encoder(part.to(model.device)) for part in torch.split(x, BATCH)]
    mean, log_variance = (torch.cat(each).cpu() for each in zip(*found, strict=True))
    return mean, log_variance


def reconstruct(model: Model, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
    """What the decoder makes of the latents' means: uint8 ``[N, H, W, C]`` -> the same shape.

    ``labels: [N]``, class indices, for a conditional model.  Errors as :func:`encode`.
    """
    return decode(model, encode(model, pixels), labels)


def decode(model: Model, z: Tensor, labels: Tensor | None = None) -> Tensor:
    """Latents ``[N, z_dim]`` (and labels) to uint8 pictures ``[N, H, W, C]``."""
    return torch.from_numpy(model.render(z, labels))


def interpolate(
    model: Model, a: Tensor, b: Tensor, steps: int = 8, linear: bool = False, labels: Tensor | None = None
) -> Tensor:
    """``steps`` pictures from ``a`` to ``b``, uint8 ``[H, W, C]`` each -> ``[steps, H, W, C]``.

    The first and the last are their reconstructions.  Along the great circle, or in a straight line.
    ``labels: [steps]`` for a conditional model.  Errors as :func:`encode`.
    """
    first, last = encode(model, torch.stack([a, b]))
    t = torch.linspace(0, 1, steps)[:, None]
    return decode(model, (lerp if linear else slerp)(first, last, t), labels)


def telling_latents(model: Model, picture: Tensor, count: int = DIMENSIONS) -> list[int]:
    """The latents that say most about a picture, uint8 ``[H, W, C]``: KL to the prior, the largest first."""
    kl = kl_to_standard(*posterior(model, picture[None]))[0]  # [z_dim]
    latents: list[int] = kl.argsort(descending=True)[:count].tolist()
    return latents


def traverse(
    model: Model,
    picture: Tensor,
    dimensions: Sequence[int] = (),
    span: float = 3.0,
    steps: int = 9,
    label: Tensor | None = None,
) -> Tensor:
    """Rows of ``picture``'s reconstruction with one latent moved from -``span`` to ``span``.

    uint8 ``[H, W, C]`` -> ``[dimensions · steps, H, W, C]``, a row of ``steps`` for each of ``dimensions``,
    or for the :func:`telling_latents`; ±1 is a deviation of the prior.  ``label: [1]``, a class index, for a
    conditional model.
    Raises :class:`UserError` for a latent that does not exist; other errors as :func:`encode`.
    """
    mean, _ = posterior(model, picture[None])
    chosen = list(dimensions) or telling_latents(model, picture)
    for dimension in chosen:
        if not 0 <= dimension < mean.shape[1]:
            raise UserError(f"latent {dimension} (allowed: 0 to {mean.shape[1] - 1})")
    z = mean.repeat(len(chosen), steps, 1)  # [dimensions, steps, z_dim]
    for row, dimension in enumerate(chosen):
        z[row, :, dimension] = torch.linspace(-span, span, steps)
    z = z.flatten(0, 1)
    return decode(model, z, None if label is None else label.expand(len(z)))
