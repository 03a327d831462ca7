import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from visavis import files
from visavis.core import Shape
from visavis.errors import UserError
from visavis.models import snapshot
from visavis.models.snapshot import CHECKPOINT, FORMAT, PREVIOUS, Description
from visavis.networks import ResidualGenerator, build

CONFIG = ResidualGenerator(widths=(4, 4), z_dim=3).model_dump(mode="json")


@pytest.fixture
def described() -> Description:
    return Description(
        networks={"G": CONFIG},
        shape=Shape(3, 8),
        classes=("cat", "dög"),
        conditional=True,
        images=12,
        recipe={"name": "x"},
        version="0",
    )


def test_a_snapshot_is_enough_to_rebuild_its_networks(tmp_path: Path, described: Description) -> None:
    networks = build({"G": CONFIG}, Shape(3, 8), 2)
    path = snapshot.snapshot_path(tmp_path, 12)
    snapshot.save_snapshot(path, networks, described)
    assert path.name == "000000000012.safetensors"
    again, told = snapshot.load_snapshot(path)
    assert told == described and not again["G"].training
    assert not any(p.requires_grad for p in again["G"].parameters())
    for name, tensor in networks["G"].state_dict().items():
        assert torch.equal(again["G"].state_dict()[name], tensor)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.update(format=FORMAT + 1),
        lambda told: told.pop("format"),
        lambda told: told.pop("shape"),
        lambda told: told.update(later=1),
        lambda told: told["networks"]["G"].update(kind="later"),
        lambda told: told["networks"]["G"].update(widths=[8, 8]),
        lambda told: told["networks"].update(D=CONFIG),
    ],
)
def test_what_another_version_writes_is_refused(
    spoil: object, tmp_path: Path, described: Description
) -> None:
    path = tmp_path / "x.safetensors"
    snapshot.save_snapshot(path, build({"G": CONFIG}, Shape(3, 8), 2), described)
    with snapshot.safe_open(path, "pt") as opened:
        told = json.loads(opened.metadata()["visavis"])
    spoil(told)  # type: ignore[operator]
    save_file(load_file(path), path, {"visavis": json.dumps(told)})
    with pytest.raises(UserError, match="version"):
        snapshot.load_snapshot(path)


def test_a_snapshot_whose_content_changed_is_refused(tmp_path: Path, described: Description) -> None:
    path = tmp_path / "x.safetensors"
    snapshot.save_snapshot(path, build({"G": CONFIG}, Shape(3, 8), 2), described)
    content = path.read_bytes()
    path.write_bytes(content[:-8] + b"\xff" * 8)
    with pytest.raises(UserError, match="damaged"):
        snapshot.load_snapshot(path)
    path.write_bytes(content[:100])
    with pytest.raises(UserError, match=r"cannot be read.*; give a run's folder"):
        snapshot.load_snapshot(path)
    path.write_bytes(content)
    snapshot.load_snapshot(path)


@pytest.mark.parametrize(
    "config", [{**CONFIG, "z_dim": -1}, {**CONFIG, "widths": [4]}, {**CONFIG, "widths": [-1, 2]}]
)
def test_networks_that_cannot_be_built_are_the_users_mistake(config: dict[str, object]) -> None:
    with pytest.raises(UserError):
        build({"G": config}, Shape(3, 8), 0)


def test_the_newest_snapshot_is_the_one_meant(tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    with pytest.raises(UserError, match="no snapshot yet"):
        snapshot.find_snapshot(tmp_path)
    for name in ("000000000009", "000000000010", "zebra"):
        (tmp_path / "snapshots" / f"{name}.safetensors").write_text("")
    assert snapshot.find_snapshot(tmp_path).stem == "000000000010"
    assert snapshot.find_snapshot(tmp_path / "snapshots" / "zebra.safetensors").stem == "zebra"
    with pytest.raises(UserError, match="no run at"):
        snapshot.find_snapshot(tmp_path / "no")


TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3).t(),
    "empty": torch.empty(0),
    "b": torch.tensor(2.5),
    "c": torch.ones(2, dtype=torch.bfloat16),
}


def test_a_checkpoint_gives_back_what_it_took_and_keeps_the_one_before(tmp_path: Path) -> None:
    assert snapshot.load_checkpoint(tmp_path) is None
    snapshot.save_checkpoint(tmp_path, TENSORS, {"images": 1})
    snapshot.save_checkpoint(tmp_path, {**TENSORS, "a": TENSORS["a"] + 1}, {"images": 2, "seconds": 0.1})
    found = snapshot.load_checkpoint(tmp_path)
    assert found is not None and found.numbers == {"images": 2, "seconds": 0.1} and not found.complaints
    assert torch.equal(found.tensors["a"], TENSORS["a"] + 1) and found.tensors["c"].dtype == torch.bfloat16
    assert torch.equal(load_file(tmp_path / PREVIOUS)["a"], TENSORS["a"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [PREVIOUS, CHECKPOINT]


@pytest.mark.parametrize("offset", [0, 9, 60, -1, -30])
def test_any_flipped_byte_shows(offset: int, tmp_path: Path) -> None:
    """In the header, its metadata or the tensors."""
    snapshot.save_checkpoint(tmp_path, TENSORS, {"images": 1})
    snapshot.save_checkpoint(tmp_path, TENSORS, {"images": 2})
    data = bytearray((tmp_path / CHECKPOINT).read_bytes())
    data[offset] ^= 4
    (tmp_path / CHECKPOINT).write_bytes(data)
    found = snapshot.load_checkpoint(tmp_path)
    assert found is not None and found.numbers == {"images": 1} and len(found.complaints) == 1


@pytest.mark.parametrize("when", ["write", "fsync", "rename"])
def test_a_save_that_fails_loses_nothing(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot.save_checkpoint(tmp_path, TENSORS, {"images": 1})
    snapshot.save_checkpoint(tmp_path, TENSORS, {"images": 2})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if when == "write":
        monkeypatch.setattr(Path, "write_bytes", fail)
    elif when == "fsync":
        monkeypatch.setattr(files.os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UserError, match="disk is full"):
        snapshot.save_checkpoint(tmp_path, TENSORS, {"images": 3})
    monkeypatch.undo()
    found = snapshot.load_checkpoint(tmp_path)
    assert found is not None and found.numbers == {"images": 2} and not found.complaints
