"""A trained translator and the ways in which pictures of any size go through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from visavis.core import Shape
from visavis.data.decode import to_square
from visavis.data.pixels import to_float, to_uint8
from visavis.errors import UserError, unknown
from visavis.models.snapshot import Description
from visavis.models.translate.tiles import Cuts, cut, weights, whole

Pixels = NDArray[np.uint8]
Direction = Literal["a-to-b", "b-to-a"]
Fit = Literal["tile", "whole", "resize"]
DIRECTIONS: Mapping[str, str] = {"a-to-b": "G_ab", "b-to-a": "G_ba"}
"""Which network of a run that learned both ways goes which way."""
FITS = ("tile", "whole", "resize")

NEAR = 1.2
"""A scale that is nearer to that of the training files is taken as it is."""
RESCALED = (
    "pictures were made {:.3g} times smaller, as the training files were, and the results large again; "
    "--tile takes them as they are"
)
GREY_TO_COLOUR = "grey pictures became colour by repetition, since this run's network takes colour"
COLOUR_TO_GREY = "colour pictures became grey by luminance, since this run's network takes grey"


class Trained(Protocol):
    """What :func:`visavis.load` gives."""

    networks: dict[str, nn.Module]
    description: Description
    device: torch.device


@dataclass
class Sheet:
    """One picture on its way: the input as padded ``pixels: [h, w, C]``, and what is made of it so far."""

    pixels: Pixels
    rows: Cuts
    columns: Cuts
    size: tuple[int, int]
    """Height and width of the input without padding."""
    original: tuple[int, int] | None
    """Width and height that the result is resized to; None leaves it as it is."""
    note: str | None = None
    """What was done to its colours."""
    place: int = 0
    """Which picture it is."""
    made: Pixels | None = None
    """The result with its padding, ``[H, W, C]``."""
    sum: Tensor | None = None
    """Of several tiles, what there is so far: float32 ``[C, H, W]``."""
    left: int = field(init=False)
    """Tiles that are still to come."""

    def __post_init__(self) -> None:
        self.left = len(self.rows.starts) * len(self.columns.starts)

    def area(self, scale: int) -> int:
        """Pixels of the result with its padding."""
        return self.rows.length * self.columns.length * scale**2

    def tile(self, index: int) -> Pixels:
        """Tile ``index`` of the input, row by row."""
        row, column = divmod(index, len(self.columns.starts))
        top, left = self.rows.starts[row], self.columns.starts[column]
        return self.pixels[top : top + self.rows.tile, left : left + self.columns.tile]

    def add(self, index: int, y: Tensor, scale: int) -> None:
        """Take in what the network made of a tile, ``y: [C, H, W]`` in [-1, 1]."""
        self.left -= 1
        if len(self.rows.starts) == len(self.columns.starts) == 1:
            self.made = _pixels(y)
            return
        if self.sum is None:
            self.sum = torch.zeros(len(y), self.rows.length * scale, self.columns.length * scale)
        row, column = divmod(index, len(self.columns.starts))
        top, left = self.rows.starts[row] * scale, self.columns.starts[column] * scale
        weight = weights(self.rows, scale)[row][:, None] * weights(self.columns, scale)[column]
        self.sum[:, top : top + y.shape[1], left : left + y.shape[2]].addcmul_(y.float().cpu(), weight)
        if not self.left:
            self.made, self.sum = _pixels(self.sum), None

    def finish(self, scale: int) -> Image.Image:
        """The result, without padding, once all tiles are there."""
        assert self.made is not None
        pixels = self.made[: self.size[0] * scale, : self.size[1] * scale]
        picture = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
        if self.original is None or self.original == picture.size:
            return picture
        return picture.resize(self.original, Image.Resampling.BICUBIC)


def _pixels(y: Tensor) -> Pixels:
    pixels: Pixels = to_uint8(y).permute(1, 2, 0).cpu().numpy()
    return pixels


class Translator:
    """A network from pictures to pictures, and how pictures of any size are fitted to it.

    ``fit``: ``tile`` cuts what is larger than the training images into overlapping tiles of their size,
    ``whole`` runs it in one piece, ``resize`` makes the short side that of the training images first; what is
    smaller than these, or no multiple of the network's stride, is padded by reflection and cut again.  None:
    ``tile``, where the network takes any size, else ``resize``: a network of one size takes the centre
    square.  ``original_size`` resizes the result back.  Where the training files were larger than what the
    network was trained on (:attr:`Description.shrunk`), pictures are made as many times smaller by default,
    and the result large again: a network knows lines and shapes at one scale.

    Raises :class:`UserError` for a run that is no translator and what its network cannot do.
    """

    def __init__(
        self,
        model: Trained,
        direction: str | None = None,
        fit: str | None = None,
        original_size: bool = False,
    ) -> None:
        self.net, self.device = _network(model, direction), model.device
        self.scale, self.stride = _number(self.net, "scale"), _number(self.net, "stride")
        self.any_size = bool(getattr(self.net, "any_size", False))
        channels, resolution = model.description.shape
        self.shape = Shape(channels, resolution // self.scale)
        if fit not in (None, *FITS):
            raise unknown("way to fit", str(fit), FITS)
        if fit in ("tile", "whole") and not self.any_size:
            raise UserError(
                f"this run's network takes {self.shape.resolution}x{self.shape.resolution} pixels only, "
                f"so it cannot {fit} larger pictures; give --resize"
            )
        self.fit = fit or ("tile" if self.any_size else "resize")
        if original_size and self.fit != "resize":
            raise UserError("the original size is lost by --resize only; leave --original-size out")
        self.original_size = original_size
        self.shrunk = 1.0
        if (
            fit is None
            and self.any_size
            and max(model.description.shrunk, 1 / model.description.shrunk) > NEAR
        ):
            self.shrunk = model.description.shrunk

    def sheet(self, rgb: Pixels, place: int = 0) -> Sheet:
        """Picture number ``place``, uint8 ``[H, W, 3]``, as the network takes it."""
        picture = Image.fromarray(rgb)
        note = self._colours(rgb)
        if self.shape.channels == 1:
            picture = picture.convert("L")
        original = None
        if self.fit == "resize":
            picture, original = self._resized(picture)
        elif self.shrunk != 1:
            note = ". ".join(filter(None, (note, RESCALED.format(self.shrunk))))
            original = (picture.width * self.scale, picture.height * self.scale)
            width, height = (max(1, round(side / self.shrunk)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(picture).reshape(picture.height, picture.width, self.shape.channels)
        height, width, _ = pixels.shape
        rows, columns = self._cuts(height), self._cuts(width)
        padding = ((0, rows.length - height), (0, columns.length - width), (0, 0))
        if any(after for _, after in padding):
            pixels = np.pad(pixels, padding, mode="reflect")
        return Sheet(pixels, rows, columns, (height, width), original, note, place)

    @torch.inference_mode()
    def run(self, tiles: Pixels) -> Tensor:
        """Tiles ``[N, h, w, C]`` through the network: ``[N, C, H, W]``, about [-1, 1], on the device."""
        x = torch.from_numpy(tiles).to(self.device).permute(0, 3, 1, 2)  # channels last in memory
        y: Tensor = self.net(to_float(x))
        expected = (len(x), self.shape.channels, x.shape[2] * self.scale, x.shape[3] * self.scale)
        assert y.shape == expected, f"the network made {list(y.shape)}, not {list(expected)}"
        return y

    def _cuts(self, side: int) -> Cuts:
        least = whole(self.shape.resolution, self.stride)
        return (
            cut(side, least.tile, self.stride) if self.fit == "tile" else whole(side, self.stride, least.tile)
        )

    def _colours(self, rgb: Pixels) -> str | None:
        """What the conversion to the network's channels does to this picture, if anything."""
        r, g, b = (rgb[..., i] for i in range(3))
        grey = np.array_equal(r, g) and np.array_equal(g, b)
        if self.shape.channels == 3:
            return GREY_TO_COLOUR if grey else None
        return None if grey else COLOUR_TO_GREY

    def _resized(self, picture: Image.Image) -> tuple[Image.Image, tuple[int, int] | None]:
        """At the training images' size, and the size that the result is to get afterwards."""
        width, height = picture.size
        resolution, short = self.shape.resolution, min(width, height)
        if self.any_size:
            size = (max(1, round(width * resolution / short)), max(1, round(height * resolution / short)))
            resized = picture if size == picture.size else picture.resize(size, Image.Resampling.BICUBIC)
            back = (width * self.scale, height * self.scale)
        else:
            resized, back = to_square(picture, resolution), (short * self.scale, short * self.scale)
        return resized, back if self.original_size else None


def _network(model: Trained, direction: str | None) -> nn.Module:
    """The network that goes in ``direction``, by default from a, the inputs, to b, the targets."""
    description, networks = model.description, model.networks
    if description.task != "translate":
        raise UserError(
            f"this run's task is '{description.task}', and translate needs a run of a translator; train one, "
            "such as a recipe whose name begins with pix2pix, cyclegan or superres"
        )
    if direction not in (None, *DIRECTIONS):
        raise unknown("direction", str(direction), DIRECTIONS)
    if "G" not in networks:
        return networks[DIRECTIONS[direction or "a-to-b"]]
    if direction == "b-to-a":
        raise UserError(
            "this run learned one way only, from its inputs to its targets; leave --direction out"
        )
    return networks["G"]


def _number(net: nn.Module, name: str) -> int:
    found: Any = getattr(net, name, 1)
    return int(found)
