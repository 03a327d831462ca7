"""Networks whose trained weights come with the package: one file each, known by its SHA-256.

A file is safetensors with one key of metadata, ``visavis``: the network's configuration and the record of its
training.  No pickle.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from visavis.core import Config
from visavis.errors import UserError

WEIGHTS = Path(__file__).parent / "weights"

Record = dict[str, str | int | float]
Network = TypeVar("Network", bound=nn.Module)


def save_weights(network: nn.Module, config: Config, record: Record, path: Path, half: bool = False) -> str:
    """Write weights, configuration and training record to ``path``; returns the file's SHA-256.

    ``half`` stores matrices and convolutions as float16 (biases and running moments stay float32).  The same
    weights and record give the same bytes: the metadata is one key, since safetensors keeps no order.
    """
    told = json.dumps({"config": config.model_dump(), "record": record}, sort_keys=True)
    tensors = {name: _stored(tensor, half) for name, tensor in network.state_dict().items()}
    content = save(tensors, metadata={"visavis": told})
    beside = path.with_suffix(".partial")
    beside.write_bytes(content)
    beside.replace(path)
    return hashlib.sha256(content).hexdigest()


def load_weights(path: Path, sha256: str, mend: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration's fields and the state dict, float32, of a file that :func:`save_weights` wrote.

    Raises :class:`UserError` (ending in ``mend``) when the file is missing or its content is not the one that
    ``sha256`` names.
    """
    content = verified(path, sha256, mend)
    tensors: Mapping[str, Tensor] = load(content)
    state = {name: x.float() if x.is_floating_point() else x for name, x in tensors.items()}
    return _metadata(content)["config"], state


def load_record(path: Path, sha256: str, mend: str) -> Record:
    """The training record in the file, with the file's hash; errors as :func:`load_weights`."""
    return {**_metadata(verified(path, sha256, mend))["record"], "sha256": sha256}


def filled(network: Network, state: Mapping[str, Tensor]) -> Network:
    """``network`` with the weights of ``state``, in evaluation mode, without gradients of its weights."""
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def verified(path: Path, sha256: str, mend: str) -> bytes:
    """The file's bytes, once their hash is the expected one (of which ``sha256`` may be a beginning)."""
    if not path.is_file():
        raise UserError(f"no weights at '{path}'; {mend}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(sha256):
        raise UserError(
            f"weights '{path}' have SHA-256 {found[:12]}…, expected {sha256[:12]}…: corrupt or others; {mend}"
        )
    return content


def _stored(tensor: Tensor, half: bool) -> Tensor:
    smaller = half and tensor.is_floating_point() and tensor.ndim > 1
    return tensor.detach().cpu().to(torch.float16 if smaller else tensor.dtype).contiguous()


def _metadata(content: bytes) -> dict[str, Any]:
    """``config`` and ``record`` from the header of a safetensors file: eight bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    told: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["visavis"])
    return told
