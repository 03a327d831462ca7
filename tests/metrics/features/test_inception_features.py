"""``inception``: files that are the weights and files that are not, the download, the three rules.

The real weights are not here: a network with random ones stands in, its hash in place of theirs.
"""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch.testing import assert_close

from visavis.data.cache import root
from visavis.errors import UserError
from visavis.metrics.features import inception as inception_features
from visavis.metrics.features import load_extractor
from visavis.metrics.features.resize import RESIZE, tf1_bilinear
from visavis.networks.inception import Inception


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(Inception().state_dict(), path)
    return path


@pytest.fixture
def known(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file's hash stands for that of the real weights."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(inception_features, "SHA256", sha256[:8])
    return sha256


IMAGES = torch.randint(0, 256, (1, 32, 32, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def test_an_extractor_of_a_file(file: Path, known: str) -> None:
    extractor = replace(load_extractor("inception", file), batch_size=1)  # a batch of 32 takes seconds
    assert (extractor.sha256, extractor.dims, extractor.resize) == (known, 2048, "tf1-bilinear")
    network = Inception()
    network.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        x = (tf1_bilinear(IMAGES.permute(0, 3, 1, 2).float(), 299) - 128) / 128
        expected = network.eval().features(x)
        unbiased = network.fc(expected) - network.fc.bias
    found = extractor(IMAGES)
    assert_close(found.vectors, expected, rtol=1e-4, atol=1e-5)
    assert found.logits is not None
    assert_close(found.logits, unbiased, rtol=1e-3, atol=1e-4)
    assert len(extractor.classes) == found.logits.shape[1] == 1008


@pytest.mark.parametrize("rule", RESIZE)
def test_what_the_network_sees_under_each_rule(
    rule: str, file: Path, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inception, "features", lambda self, x: x.flatten(1)[:, 5000:7048])
    pixels = RESIZE[rule](IMAGES.permute(0, 3, 1, 2).float(), 299).flatten(1)[:, 5000:7048]
    extractor = load_extractor("inception", file, rule)
    assert extractor.resize == rule
    expected = pixels / 127.5 - 1 if rule == "bilinear" else pixels / 128 - 1
    assert_close(extractor(IMAGES).vectors, expected, rtol=0, atol=1e-5)


def test_a_state_dict_without_counters_loads_too(file: Path, tmp_path: Path) -> None:
    state = torch.load(file, weights_only=True)
    path = tmp_path / "old.pth"
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)
    loaded = inception_features.load_inception(path)
    assert torch.equal(loaded.fc.weight, state["fc.weight"])
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


@pytest.mark.parametrize("change", ["missing", "additional", "pickle", "bytes"])
def test_a_file_that_is_no_state_dict_of_it_is_refused(change: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    state: Any = {"fc.weight": torch.zeros(1008, 2048)}
    if change == "additional":
        state = {**Inception().state_dict(), "AuxLogits.fc.bias": torch.zeros(3)}
    if change == "pickle":
        state = {"fc.weight": Path("code")}
    torch.save(state, path)
    if change == "bytes":
        path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="holds no weights of Inception") as caught:
        inception_features.load_inception(path)
    assert "\n" not in str(caught.value)


def test_another_file_is_refused_by_its_hash(file: Path) -> None:
    with pytest.raises(UserError, match="SHA-256") as caught:
        load_extractor("inception", file)
    assert "expected 6726825d" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no weights at"):
        load_extractor("inception", file.with_name("none.pth"))


def test_a_rule_that_it_does_not_know_is_refused(file: Path) -> None:
    with pytest.raises(UserError, match="'none'"):
        load_extractor("inception", file, "none")


def test_without_network_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(url: str, timeout: float) -> io.BytesIO:
        raise URLError("Network is unreachable")

    monkeypatch.setattr(inception_features.urllib.request, "urlopen", fails)
    with pytest.raises(UserError, match="download fails") as caught:
        load_extractor("inception")
    told = str(caught.value)
    assert "\n" not in told
    assert inception_features.URL in told
    assert "--weights" in told
    assert not list((root() / "weights").iterdir())


def test_a_download_is_kept_only_when_its_hash_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path))
    asked = []

    def sends(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(b"weights")

    monkeypatch.setattr(inception_features.urllib.request, "urlopen", sends)
    with pytest.raises(UserError, match="is not kept"):
        inception_features.weights_file()
    assert not list((tmp_path / "weights").iterdir())
    monkeypatch.setattr(inception_features, "SHA256", hashlib.sha256(b"weights").hexdigest()[:8])
    path = inception_features.weights_file()
    assert path.read_bytes() == b"weights"
    assert inception_features.weights_file() == path  # no second download
    assert asked == [inception_features.URL] * 2
    assert [p.name for p in (tmp_path / "weights").iterdir()] == [inception_features.FILE]
