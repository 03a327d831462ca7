"""What every trained model has: networks, a description, a device; and which abilities follow from its task.

An ability is a class with a few methods, one a file: :class:`Samples`, :class:`Compares`,
:class:`Reconstructs`, :class:`Translates`.  :mod:`visavis.models.load` puts them together by task.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from visavis.core import Shape
from visavis.data.decode import MODES, BrokenImageError, decode, to_mode, to_square
from visavis.data.pixels import to_float, to_uint8
from visavis.errors import UserError, unknown
from visavis.models.snapshot import Description

Pixels = NDArray[np.uint8]
Picture = Image.Image | Path | str
Label = str | int
"""The name of a class; an int stands for the name that it spells."""

ABILITIES: dict[str, tuple[tuple[str, ...], str]] = {
    "sample": (("sample", "pixels", "seeds", "interpolate", "morph", "render"), "mnist, digits, vae-digits"),
    "compare": (("compare",), "mnist, stacked-digits, siamese-catsdogs"),
    "reconstruct": (
        ("reconstruct", "between", "traverse", "telling_latents"),
        "vae-digits, vae-cifar10, vae-gan-digits",
    ),
    "translate": (("translate",), "pix2pix-facades, cyclegan-digits, superres-cifar10"),
}
"""Ability -> its methods, and some recipes that have it."""


class Model:
    """A trained model; its abilities are those of its subclass and its networks.

    ``networks`` are put on ``device`` and into evaluation mode.
    """

    ability: ClassVar[str] = ""

    def __init__(
        self, networks: dict[str, nn.Module], description: Description, device: torch.device | str = "cpu"
    ) -> None:
        self.networks = {name: net.to(device).eval() for name, net in networks.items()}
        self.description = description
        self.device = torch.device(device)
        self.origin: Path | None = None
        """The snapshot that it was loaded from."""

    def __getattr__(self, name: str) -> Any:
        """Refuse an ability's method that this model lacks, in one line."""
        for ability, (methods, recipes) in ABILITIES.items():
            if name in methods:
                able = ", ".join(self.abilities) or "nothing"
                raise UserError(
                    f"this run's task is '{self.description.task}', so it cannot {ability} (it can: {able}); "
                    f"recipes that can: {recipes}"
                )
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def abilities(self) -> tuple[str, ...]:
        """What this model can do: of ``sample``, ``compare``, ``reconstruct``, ``translate``."""
        kinds = [kind for kind in type(self).__mro__ if "ability" in vars(kind) and vars(kind)["ability"]]
        able = {kind.ability for kind in kinds if kind.able(self)}  # type: ignore[attr-defined]  # a subclass
        return tuple(name for name in ABILITIES if name in able)

    def able(self) -> bool:
        """Whether the networks for this class's ability are there."""
        return True

    @property
    def shape(self) -> Shape:
        """What one image is."""
        return self.description.shape

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes of the training data."""
        return self.description.classes

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

    def picture(self, given: Picture) -> Tensor:
        """A picture, cut square and resized to the model's resolution, ``[C, H, W]`` in [-1, 1]."""
        channels, resolution = self.shape
        if isinstance(given, Image.Image):
            square = to_square(to_mode(given, MODES[4 if channels == 4 else 3]), resolution)
        else:
            try:
                read = decode(Path(given).read_bytes(), resolution, 4 if channels == 4 else 3)
                square = Image.fromarray(read)
            except (OSError, BrokenImageError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise UserError(
                    f"cannot read the picture '{given}': {why}; give a PNG, JPEG or WebP"
                ) from None
        pixels = np.asarray(square.convert("L") if channels == 1 else square)
        return to_float(
            torch.from_numpy(pixels.copy()).reshape(resolution, resolution, channels).permute(2, 0, 1)
        )

    def picture_pixels(self, given: Picture) -> Tensor:
        """A picture at the model's resolution, uint8 ``[H, W, C]``."""
        return to_uint8(self.picture(given)[None]).permute(0, 2, 3, 1)[0]

    def save_pretrained(self, folder: str | Path, *, name: str = "", licence: str | None = None) -> None:
        """Write a folder as the hub has it: ``config.json``, ``model.safetensors``, a card with the scores.

        ``name``: what the card calls it (the folder's); ``licence``: of the weights, by the hub's identifier.
        Raises :class:`UserError` where something stands already.
        """
        from visavis.models.share import save

        save(self, Path(folder), name, licence)

    def push_to_hub(self, repository: str, *, licence: str | None = None, **how: Any) -> str:
        """Send that folder to the hub as ``owner/name``; returns the commit's address.

        ``how``: ``private``, ``token``, ``branch``, ``commit_message``, ``create_pr``, as the hub's mixin has
        them.
        """
        from visavis.models.share import push

        return push(self, repository, licence, **how)

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        device: str = "cpu",
    ) -> Self:
        """The model of a folder, or of the hub's ``owner/name``, of any task.

        Called on the class of a task it raises :class:`UserError` for a model of another.
        """
        from visavis.models.share import from_pretrained

        found = from_pretrained(
            id_or_path,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            force_download=force_download,
            device=device,
        )
        if not isinstance(found, cls):
            raise UserError(f"'{id_or_path}' is a {type(found).__name__} (asked for: {cls.__name__})")
        return found


def pictures(pixels: Pixels) -> list[Image.Image]:
    """uint8 ``[N, H, W, C]`` -> N pictures."""
    return [Image.fromarray(image[..., 0] if image.shape[2] == 1 else image) for image in pixels]


def check_steps(steps: int) -> None:
    """Refuse a walk without both ends."""
    if steps < 2:
        raise UserError(f"a walk of {steps} steps (allowed: 2 or more, with both ends); give more --steps")
