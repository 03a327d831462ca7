"""Two files: the snapshot, to generate with; the checkpoint, to resume from.  Both safetensors, no pickle."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from visavis import files
from visavis.core import Shape
from visavis.errors import UserError, unknown
from visavis.networks import build

FORMAT = 1
CHECKPOINT = "checkpoint.safetensors"
PREVIOUS = "checkpoint-previous.safetensors"
BEST = "best.safetensors"
WEIGHTS = "model.safetensors"
"""The snapshot of a folder of the hub, as others name it."""


@dataclass(frozen=True)
class Description:
    """What a snapshot says of itself: enough to rebuild its networks and to use them."""

    networks: Mapping[str, Any]
    shape: Shape
    classes: tuple[str, ...]
    conditional: bool
    images: int
    recipe: Mapping[str, Any]
    version: str
    task: str = "generate"
    shrunk: float = 1.0
    """How many times larger a translator's training files were than what it was trained on."""

    @property
    def condition_classes(self) -> int:
        """How many classes the networks know; 0 if they are unconditional."""
        return len(self.classes) if self.conditional else 0


def save_snapshot(path: Path, networks: Mapping[str, nn.Module], description: Description) -> None:
    """Write the networks' weights with the description in the file's metadata."""
    tensors = {
        f"{name}.{key}": value for name, net in networks.items() for key, value in net.state_dict().items()
    }
    described = {**vars(description), "format": FORMAT, "shape": list(description.shape)}
    with files.atomic(path) as fresh:
        fresh.write_bytes(_packed(tensors, "visavis", json.dumps(described, sort_keys=True)))


def load_snapshot(path: Path) -> tuple[dict[str, nn.Module], Description]:
    """The networks (eval mode, frozen) and the description.

    Raises :class:`UserError` for a file of another kind, and for one whose content has changed since.
    """
    try:
        tensors, metadata = _load(path)
    except UserError as error:
        raise UserError(f"{error}; give a run's folder or a file of its snapshots/") from None
    if "visavis" not in metadata:
        raise UserError(
            f"'{path}' is no snapshot of visavis; give a run's folder or a file of its snapshots/"
        )
    if "digest" in metadata:  # snapshots of version 0.1.0's first days have none
        _check_digest(path, tensors, metadata, "visavis", "give another snapshot of the run")
    try:
        description = _described(metadata["visavis"])
        networks = build(description.networks, description.shape, description.condition_classes)
        for name, net in networks.items():
            prefix = f"{name}."
            net.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
            net.eval().requires_grad_(False)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"'{path}' is not what this version of visavis writes ({error}); use the version that made it"
        ) from error
    return networks, description


def _described(text: str) -> Description:
    plain = json.loads(text)
    form = plain.pop("format", None)
    if form != FORMAT:
        raise ValueError(f"format {form}, allowed: {FORMAT}")
    return Description(
        **plain | {"shape": Shape(*plain["shape"]), "classes": tuple(plain["classes"])},
    )


def snapshot_path(folder: Path, images: int) -> Path:
    """``snapshots/<12 digits: images seen>.safetensors``."""
    return folder / "snapshots" / f"{images:012d}.safetensors"


def snapshots(folder: Path) -> list[Path]:
    """A run's snapshots, the oldest first; other files beside them are none of its own."""
    return sorted((folder / "snapshots").glob(f"{'[0-9]' * 12}.safetensors"))


def find_snapshot(path: Path) -> Path:
    """The snapshot that a path means: the file itself, the newest of a run's, an exported folder's.

    ``RUN@best`` is the best that a run kept, ``RUN@25600`` the one after so many images.
    """
    if path.is_file():
        return path
    if (named := split_name(path)) is not None:
        return _named(*named)
    if not path.is_dir():
        raise UserError(f"no run at '{path}'; train one with: visavis train --out {path}")
    found = snapshots(path)
    if not found and (path / WEIGHTS).is_file():
        files.need_finished(path)
        return path / WEIGHTS
    if not found:
        raise UserError(
            f"'{path}' holds no snapshot yet; where it is in training, wait for its first "
            f"(visavis demo {path} shows how far it is), else train on with: visavis train --out {path}"
        )
    return found[-1]


def split_name(path: Path) -> tuple[Path, str] | None:
    """``RUN@best`` as the run's folder and ``best``; None for a path without such an ending."""
    name, at, which = path.name.rpartition("@")
    folder = path.with_name(name) if name else path
    return (folder, which) if at and name and not path.exists() and folder.is_dir() else None


def _named(folder: Path, which: str) -> Path:
    found = {str(int(path.stem)): path for path in snapshots(folder)}
    if (folder / BEST).is_file():
        found["best"] = folder / BEST
    if which not in found:
        raise unknown("snapshot", which, found)
    return found[which]


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Write a complete checkpoint; the one before stays beside it, whatever happens in between."""
    packed = _packed(tensors, "numbers", json.dumps(numbers, sort_keys=True))
    current = folder / CHECKPOINT
    with files.atomic(current) as fresh:
        fresh.write_bytes(packed)
        if current.exists():
            current.replace(folder / PREVIOUS)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read, and what was wrong with a newer one."""

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]
    complaints: Sequence[str] = ()


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest sound checkpoint of a run; None if there is none.

    Raises :class:`UserError` if there are checkpoints and none is sound.
    """
    complaints: list[str] = []
    for name in (CHECKPOINT, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        try:
            tensors, metadata = _load(path)
            _check_digest(path, tensors, metadata, "numbers")
            return Checkpoint(tensors, json.loads(metadata["numbers"]), complaints)
        except UserError as error:
            complaints.append(str(error))
    if complaints:
        raise UserError(f"{'; '.join(complaints)}; --fresh starts over, --init takes a snapshot's weights")
    return None


def _packed(tensors: Mapping[str, Tensor], key: str, text: str) -> bytes:
    """A safetensors file of ``tensors`` with ``text`` and a digest of both in its metadata.

    As bytes: safetensors' own writing of files leaves others behind when it is killed.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, {key: text, "digest": _digest(plain, text)})


def _check_digest(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], key: str, mend: str = ""
) -> None:
    if metadata.get("digest") != _digest(tensors, metadata.get(key, "")):
        raise UserError(
            f"'{path}' is damaged: its content does not match its digest{'; ' if mend else ''}{mend}"
        )


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}, dict(opened.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"'{path}' cannot be read: {error}") from None


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
