"""A user's own extractor, ``module:path``: what may be named, and what it may return."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.features import load_extractor

SOURCE = """
import torch
from torch import nn

class Means(nn.Module):
    classes = ("dark", "bright")
    resolution = 4

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        means = self.drop(x.mean((2, 3))) * self.scale
        return means, torch.stack([-means.sum(1), means.sum(1)], 1)

def means(x):
    return x.mean((2, 3))

def make():
    return Means()

class Grey:
    channels = 1
    def __call__(self, x):
        return x.flatten(1)[:, :5]

module = Means()
number = 3
def fails(x):
    return x
def unnamed(x):
    return x.mean((2, 3)), x.mean((2, 3))
def infinite(x):
    return x.mean((2, 3)) / 0
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


IMAGES = torch.randint(0, 256, (70, 8, 8, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_a_function_of_images(file: Path) -> None:
    extractor = load_extractor(f"{file}:means")
    assert (extractor.dims, extractor.classes, extractor.resize) == (3, (), "none")
    found = extractor(IMAGES)
    assert found.logits is None
    assert_close(found.vectors, IMAGES.float().mean((1, 2)) / 127.5 - 1, rtol=1e-5, atol=1e-5)
    assert_close(extractor(IMAGES[..., :1]).vectors[:, 2], found.vectors[:, 0])


@pytest.mark.parametrize("name", ["make", "module", "Means"])
def test_a_module_or_a_factory_of_one(file: Path, name: str) -> None:
    extractor = load_extractor(f"{file}:{name}")
    assert (extractor.dims, extractor.classes) == (3, ("dark", "bright"))
    assert extractor.resize == "bicubic-pil"
    found = extractor(IMAGES)
    assert found.logits is not None
    assert_close(found.logits[:, 1], found.vectors.sum(1))
    assert torch.equal(extractor(IMAGES).vectors, found.vectors)  # no dropout
    assert load_extractor(f"{file}:{name}", resize="bilinear").resize == "bilinear"


def test_grey_only(file: Path) -> None:
    extractor = load_extractor(f"{file}:Grey")
    assert extractor(IMAGES[..., :1]).vectors.shape == (70, 5)
    with pytest.raises(UserError, match="1 channels"):
        extractor(IMAGES)


def test_the_hash_is_of_the_weights_or_of_the_source(file: Path) -> None:
    module, function = load_extractor(f"{file}:make").sha256, load_extractor(f"{file}:means").sha256
    assert load_extractor(f"{file}:module").sha256 == module != function
    file.write_text(SOURCE.replace("2.0", "3.0"))
    assert load_extractor(f"{file}:make").sha256 != module
    assert load_extractor(f"{file}:means").sha256 != function


def test_an_importable_module(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(file.parent))
    assert load_extractor("mine:Means").dims == 3


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothing_of_this_name:f", "cannot import"),
        ("{}:nothing", "has no 'nothing'"),
        ("{}x.py:f", "no file"),
        ("{}:number", "is of type int"),
        ("{}:fails", "returned vectors"),
        ("{}:unnamed", "0 classes"),
    ],
)
def test_what_is_no_extractor_is_refused_in_one_line(file: Path, name: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        load_extractor(name.format(file))
    assert "\n" not in str(caught.value)


def test_values_that_are_not_finite_weights_and_rules_without_a_size_are_refused(file: Path) -> None:
    with pytest.raises(UserError, match="not finite"):
        load_extractor(f"{file}:infinite")(IMAGES)
    with pytest.raises(UserError, match="leave out --weights"):
        load_extractor(f"{file}:means", file)
    with pytest.raises(UserError, match="attribute 'resolution'"):
        load_extractor(f"{file}:means", resize="bilinear")
