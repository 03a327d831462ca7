"""``visavis export`` as users meet it: what it writes, sends and refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import generator_and_critic, made
from tiny import Cli, contents

from visavis.core import Shape
from visavis.export.onnx import OPSET, SEEDS, TOLERANCE
from visavis.models.model import Model
from visavis.models.snapshot import save_snapshot


def a_run(folder: Path, model: Model) -> Path:
    save_snapshot(folder / "snapshots" / "000000000005.safetensors", model.networks, model.description)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return a_run(tmp_path / "run", generator_and_critic())


def test_an_exported_folder_makes_the_same_pixels(cli: Cli, run: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    told = cli("export", run, "--to", saved, "--licence", "mit", "--json").json
    assert told == {"run": str(run), "images": 5, "to": str(saved), "judged": False}
    assert "license: mit" in (saved / "README.md").read_text()
    pixels = []
    for each in (run, saved):
        assert cli("sample", each, "-n", 3, "--seed", 2, "--out", tmp_path / "x.npz").status == 0
        with np.load(tmp_path / "x.npz") as archive:
            pixels.append({name: archive[name] for name in archive.files})
        (tmp_path / "x.npz").unlink()
    np.testing.assert_equal(*pixels)
    assert next(iter(pixels[0].values())).std() > 0


def test_pushing_sends_the_folder_with_its_licence(
    cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, dict[str, bytes]] = {}

    class Api:
        def __init__(self, token: object) -> None: ...

        def create_repo(self, repo_id: str, **_: object) -> object:
            return type("Url", (), {"repo_id": repo_id})

        def upload_folder(self, repo_id: str, folder_path: Path, **_: object) -> str:
            sent[repo_id] = contents(folder_path)
            return f"https://hub/{repo_id}/commit/1"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    told = cli("export", run, "--push", "owner/digits", "--licence", "mit", "--json").json
    assert told["pushed"] == "https://hub/owner/digits/commit/1"
    assert list(sent) == ["owner/digits"]
    assert sent["owner/digits"].keys() == {"config.json", "model.safetensors", "README.md"}
    assert b"license: mit" in sent["owner/digits"]["README.md"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], ["nothing to export", "--to FOLDER", "--push", "--onnx", "--web"]),
        (["--licence", "mit", "--onnx", "a.onnx"], ["--licence is for --to FOLDER and --push OWNER/NAME"]),
        (["--half", "--to", "a"], ["--half is for --onnx FILE"]),
        (["--to", "saved"], ["'saved' exists", "give another folder"]),
        (["--onnx", "a.onnx", "--half"], ["'a-critic.onnx' exists", "give another --onnx"]),
        (["--web", "a.html"], ["'a.html' exists", "give another --web"]),
        (["--onnx", "a.onnx", "--to", "new"], ["'a-critic.onnx' exists", "give another --onnx"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(run.parent)
    for name in ("saved/README.md", "a-critic.onnx", "a.html"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("mine")
    before = contents(run.parent)
    status, out, err = cli("export", run, *asked)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert all(word in err for word in words), err
    assert contents(run.parent) == before


@pytest.mark.xdist_group("onnx")
@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
def test_onnx_makes_what_the_run_does(cli: Cli, tmp_path: Path, half: bool) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="the extra 'export' is not installed")
    ort = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
    model = made({"G": {"kind": "mlp", "widths": [8], "z_dim": 4}}, Shape(1, 8), "generate")
    run, path = a_run(tmp_path / "run", model), tmp_path / "model.onnx"
    found = cli("export", run, "--onnx", path, *["--half"] * half, "--json").json
    assert (found["opset"], found["checked_on_seeds"]) == (OPSET, SEEDS)
    (told,) = found["onnx"]
    assert (told["file"], told["precision"]) == (str(path), "fp16" if half else "fp32")
    assert ("grey_levels" in told) == half
    assert (b"fp16" in path.read_bytes()) == half
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    (images,) = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(
        None, {"z": z.numpy()}
    )
    off = np.abs(images - model.networks["G"](z).numpy()).max()
    assert (1e-5 < off < 1e-2) if half else off <= TOLERANCE / 10
