import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import RepoCard
from small_models import both_ways, generator_and_critic

from visavis.errors import UserError
from visavis.export.web import runtime, site

ASSETS = {"generator.onnx": b"the model", "critic.onnx": b"another"}


@pytest.fixture(autouse=True)
def _no_export_and_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "model_assets", lambda model: ASSETS)
    monkeypatch.setattr(site, "runtime", lambda: {"ort.mjs": gzip.compress(b"{{config}}")})


def config_of(page: str) -> dict[str, object]:
    found = re.search(r'id="config">(.*?)</script>', page, re.DOTALL)
    assert found
    told: dict[str, object] = json.loads(found[1])
    return told


def test_a_folder_is_a_static_space_with_licence_and_assets(tmp_path: Path) -> None:
    told = site.write_page(generator_and_critic(), tmp_path / "site", 'di: "gits" #1')
    names = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.*")}
    assert names == {
        "README.md",
        "index.html",
        "onnxruntime-licence.txt",
        *(f"assets/{name}.gz" for name in (*ASSETS, "ort.mjs")),
    }
    assert gzip.decompress((tmp_path / "site/assets/critic.onnx.gz").read_bytes()) == b"another"
    head = RepoCard.load(tmp_path / "site/README.md").data.to_dict()
    assert (head["sdk"], head["app_file"], head["title"]) == ("static", "index.html", 'di: "gits" #1')
    assert head["colorFrom"] and head["colorTo"] and len(head["emoji"]) == 1
    assert told["without_model"] < told["bytes"]


def test_one_file_holds_everything_and_fetches_nothing(tmp_path: Path) -> None:
    site.write_page(generator_and_critic(), tmp_path / "page.html", "</script><b>{{style}}")
    page = (tmp_path / "page.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    inside = re.search(r'id="asset:generator.onnx">(.*?)</script>', page)
    assert inside
    assert gzip.decompress(base64.b64decode(inside[1])) == b"the model"
    assert "Permission is hereby granted" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?https?:""", page)
    assert config_of(page)["title"] == "</script><b>{{style}}"
    assert "<title>&lt;/script&gt;&lt;b&gt;{{style}}</title>" in page


def test_the_page_knows_what_pytorch_makes() -> None:
    model = generator_and_critic()
    told = site.configure(model, "digits", "0123")
    stored = np.frombuffer(base64.b64decode(told["proof"]), np.uint8).reshape(site.PROVEN, 1, 8, 8)
    wanted = model.pixels(site.PROVEN)
    np.testing.assert_array_equal(stored.transpose(0, 2, 3, 1), wanted)
    assert told["abilities"] == ["sample", "compare"]
    assert site.configure(both_ways(), "x", "")["abilities"] == ["translate"]


@pytest.mark.parametrize("place", ["page.html", "PAGE.HTM", "site", "taken"])
def test_what_exists_is_refused_and_left_as_it_was(tmp_path: Path, place: str) -> None:
    kept = tmp_path / place / "index.html" if place == "site" else tmp_path / place
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(UserError, match="exists; give another --web, or remove it"):
        site.write_page(generator_and_critic(), tmp_path / place, "digits")
    assert [(path, path.read_text()) for path in tmp_path.rglob("*") if path.is_file()] == [(kept, "mine")]


def test_only_the_known_tarball_is_taken(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its SHA-512 differs; fetch it again"):
        runtime.unpack(b"another release", tmp_path)
    assert list(tmp_path.iterdir()) == []


def tarball(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            told = tarfile.TarInfo(name)
            told.size = len(data)
            archive.addfile(told, io.BytesIO(data))
    return buffer.getvalue()


def test_the_known_tarball_is_unpacked_once_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tarball(
        {"package/package.json": b"{}"} | {inside: inside.encode() for inside in runtime.TAKEN.values()}
    )
    monkeypatch.setattr(runtime, "SHA512", base64.b64encode(hashlib.sha512(made).digest()).decode())
    monkeypatch.setattr(runtime, "OWN", tmp_path / "own")
    monkeypatch.setattr(runtime, "_cached", lambda: tmp_path / "cache")
    monkeypatch.setattr(runtime, "_fetched", lambda: made)
    found = runtime.runtime()
    assert {name: gzip.decompress(data).decode() for name, data in found.items()} == runtime.TAKEN
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"ort.mjs.gz", "ort.wasm.gz"}
    monkeypatch.setattr(runtime, "_fetched", lambda: pytest.fail("fetched again"))
    assert runtime.runtime() == found
    (tmp_path / "cache/ort.wasm.gz").rename(tmp_path / "cache/ort.wasm.part")
    assert runtime.unpack(made, tmp_path / "own") == runtime.runtime() == found  # where a wheel has them


def test_without_a_network_the_way_by_hand_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "OWN", tmp_path)
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"cannot fetch http://127.0.0.1:9/.*: python -m visavis.export.web"):
        runtime.runtime()
