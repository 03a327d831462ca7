"""From a run or a snapshot to the model of its task: one table, task -> class."""

from pathlib import Path

import torch
from torch import nn

from visavis.data.hub import is_hub_name
from visavis.errors import UserError
from visavis.models.autoencoder import Reconstructs
from visavis.models.critic import Compares
from visavis.models.generator import Samples
from visavis.models.model import Model
from visavis.models.snapshot import Description, find_snapshot, load_snapshot
from visavis.models.translator import Translates
from visavis.training.devices import pick_device


class Generator(Samples, Compares):
    """A trained generator, and its critic where the snapshot has one that compares."""


class Autoencoder(Samples, Compares, Reconstructs):
    """A trained encoder and decoder, and the critic where the snapshot has one."""


class ImageTranslator(Translates):
    """A trained network from image to image."""


TASKS: dict[str, type[Model]] = {
    "generate": Generator,
    "reconstruct": Autoencoder,
    "translate": ImageTranslator,
}


def model_of(
    networks: dict[str, nn.Module], description: Description, device: torch.device | str = "cpu"
) -> Model:
    """The model of these networks: the class of their task; :class:`UserError` for an unknown task."""
    if description.task not in TASKS:
        raise UserError(
            f"a snapshot of the unknown task '{description.task}' (allowed: {', '.join(TASKS)}); "
            "use the version of visavis that made it"
        )
    return TASKS[description.task](networks, description, device)


def load(run: str | Path, device: str = "cpu") -> Model:
    """A model, ready to use: the newest snapshot of a run, a snapshot, an exported folder, one of the hub.

    ``owner/name`` is looked for on the hub where neither it nor a folder ``owner`` is here.
    """
    path = find_snapshot(local(run))
    model = model_of(*load_snapshot(path), device=pick_device(str(device)))
    model.origin = path
    return model


def local(run: str | Path) -> Path:
    """The path of a run, fetched into the cache if it is one of the hub."""
    path = Path(run).expanduser()
    if path.exists() or path.parent.exists() or not is_hub_name(str(run)):
        return path
    from visavis.models.share import fetch

    return fetch(str(run))
