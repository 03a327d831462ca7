"""The PatchGAN: a critic that says of each patch of an image, or of an input with its image, how real it is.

Isola et al. 2017, "Image-to-image translation with conditional adversarial networks", sections 3.2.2, 6.1.2.
"""

from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import interpolate

from visavis.core import Config, Shape
from visavis.errors import UserError
from visavis.networks.norms import NormName, init_convs, make_conv, make_norm
from visavis.networks.roles import Role


class PatchGAN(Config):
    """Conv 4/2/1 ``halvings`` times, Conv 4/1/1, each with norm and LeakyReLU; Conv 4/1/1 to one logit.

    Three halvings see patches of 70×70 and give 30×30 logits at 256; two see 34×34, one 16×16, none 7×7.
    None takes three from 128 pixels on, two from 64, else one.  ``width``: channels of the first layer; they
    double with each, up to ``widest``.  ``sees``: "pair" is the input beside the image, 2C channels; "image"
    the image alone.  ``spectral``: spectral normalisation of every convolution.
    """

    kind: Literal["patch"] = "patch"
    role: ClassVar[Role] = "patch-critic"
    width: PositiveInt = 64
    widest: PositiveInt = 512
    halvings: NonNegativeInt | None = None
    sees: Literal["pair", "image"] = "pair"
    spectral: bool = True
    norm: NormName = "none"
    slope: float = 0.2

    def build(self, shape: Shape, classes: int) -> "PatchCritic":
        """The critic; an image must leave at least one logit."""
        if classes:
            raise UserError("the patch critic cannot be conditional on classes; give --conditional false")
        halvings = self.halvings
        if halvings is None:
            halvings = 3 if shape.resolution >= 128 else 2 if shape.resolution >= 64 else 1
        if shape.resolution // 2**halvings < 3:
            raise UserError(
                f"resolution {shape.resolution} leaves no patch after {halvings} halvings; "
                f"give --data.resolution {3 * 2**halvings} or more, or fewer --networks.D.halvings"
            )
        return PatchCritic(self, shape.channels, halvings)


class PatchCritic(nn.Module):
    """``[N, C, H, W]`` (and the inputs, likewise) -> logits ``[N, h, w]``, one for each patch.

    One network serves both games: a logit says "real", the difference of two says which of two patches of one
    input looks more real (a difference head; the last bias cancels).
    """

    def __init__(self, config: PatchGAN, channels: int, halvings: int) -> None:
        super().__init__()
        self.sees_pairs = config.sees == "pair"
        widths = [min(config.width * 2**index, config.widest) for index in range(halvings + 1)]
        previous = channels * (2 if self.sees_pairs else 1)
        self.layers = nn.ModuleList()
        for index, width in enumerate(widths):
            stride = 2 if index < halvings else 1
            self.layers.append(
                nn.Sequential(
                    make_conv(previous, width, 4, stride, 1, config.spectral),
                    make_norm(config.norm if index else "none", width),
                    nn.LeakyReLU(config.slope),
                )
            )
            previous = width
        self.last = make_conv(previous, 1, 4, 1, 1, config.spectral)
        init_convs(self, True)

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Logits ``[N, h, w]``, float32."""
        return self.judge(x, inputs)[0]

    def judge(self, x: Tensor, inputs: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """The logits, and what each layer before them makes of the images (for feature matching)."""
        maps: list[Tensor] = []
        h = self._seen(x, inputs)
        for layer in self.layers:
            h = layer(h)
            maps.append(h)
        with torch.autocast(x.device.type, enabled=False):  # bf16 would round differences of logits away
            logits: Tensor = self.last(h.float())
        return logits.squeeze(1), maps

    def _seen(self, x: Tensor, inputs: Tensor | None) -> Tensor:
        """The image, with its input beside it (brought to the image's size where it is smaller)."""
        if not self.sees_pairs:
            return x
        if inputs is None:
            raise UserError(
                "this critic sees an input beside the image, and was given none; "
                "give --networks.D.sees image, or an objective on pairs"
            )
        if inputs.shape[-2:] != x.shape[-2:]:
            inputs = interpolate(inputs, x.shape[-2:], mode="bicubic", antialias=True)
        return torch.cat([inputs, x], dim=1)
