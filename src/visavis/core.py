"""The nouns that every room shares: batches, phases, objectives, frozen configuration.

Imports torch and pydantic and nothing of this package.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Protocol
from unicodedata import normalize

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PositiveInt, model_validator
from torch import Tensor, nn

Scalars = dict[str, Tensor]
Nets = Mapping[str, nn.Module]


class Images(NamedTuple):
    """A batch of images, ``x: [N, C, H, W]`` in [-1, 1], with ``y: [N]`` class indices or None."""

    x: Tensor
    y: Tensor | None = None


class Pairs(NamedTuple):
    """Two batches, ``a, b: [N, C, H, W]`` in [-1, 1]: aligned for pix2pix, unaligned for CycleGAN."""

    a: Tensor
    b: Tensor


Batch = Images | Pairs


class Config(BaseModel):
    """Frozen, typed settings; an unknown key is refused.  Variants are made with :meth:`model_copy`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Ramp(Config):
    """A value that moves from ``start`` to ``end`` over the first ``images`` images and then stays.

    "exponential" multiplies it by the same factor each image (both ends above 0): a decay by 0.995 an epoch
    ends, after n epochs, at ``start`` · 0.995ⁿ.
    """

    start: float
    end: float
    images: PositiveInt
    shape: Literal["linear", "cosine", "exponential"] = "cosine"

    @model_validator(mode="after")
    def _has_a_ratio(self) -> "Ramp":
        if self.shape == "exponential" and min(self.start, self.end) <= 0:
            raise ValueError(
                f"an exponential ramp from {self.start} to {self.end} (allowed: both above 0); "
                "mend it, or give the shape linear"
            )
        return self

    def at(self, images: int) -> float:
        """The value once ``images`` images have been seen."""
        t = min(images / self.images, 1.0)
        if self.shape == "exponential":
            return float(self.start * (self.end / self.start) ** t)
        t = (1 - math.cos(math.pi * t)) / 2 if self.shape == "cosine" else t
        return self.start + (self.end - self.start) * t


Value = float | Ramp
"""A number, or one that is scheduled in images."""


def value_at(value: Value, images: int) -> float:
    """The number that ``value`` is after ``images`` images."""
    return value.at(images) if isinstance(value, Ramp) else value


def ends_of(value: Value) -> tuple[float, ...]:
    """The numbers between which ``value`` stays."""
    return (value.start, value.end) if isinstance(value, Ramp) else (value,)


def _one_or_many(value: object) -> object:
    """Let ``--widths 32`` and ``--widths 64,32`` both mean a tuple."""
    if isinstance(value, str):
        return [part for part in value.split(",") if part]
    return [value] if isinstance(value, int) else value


def _names(value: object) -> object:
    """Let ``--classes 3``, which reads as a number, name a class too; composed and decomposed are one."""
    listed = _one_or_many(value)
    if not isinstance(listed, list | tuple):
        return listed
    return [normalize("NFC", str(part)) if isinstance(part, int | str) else part for part in listed]


def _one_part(value: str) -> str:
    if value in ("", ".", "..") or not {"/", "\\", "\0"}.isdisjoint(value):
        raise ValueError("no name of a folder (allowed: letters, digits, dashes, without / and \\); mend it")
    return value


Name = Annotated[str, AfterValidator(_one_part)]
"""A name that can be that of a folder."""
IntTuple = Annotated[tuple[PositiveInt, ...], BeforeValidator(_one_or_many)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class Shape(NamedTuple):
    """What one image is: channels and resolution (height = width), in pixels."""

    channels: int
    resolution: int


def always(step: int, images: int = 0) -> bool:
    """Due at every step."""
    return True


def unchanged(nets: Nets) -> None:
    """Leave the networks as the optimiser left them."""


@dataclass(frozen=True)
class Every:
    """Due at steps 0, n, 2n, …"""

    n: int

    def __call__(self, step: int, images: int = 0) -> bool:
        """Whether the phase runs at ``step``."""
        return step % self.n == 0


@dataclass(frozen=True)
class Phase:
    """One optimiser step: the networks that it trains, the loss that they minimise, when it is due.

    ``loss(nets, batch, images)`` gets the networks, this step's batch and the images seen so far, and returns
    a scalar to minimise and named scalars to report.  ``due(step, images)`` says whether it runs.
    ``after(nets)`` is done to the networks once the optimiser has stepped, without gradients: a projection
    (weight clipping), or a running mean of weights.
    """

    trains: tuple[str, ...]
    loss: Callable[[Nets, Batch, int], tuple[Tensor, Scalars]]
    due: Callable[[int, int], bool] = always
    after: Callable[[Nets], None] = unchanged


class Objective(Protocol):
    """A game: its phases and what else (image pools, levels) a checkpoint must hold."""

    @property
    def averaged(self) -> tuple[str, ...]:
        """Networks with an exponential moving average: what a snapshot is for."""
        ...

    @property
    def real_batches(self) -> int:
        """How many batches of real images one step takes."""
        ...

    def phases(self) -> tuple[Phase, ...]:
        """The phases of one step, in order."""
        ...

    def state(self) -> dict[str, nn.Module]:
        """Modules with state that are no networks."""
        ...


def mix(*numbers: int) -> int:
    """A 63-bit seed from whole numbers, so that neighbouring seeds and steps share nothing."""
    digest = hashlib.blake2b(b",".join(str(n).encode() for n in numbers), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
