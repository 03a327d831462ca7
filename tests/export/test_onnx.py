import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import autoencoder, generator_and_critic, super_resolver

from visavis.errors import UserError
from visavis.export import onnx as room
from visavis.export.onnx import OPSET, TOLERANCE, export, run
from visavis.export.parts import parts_of

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
pytestmark = pytest.mark.xdist_group("onnx")
"""Its fixture takes long: once, in one of the test processes."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[room.Exported]:
    return export(generator_and_critic(), tmp_path_factory.mktemp("onnx") / "model.onnx")


def test_every_network_is_written_and_computes_what_pytorch_does(files: list[room.Exported]) -> None:
    assert [made.path.name for made in files] == ["model.onnx", "model-critic.onnx"]
    for made, part in zip(files, parts_of(generator_and_critic()), strict=True):
        inputs = part.examples(7)  # another batch than it was traced with
        theirs = run(made.path, inputs)[0]
        np.testing.assert_allclose(theirs, part.network(*inputs.values()).numpy(), atol=TOLERANCE, rtol=0)
        assert made.difference <= TOLERANCE


def test_the_record_stands_in_the_file(files: list[room.Exported]) -> None:
    model = onnx.load(files[0].path)
    told = {each.key: each.value for each in model.metadata_props}
    assert json.loads(told["visavis.classes"]) == ["zero", "one", "two"]
    assert json.loads(told["visavis.recipe"]) == {"name": "small"}
    assert (told["visavis.role"], told["visavis.precision"]) == ("generator", "fp32")
    assert {each.domain: each.version for each in model.opset_import}[""] == OPSET
    assert [each.name for each in model.graph.input] == ["z", "label"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param  # any batch


def test_half_precision_halves_the_weights_and_says_how_far_it_is_off(
    tmp_path: Path, files: list[room.Exported], monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    part, description = parts_of(generator_and_critic())[0], generator_and_critic().description

    def halved(part: object, record: object, path: Path, half: bool) -> None:
        model = onnx.load(files[0].path)
        onnx.save(room._sorted(convert_float_to_float16(model, keep_io_types=True)), path)

    monkeypatch.setattr(room, "_write", halved)
    made = room.export_part(part, description, tmp_path / "half.onnx", half=True)
    weights = onnx.load(made.path).graph.initializer
    assert onnx.TensorProto.FLOAT16 in {each.data_type for each in weights}
    assert 0 < made.difference < 0.05
    assert made.grey_levels is not None
    assert made.grey_levels["mean"] < made.grey_levels["largest"] == pytest.approx(127.5 * made.difference)


def test_a_network_that_computes_something_else_is_not_written(
    tmp_path: Path, files: list[room.Exported], monkeypatch: pytest.MonkeyPatch
) -> None:
    part, description = parts_of(generator_and_critic())[0], generator_and_critic().description
    for weights in part.network.parameters():
        weights.add_(0.1)
    monkeypatch.setattr(room, "_write", lambda part, record, path, half: shutil.copy(files[0].path, path))
    with pytest.raises(UserError, match=r"differs from PyTorch by .* so it is not written"):
        room.export_part(part, description, tmp_path / "other.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_gives_both_moments(tmp_path: Path) -> None:
    model = autoencoder()
    made = room.export_part(parts_of(model)[1], model.description, tmp_path / "encoder.onnx")
    assert made.outputs == ("mean", "log_variance")
    assert made.difference <= TOLERANCE


def test_a_translator_of_any_size_takes_any_size(tmp_path: Path) -> None:
    model = super_resolver()
    (made,) = export(model, tmp_path / "larger.onnx")
    x = torch.rand(2, 1, 11, 20) * 2 - 1
    theirs = run(made.path, {"images": x})[0]
    assert theirs.shape == (2, 1, 22, 40)
    np.testing.assert_allclose(theirs, model.networks["G"](x).numpy(), atol=TOLERANCE, rtol=0)


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    model = generator_and_critic()
    with pytest.raises(UserError, match=r"no name for a model .allowed: one that ends in .onnx"):
        export(model, tmp_path / "model.pt")
    (tmp_path / "model-critic.onnx").touch()
    with pytest.raises(UserError, match=r"model-critic.onnx' exists; give another --onnx"):
        export(model, tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model-critic.onnx"]
