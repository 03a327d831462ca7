import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import autoencoder, generator_and_critic, leave_the_start, made, super_resolver

from visavis.core import Shape
from visavis.errors import UserError
from visavis.export import onnx as room
from visavis.export.onnx import OPSET, TOLERANCE, export, run
from visavis.export.parts import all_parts, parts_of
from visavis.models.model import Model

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
pytestmark = pytest.mark.xdist_group("onnx")
"""Its fixture takes long: once, in one of the test processes."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[room.Exported]:
    return export(generator_and_critic(), tmp_path_factory.mktemp("onnx") / "model.onnx")


def test_every_network_is_written_and_computes_what_pytorch_does(files: list[room.Exported]) -> None:
    assert [each.path.name for each in files] == ["model.onnx", "model-critic.onnx"]
    for each, part in zip(files, parts_of(generator_and_critic()), strict=True):
        inputs = part.examples(7)  # another batch than it was traced with
        theirs = run(each.path, inputs)[0]
        np.testing.assert_allclose(theirs, part.network(*inputs.values()).numpy(), atol=TOLERANCE, rtol=0)
        assert each.difference <= TOLERANCE


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


@pytest.mark.parametrize(
    "generator",
    [
        {"kind": "conv-decoder", "widths": [8], "z_dim": 6, "norm": "batch"},
        {"kind": "stylegan2", "width": 4, "widest": 4, "z_dim": 4, "w_dim": 4, "mapping": 1},
    ],
    ids=["running statistics", "noise"],
)
def test_what_is_nothing_at_the_start_goes_along(generator: dict[str, object], tmp_path: Path) -> None:
    model = made({"G": generator}, Shape(1, 8), "generate")
    (part,) = parts_of(model)
    inputs = part.examples(7)
    fresh = part.network(*inputs.values())
    leave_the_start(part.network)
    expected = part.network(*inputs.values())
    assert (expected - fresh).abs().amax((1, 2, 3)).min() > 0.1
    room.export_part(part, model.description, tmp_path / "model.onnx")
    theirs = run(tmp_path / "model.onnx", inputs)[0]
    np.testing.assert_allclose(theirs, expected.numpy(), atol=TOLERANCE, rtol=0)


def single_critic() -> Model:
    residual = {"kind": "residual", "widths": [8, 8]}
    critic = {"kind": "pair", "head": "single", "branch": residual | {"features": 8}, "pack": 2}
    return made({"G": residual | {"z_dim": 8}, "D": critic}, Shape(1, 8), "generate")


def test_a_critic_of_packed_images_scores_each_pack(tmp_path: Path) -> None:
    model = single_critic()
    part = all_parts(model)[1]
    room.export_part(part, model.description, tmp_path / "critic.onnx")
    images = torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    score = run(tmp_path / "critic.onnx", {"images": images})[0]
    assert score.shape == (5,)
    np.testing.assert_allclose(score, part.network(images).numpy(), atol=TOLERANCE, rtol=0)


def test_a_logit_may_be_off_by_a_share_of_the_largest_and_else_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = single_critic()
    generator, critic = all_parts(model)
    model.networks["D"].head.bias.fill_(-500)
    off = 0.02

    def computed(_: Path, inputs: dict[str, torch.Tensor]) -> list[object]:
        if "z" in inputs:
            return [generator.network(*inputs.values()).numpy()]
        return [critic.network(*inputs.values()).numpy() + off]

    monkeypatch.setattr(room, "_write", lambda part, record, path, half: path.touch())
    monkeypatch.setattr(room, "run", computed)
    assert [each.role for each in export(model, tmp_path / "one.onnx")] == ["generator", "critic"]
    off = 0.1
    with pytest.raises(UserError, match=r"the critic's export differs from PyTorch by 0.1 .*allowed: 0.05"):
        export(model, tmp_path / "other.onnx")
    assert {path.name for path in tmp_path.iterdir()} == {"one.onnx", "one-critic.onnx"}


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
