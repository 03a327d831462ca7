"""Files of shipped weights: what is stored as float16, and what comes back."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from visavis.core import Config
from visavis.errors import UserError
from visavis.networks.shipped import filled, load_record, load_weights, save_weights, verified


class Wide(Config):
    width: int = 3


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_half_stores_matrices_as_float16_and_loads_float32(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    sha256 = save_weights(network(), Wide(width=5), {"name": "w"}, path, half=True)
    kinds = {name: tensor.dtype for name, tensor in load_file(path).items()}
    assert kinds["0.weight"] == kinds["3.weight"] == torch.float16
    assert kinds["0.bias"] == kinds["1.running_var"] == torch.float32
    config, state = load_weights(path, sha256, "mend")
    assert config == {"width": 5}
    loaded = filled(network(), state)
    assert loaded[0].weight.dtype == torch.float32
    assert torch.equal(loaded[0].weight, network()[0].weight.half().float())
    assert torch.equal(loaded[0].bias, network()[0].bias)
    assert load_record(path, sha256, "mend") == {"name": "w", "sha256": sha256}


def test_without_half_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    _, state = load_weights(path, save_weights(network(), Wide(), {}, path), "mend")
    assert all(torch.equal(state[name], tensor) for name, tensor in network().state_dict().items())


def test_a_hash_may_be_given_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    sha256 = save_weights(network(), Wide(), {}, path)
    assert verified(path, sha256[:8], "mend") == path.read_bytes()
    with pytest.raises(UserError, match="mend this"):
        verified(path, "0" * 8 if sha256[:8] != "0" * 8 else "1" * 8, "mend this")
